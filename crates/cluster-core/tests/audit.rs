//! The audit: chains that can't be changed, forked or cut without it showing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod places;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;
use clusterkeep_core::audit::{Audit, Entry, Event, JsonlAudit, MemoryAudit, Record, Sink, TableAudit, verify};
use clusterkeep_core::sql::{Db, Engine, Session, SqlBuilder, sql};
use clusterkeep_core::state::State;
use serde_json::json;

use crate::places::{Place, noon, on_each_engine, on_servers};

on_each_engine! {
    a_table_keeps_a_chain,
    a_row_that_was_changed_is_named,
    a_row_that_was_removed_is_named,
    a_record_of_a_table_may_be_long,
    writers_at_once_never_fork_a_chain,
    chains_of_one_table_are_apart,
    an_outcome_goes_with_its_transaction,
}

// Without transactions, and with a way of its own of appending.
on_servers! { cratedb:
    a_table_keeps_a_chain,
    a_row_that_was_changed_is_named,
    a_row_that_was_removed_is_named,
    a_record_of_a_table_may_be_long,
    writers_at_once_never_fork_a_chain,
    chains_of_one_table_are_apart,
}

fn entry(n: u32) -> Entry {
    Entry {
        at: noon() + TimeDelta::seconds(n.into()),
        actor: "Zoë\n'; --".to_owned(),
        event: [Event::Began, Event::Intent, Event::Outcome, Event::Ended][n as usize % 4],
        subject: "letters:\"test\"".to_owned(),
        plan: "5f1c9ad2".repeat(8),
        as_of: noon(),
        step: Some(n).filter(|n| n % 2 == 0),
        data: if n.is_multiple_of(3) { json!(null) } else { json!({ "rows": n, "share": 0.1, "text": "☂" }) },
    }
}

fn entries(numbers: impl IntoIterator<Item = u32>) -> Vec<Entry> {
    numbers.into_iter().map(entry).collect()
}

async fn all(sink: &dyn Sink) -> Vec<Record> {
    sink.read(1, usize::MAX).await.unwrap()
}

/// Where a chain is broken.
fn broken_at(records: &[Record]) -> Option<u64> {
    verify(None, records).err().map(|found| found.number)
}

async fn keeps_a_chain(sink: &dyn Sink) {
    assert_eq!(sink.head().await.unwrap(), None);
    assert_eq!(all(sink).await, []);
    assert!(sink.append(Vec::new()).await.is_err(), "there is no head to give");
    assert_eq!(sink.append(entries(1..2)).await.unwrap().number, 1);
    assert_eq!(sink.append(entries(2..7)).await.unwrap().number, 6);
    let head = sink.append(entries(7..8)).await.unwrap();
    assert_eq!(sink.append(Vec::new()).await.unwrap(), head, "nothing changes nothing");
    assert_eq!(sink.head().await.unwrap(), Some(head.clone()));

    let records = all(sink).await;
    assert_eq!(verify(None, &records).unwrap(), Some(head.clone()));
    let said: Vec<Entry> = records.iter().map(|record| record.entry().unwrap()).collect();
    assert_eq!(said, entries(1..8), "what is read is what was written");
    // Page by page, as it is read where it is long.
    let first = verify(None, &sink.read(1, 3).await.unwrap()).unwrap();
    assert_eq!(first.as_ref().unwrap().number, 3);
    let rest = sink.read(4, 100).await.unwrap();
    assert_eq!(rest.len(), 4);
    assert_eq!(verify(first, &rest).unwrap(), Some(head));
    assert!(verify(None, &rest).is_err(), "a chain begins at its beginning");
    assert_eq!(sink.recent(entry(5).at).await.unwrap(), entries([7, 6, 5]), "newest first, and no older");
}

#[tokio::test]
async fn memory_keeps_a_chain() {
    keeps_a_chain(&MemoryAudit::default()).await;
}

