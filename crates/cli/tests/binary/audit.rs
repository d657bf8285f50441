//! `audit`: what was done can be read, and what was changed afterwards shows.

use crate::support::{DB, Place, snapshot};

fn applied() -> Place {
    let place = Place::with_weather();
    let model = ["-f", "weather.yaml", "--cluster", DB, "--now", "2014-01-15"];
    let plan = place.run(&[&["retention", "plan", "--format", "json"], &model[..]].concat()).json();
    let hash = plan["hash"].as_str().unwrap().to_owned();
    place.run(&[&["retention", "apply", "--quiet", "--expect-plan", &hash], &model[..]].concat()).done();
    place
}

#[test]
fn what_was_done_can_be_read_and_checked() {
    let place = applied();
    snapshot!("audit_list", place.run(&["audit", "list", "--cluster", DB, "--limit", "4"]));
    snapshot!("audit_verify", place.run(&["audit", "verify", "--cluster", DB]));
    snapshot!("audit_plans", place.run(&["audit", "list", "--plans"]));
    let checked = place.run(&["audit", "verify", "--plans", "--format", "json"]).done().json();
    assert_eq!((checked["whole"].as_bool(), checked["records"].as_u64()), (Some(true), Some(1)));
    let file = ["audit", "verify", "--file", "state/clusterkeep/plans.jsonl"];
    place.run(&file).done();
}

#[test]
fn a_changed_record_shows() {
    let place = applied();
    let change = "UPDATE clusterkeep_jobs_log SET body = body || ' ' WHERE number = 4";
    place.run(&["query", "--cluster", DB, "--write", change]).done();
    let ran = place.run(&["audit", "verify", "--cluster", DB]);
    assert_eq!(ran.code, Some(1), "{ran}");
    snapshot!("audit_changed", ran);
}

#[test]
fn a_cut_tail_shows_by_the_head_that_was_printed() {
    let place = applied();
    let head = place.run(&["audit", "verify", "--cluster", DB, "--format", "json"]).json();
    let head = head["head"].as_str().unwrap().to_owned();
    place.run(&["audit", "verify", "--cluster", DB, "--head", &head]).done();
    let cut = "DELETE FROM clusterkeep_jobs_log WHERE number = (SELECT max(number) FROM clusterkeep_jobs_log)";
    place.run(&["query", "--cluster", DB, "--write", cut]).done();
    assert_eq!(place.run(&["audit", "verify", "--cluster", DB, "--head", &head]).code, Some(1));
    assert_eq!(place.run(&["audit", "verify", "--cluster", DB, "--head", "nonsense"]).code, Some(2));
}

#[test]
fn a_database_without_an_audit_has_none() {
    let place = Place::with_weather();
    snapshot!("audit_none", place.run(&["audit", "list", "--cluster", DB]));
    place.run(&["audit", "verify", "--cluster", DB]).done();
}
