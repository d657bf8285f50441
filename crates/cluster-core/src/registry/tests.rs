use super::*;

fn key(name: &str) -> ClusterKey {
    ClusterKey { endpoint: "https://cloud.example".into(), id: Some(Uuid::new_v4()), name: name.into() }
}

#[test]
fn the_last_one_out_is_told_to_suspend() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(folder.path()).unwrap();
    let cluster = key("staging");
    let mut first = registry.hold(&cluster).unwrap().unwrap();
    first.oblige(Cause::Resumed).unwrap();
    let mut second = registry.hold(&cluster).unwrap().unwrap();
    assert_eq!(first.leave().unwrap(), Departure::Stays { others: 1 });
    drop(first);
    assert_eq!(second.leave().unwrap(), Departure::Suspend { cause: Cause::Resumed });
    assert!(registry.hold(&cluster).unwrap().is_none(), "nobody may hold what is being suspended");
    second.left(true).unwrap();
    assert!(registry.records().unwrap().is_empty());
    assert_eq!(std::fs::read_dir(folder.path().join("clusters")).unwrap().count(), 0, "no file is left");
}

#[test]
fn what_nobody_started_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(folder.path()).unwrap();
    let mut hold = registry.hold(&key("found-running")).unwrap().unwrap();
    assert_eq!(hold.leave().unwrap(), Departure::Stays { others: 0 });
    assert!(registry.records().unwrap().is_empty());
}

#[test]
fn what_is_kept_is_owed_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(folder.path()).unwrap();
    let mut hold = registry.hold(&key("kept")).unwrap().unwrap();
    hold.oblige(Cause::Created).unwrap();
    hold.release().unwrap();
    assert_eq!(hold.leave().unwrap(), Departure::Stays { others: 0 });
}

#[test]
fn an_obligation_outlives_who_took_it_on() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(folder.path()).unwrap();
    let cluster = key("forgotten");
    let hold = registry.hold(&cluster).unwrap().unwrap();
    hold.oblige(Cause::Resumed).unwrap();
    drop(hold);
    let records = registry.records().unwrap();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert!(record.holders.is_empty());
    let owed = record.open().unwrap().id;
    registry.settle(&cluster, &[Uuid::new_v4()]).unwrap();
    assert_eq!(registry.records().unwrap().len(), 1, "another obligation than that one");
    registry.settle(&cluster, &[owed]).unwrap();
    assert!(registry.records().unwrap().is_empty());
}

#[test]
fn a_process_that_is_gone_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(folder.path()).unwrap();
    let cluster = key("orphaned");
    let hold = registry.hold(&cluster).unwrap().unwrap();
    hold.oblige(Cause::Resumed).unwrap();
    // Another process would leave exactly this behind: a record of a session whose file nobody locks.
    let path = registry.path(&cluster);
    let text = std::fs::read_to_string(&path).unwrap();
    let gone = Uuid::new_v4();
    std::fs::write(folder.path().join(format!("sessions/{gone}.lock")), "").unwrap();
    std::mem::forget(hold);
    std::fs::write(&path, text.replace(&registry.session.id.to_string(), &gone.to_string())).unwrap();
    let records = registry.records().unwrap();
    assert!(records[0].holders.is_empty() && records[0].open().is_some(), "{records:?}");
    let mut next = registry.hold(&cluster).unwrap().unwrap();
    assert_eq!(next.leave().unwrap(), Departure::Suspend { cause: Cause::Resumed });
    next.left(false).unwrap();
    assert_eq!(registry.records().unwrap().len(), 1, "what could not be done is still owed");
}

#[test]
fn a_record_that_makes_no_sense_is_an_error_and_no_licence() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(folder.path()).unwrap();
    let cluster = key("broken");
    std::fs::write(registry.path(&cluster), "{\"cluster\": 1").unwrap();
    assert!(registry.hold(&cluster).is_err());
    assert!(registry.records().is_err());
}

#[test]
fn what_was_accepted_is_no_longer_owed_by_who_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(folder.path()).unwrap();
    let cluster = key("under-way");
    let mut hold = registry.hold(&cluster).unwrap().unwrap();
    hold.oblige(Cause::Resumed).unwrap();
    assert!(matches!(hold.leave().unwrap(), Departure::Suspend { .. }));
    hold.accepted().unwrap();
    // The process ends before it knows how that went.
    drop(hold);
    assert!(registry.records().unwrap()[0].obligations[0].accepted.is_some());
    let mut next = registry.hold(&cluster).unwrap().unwrap();
    assert_eq!(next.leave().unwrap(), Departure::Stays { others: 0 }, "somebody else has started it since");
    let mut third = registry.hold(&cluster).unwrap().unwrap();
    third.oblige(Cause::Resumed).unwrap();
    assert_eq!(third.leave().unwrap(), Departure::Suspend { cause: Cause::Resumed });
    third.left(true).unwrap();
    assert!(registry.records().unwrap().is_empty());
}

#[test]
fn who_did_not_start_it_withdraws_without_taking_from_others() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(folder.path()).unwrap();
    let cluster = key("both");
    let mut starter = registry.hold(&cluster).unwrap().unwrap();
    let mut other = registry.hold(&cluster).unwrap().unwrap();
    let withdrawn = other.oblige(Cause::Resumed).unwrap();
    starter.oblige(Cause::Resumed).unwrap();
    other.withdraw(withdrawn).unwrap();
    assert_eq!(starter.leave().unwrap(), Departure::Stays { others: 1 });
    drop(starter);
    assert_eq!(other.leave().unwrap(), Departure::Suspend { cause: Cause::Resumed });
    other.left(true).unwrap();
    assert!(registry.records().unwrap().is_empty());
}