#[tokio::test]
async fn a_file_keeps_a_chain() {
    let folder = tempfile::tempdir().unwrap();
    keeps_a_chain(&JsonlAudit::at(folder.path().join("not/there/yet.jsonl"))).await;
}

async fn a_table_keeps_a_chain(place: Place) {
    keeps_a_chain(&TableAudit::new(place.with_state().await, "main")).await;
    // Another program goes on with it.
    let other = TableAudit::new(place.open().await, "main");
    assert_eq!(other.append(entries(8..9)).await.unwrap().number, 8);
    assert_eq!(broken_at(&all(&other).await), None);
}

async fn chain_of(numbers: impl IntoIterator<Item = u32>) -> Vec<Record> {
    let sink = MemoryAudit::default();
    sink.append(entries(numbers)).await.unwrap();
    all(&sink).await
}

#[tokio::test]
async fn whatever_is_changed_is_named() {
    type Change = fn(&mut Record);
    let changes: [(&str, Change); 10] = [
        ("chain", |record| record.chain.push('x')),
        ("number, up", |record| record.number += 1),
        ("number, down", |record| record.number -= 1),
        ("body", |record| record.body = record.body.replace("letters", "numbers")),
        ("body, one space", |record| record.body.push(' ')),
        ("body, gone", |record| record.body.clear()),
        ("prev", |record| record.prev = "0".repeat(64)),
        ("prev, gone", |record| record.prev = "none".to_owned()),
        ("hash", |record| record.hash = "0".repeat(64)),
        ("hash, in capitals", |record| record.hash = record.hash.to_uppercase()),
    ];
    let whole = chain_of(1..7).await;
    assert_eq!(broken_at(&whole), None);
    for at in 0..whole.len() {
        for (what, change) in changes {
            let mut records = whole.clone();
            change(&mut records[at]);
            assert_eq!(broken_at(&records), Some(at as u64 + 1), "{what} of record {}", at + 1);
        }
    }
}

#[tokio::test]
async fn what_is_missing_put_in_or_moved_is_named() {
    let whole = chain_of(1..7).await;
    for at in 0..5 {
        let mut removed = whole.clone();
        removed.remove(at);
        assert_eq!(broken_at(&removed), Some(at as u64 + 1), "it is missing");
        let mut twice = whole.clone();
        twice.insert(at, whole[at].clone());
        assert_eq!(broken_at(&twice), Some(at as u64 + 2), "the second one is too many");
        let mut swapped = whole.clone();
        swapped.swap(at, at + 1);
        assert_eq!(broken_at(&swapped), Some(at as u64 + 1));
    }
    // Somebody who knows how hashes are made forges a record that is right in itself: the next one does not know it.
    let forged = chain_of([1, 2, 99]).await.pop().unwrap();
    let mut records = whole.clone();
    records[2] = forged;
    let found = verify(None, &records).unwrap_err();
    assert_eq!(found.to_string(), "record 4 names another record as the one before");
}

#[tokio::test]
async fn a_cut_tail_shows_by_the_head_that_was_printed() {
    let sink = MemoryAudit::default();
    let printed = sink.append(entries(1..7)).await.unwrap();
    let mut records = all(&sink).await;
    assert_eq!(verify(None, &records).unwrap(), Some(printed.clone()));
    records.truncate(4);
    let found = verify(None, &records).unwrap().unwrap();
    assert_eq!(found.number, 4, "as a chain it is whole");
    assert_ne!(found, printed);
    assert_eq!(printed.to_string(), format!("6:{}", &printed.hash[..16]));
}

async fn execute(state: &State, build: impl FnOnce(&mut SqlBuilder)) {
    let mut statement = SqlBuilder::new(state.db().engine());
    build(&mut statement);
    assert_eq!(state.db().execute(statement.build()).await.unwrap(), 1, "one row is changed");
}

async fn a_row_that_was_changed_is_named(place: Place) {
    let state = place.with_state().await;
    let (table, heads) = (state.table("jobs_log"), state.table("jobs_log_heads"));
    // On CrateDB the key of a row can't be changed.
    let keys: &[&str] = if state.db().engine() == Engine::Cratedb { &[] } else { &["number", "chain"] };
    for &column in ["at", "event", "subject", "body", "prev", "hash"].iter().chain(keys) {
        let chain = format!("chain of {column}");
        let audit = TableAudit::new(state.clone(), chain.as_str());
        let head = audit.append(entries(1..7)).await.unwrap();
        assert_eq!(verify(None, &all(&audit).await).unwrap(), Some(head));
        execute(&state, |sql| {
            sql.push("UPDATE ").table(&table).push(" SET ").name(column).push(" = ");
            match column {
                "at" | "number" => sql.bind(77),
                "body" => sql.bind(serde_json::to_string(&entry(5)).unwrap()),
                "event" => sql.bind("began"),
                _ => sql.bind("other"),
            };
            sql.push(" WHERE ").name("chain").push(" = ").bind(chain.as_str()).push(" AND ").name("number");
            sql.push(" = ").bind(3);
        })
        .await;
        match audit.read(1, 100).await {
            Ok(records) => assert_eq!(broken_at(&records), Some(3), "{column}"),
            // What stands in columns beside the record itself is compared while reading.
            Err(error) => {
                assert_eq!(
                    error.to_string(),
                    format!("record 3 of the audit `{chain}` has other columns than were written")
                );
                assert!(["at", "event", "subject"].contains(&column), "{column}: {error}");
            }
        }
    }
    // The mark of the newest record is no record: where it was set back, the next one does not fit in.
    let audit = TableAudit::new(state.clone(), "marks");
    audit.append(entries(1..7)).await.unwrap();
    execute(&state, |sql| {
        sql.push("UPDATE ").table(&heads).push(" SET ").name("number").push(" = ").bind(4);
        sql.push(" WHERE ").name("chain").push(" = ").bind("marks");
    })
    .await;
    assert!(audit.append(entries(5..6)).await.is_err(), "number 5 is taken");
    assert_eq!(all(&audit).await.len(), 6);
}

async fn a_row_that_was_removed_is_named(place: Place) {
    let state = place.with_state().await;
    let table = state.table("jobs_log");
    let audit = TableAudit::new(state.clone(), "main");
    audit.append(entries(1..6)).await.unwrap();
    let printed = audit.append(entries(6..7)).await.unwrap();
    let remove = async |number: u32| {
        execute(&state, |sql| {
            sql.push("DELETE FROM ").table(&table).push(" WHERE ").name("chain").push(" = ").bind("main");
            sql.push(" AND ").name("number").push(" = ").bind(number);
        })
        .await;
    };
    remove(6).await;
    let found = verify(None, &all(&audit).await).unwrap().unwrap();
    assert_eq!(audit.head().await.unwrap(), Some(printed.clone()));
    if state.db().capabilities().transactions {
        assert_eq!(found.number, 5, "the head tells of one more");
        audit.append(entries(7..8)).await.unwrap();
        assert_eq!(broken_at(&all(&audit).await), Some(6), "and the chain never closes over it");
    } else {
        assert_eq!(found, printed, "the head keeps what was appended last, as after a crash");
        audit.append(entries(7..8)).await.unwrap();
        let whole = all(&audit).await;
        assert_eq!((broken_at(&whole), whole.len()), (None, 7), "and the next writer puts it back");
        remove(6).await;
        assert_eq!(broken_at(&all(&audit).await), Some(6), "what was put there before is kept nowhere else");
    }
    remove(3).await;
    assert_eq!(broken_at(&all(&audit).await), Some(3));
}

async fn a_record_of_a_table_may_be_long(place: Place) {
    let audit = TableAudit::new(place.with_state().await, "main");
    let long = Entry { data: json!("☂".repeat(200_000)), ..entry(1) };
    for number in 1..=2 {
        assert_eq!(audit.append(vec![long.clone(), entry(2)]).await.unwrap().number, number * 2);
    }
    // As many as a plan has steps, and more.
    assert_eq!(audit.append(entries(0..1000)).await.unwrap().number, 1004);
    assert_eq!(audit.append(entries(0..1)).await.unwrap().number, 1005);
    let records = all(&audit).await;
    assert_eq!((broken_at(&records), records.len()), (None, 1005));
    assert_eq!(records[2].entry().unwrap(), long);
}

/// Two programs, several tasks each, from the very first record on.
async fn writers_at_once_never_fork_a_chain(place: Place) {
    const WRITERS: u32 = 4;
    const EACH: u32 = 10;
    let states = [place.with_state().await, place.open().await];
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let audit = TableAudit::new(states[writer as usize % 2].clone(), "main");
        tasks.spawn(async move {
            for nth in 0..EACH {
                // Two records each, which stay together.
                audit.append(vec![entry(writer), entry(nth)]).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let audit = TableAudit::new(states[1].clone(), "main");
    let records = all(&audit).await;
    assert_eq!(records.len() as u32, WRITERS * EACH * 2);
    assert_eq!(verify(None, &records).unwrap(), audit.head().await.unwrap());
    for writer in 0..WRITERS {
        let of_writer = |pair: &&[Record]| pair[0].entry().unwrap() == entry(writer);
        let pairs = records.chunks(2).filter(of_writer).map(|pair| pair[1].entry().unwrap());
        assert_eq!(pairs.collect::<Vec<_>>(), entries(0..EACH), "nothing of writer {writer} is lost or out of order");
    }
}

async fn chains_of_one_table_are_apart(place: Place) {
    let state = place.with_state().await;
    let (main, other) = (TableAudit::new(state.clone(), "main"), TableAudit::new(state, "simulation"));
    main.append(entries(1..3)).await.unwrap();
    let head = other.append(entries(1..2)).await.unwrap();
    assert_eq!((head.number, main.head().await.unwrap().unwrap().number), (1, 2));
    assert_ne!(all(&main).await[0].hash, all(&other).await[0].hash, "a record can't be moved to another chain");
}

async fn an_outcome_goes_with_its_transaction(place: Place) {
    let state = place.with_state().await;
    let audit = TableAudit::new(state.clone(), "main");
    let head = audit.append(entries(1..3)).await.unwrap();
    let mut work = SqlBuilder::new(state.db().engine());
    work.push("INSERT INTO ").table(&state.table("marks")).push(" (").name("name").push(", ").name("value");
    work.push(") VALUES (").bind("work").push(", ").bind("done").push(")");
    let work = work.build();

    let mut session = state.db().session().await.unwrap();
    session.begin().await.unwrap();
    session.execute(&work).await.unwrap();
    assert!(audit.append_within(&mut *session, &entries(3..5)).await.unwrap());
    session.rollback().await.unwrap();
    assert_eq!((audit.head().await.unwrap(), all(&audit).await.len()), (Some(head.clone()), 2));
    assert_eq!(state.mark("work").await.unwrap(), None);

    // The session was dropped in the middle: as if its program had died.
    session.begin().await.unwrap();
    session.execute(&work).await.unwrap();
    audit.append_within(&mut *session, &entries(3..5)).await.unwrap();
    drop(session);
    assert_eq!(audit.append(entries(3..4)).await.unwrap().number, 3);
    assert_eq!(state.mark("work").await.unwrap(), None);

    let mut session: Box<dyn Session> = state.db().session().await.unwrap();
    session.begin().await.unwrap();
    session.execute(&work).await.unwrap();
    audit.append_within(&mut *session, &entries(4..6)).await.unwrap();
    session.commit().await.unwrap();
    assert_eq!(state.mark("work").await.unwrap().as_deref(), Some("done"));
    let records = all(&audit).await;
    assert_eq!((broken_at(&records), records.len()), (None, 5));
}

#[tokio::test]
async fn engines_without_transactions_say_that_they_can_not_record_within() {
    let db = Db::connect("sqlite::memory:").await.unwrap();
    let mut session = db.session().await.unwrap();
    for sink in [Arc::new(MemoryAudit::default()) as Audit, Arc::new(JsonlAudit::at("/nowhere/audit.jsonl"))] {
        assert!(!sink.append_within(&mut *session, &entries(1..2)).await.unwrap());
    }
    assert_eq!(session.query(&sql("SELECT 1 AS one")).await.unwrap().len(), 1);
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// What a crash leaves of an append, in each length that it can have.
#[tokio::test]
async fn a_line_that_was_cut_short_is_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = JsonlAudit::at(&path);
    audit.append(entries(1..3)).await.unwrap();
    let whole = std::fs::read(&path).unwrap();
    audit.append(entries(3..4)).await.unwrap();
    let added = std::fs::read(&path).unwrap().split_off(whole.len());
    for left in [1, 10, added.len() / 2, added.len() - 1] {
        std::fs::write(&path, &whole).unwrap();
        write(&path, &added[..left]);
        assert_eq!(audit.head().await.unwrap().unwrap().number, 2, "{left} bytes of the third");
        assert_eq!(all(&audit).await.len(), 2);
        assert_eq!(audit.append(entries(4..5)).await.unwrap().number, 3);
        let records = all(&audit).await;
        assert_eq!((broken_at(&records), records[2].entry().unwrap()), (None, entry(4)));
    }
    // Nothing but a beginning.
    std::fs::write(&path, &whole[..20]).unwrap();
    assert_eq!((audit.head().await.unwrap(), all(&audit).await), (None, Vec::new()));
    assert_eq!(audit.append(entries(1..2)).await.unwrap().number, 1);
    assert_eq!(broken_at(&all(&audit).await), None);
}

/// A whole line that is no record was written by something else: nobody goes on behind it.
#[tokio::test]
async fn a_line_that_is_no_record_stops_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = JsonlAudit::at(&path);
    audit.append(entries(1..3)).await.unwrap();
    write(&path, b"a note\n");
    assert!(audit.append(entries(3..4)).await.is_err());
    assert!(audit.head().await.is_err());
    assert!(audit.read(1, 10).await.is_err());
}

#[tokio::test]
async fn records_may_be_long() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = JsonlAudit::at(&path);
    let long = Entry { data: json!("x".repeat(3_000_000)), ..entry(1) };
    for number in 1..=2 {
        assert_eq!(audit.append(vec![long.clone()]).await.unwrap().number, number);
    }
    // The crash came late in a long one.
    let length = std::fs::metadata(&path).unwrap().len();
    write(&path, &vec![b'x'; 2_000_000]);
    assert_eq!(audit.head().await.unwrap().unwrap().number, 2);
    assert_eq!(audit.append(vec![entry(3)]).await.unwrap().number, 3);
    assert!(std::fs::metadata(&path).unwrap().len() < length + 1000, "what was cut short is gone");
    let records = all(&audit).await;
    assert_eq!((broken_at(&records), records.len()), (None, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_one_file_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let audit = JsonlAudit::at(&path);
        tasks.spawn(async move {
            for _ in 0..10 {
                audit.append(vec![entry(writer), entry(writer)]).await.unwrap();
                // Who only reads never sees half of what others are writing.
                audit.head().await.unwrap();
                verify(None, &all(&audit).await).unwrap();
            }
        });
    }
    tasks.join_all().await;
    let records = all(&JsonlAudit::at(&path)).await;
    assert_eq!((broken_at(&records), records.len()), (None, 80));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    JsonlAudit::at(&path).append(entries(1..2)).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
