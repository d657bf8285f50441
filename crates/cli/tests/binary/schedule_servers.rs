//! Schedules that are kept on a server, and a run that is going when its scheduler is signalled.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use clusterkeep_core::sql::{Db, sql};
use clusterkeep_testkit::servers;
use rustix::process::{Pid, Signal, kill_process};

use crate::schedule_store::{end, place, until};
use crate::support::{DB, Place, Ran};

/// Runs the jobs of `jobs.yaml`, and gives what it says.
fn run(place: &Place, args: &[&str]) -> (Child, Lines<BufReader<ChildStderr>>) {
    let args = [&["run", "-f", "jobs.yaml"], args].concat();
    let mut child = place.command(&args).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    (child, lines)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// All that a hand does, on the store at this address.
fn by_hand(state: &str) {
    let place = place();
    let schedule = |args: &[&str]| place.run(&[&["schedule"], args, &["--state", state]].concat());
    let (child, mut lines) = run(&place, &["--cluster", DB, "--state", state]);
    until(&mut lines, "succeeded");

    let checks = schedule(&["doctor", "--format", "json"]).done().json();
    let clock = checks.as_array().unwrap().iter().find(|check| check["check"] == "clock").unwrap();
    assert!(clock["ok"] == true && clock["what"].as_str().unwrap().contains("s apart from the store's"), "{checks}");

    schedule(&["pause", "nightly", "--note", "disk swap"]).done();
    let list = schedule(&["list"]).done();
    assert!(list.stdout.contains("disk swap"), "{list}");
    let resumed = schedule(&["resume", "nightly"]).done();
    assert!(resumed.stdout.contains("nightly fires again"), "{resumed}");

    schedule(&["trigger", "nightly"]).done();
    until(&mut lines, "nightly 20");
    let period = ["backfill", "nightly", "--from", "2026-01-01", "--until", "2026-01-05", "--yes"];
    let made = schedule(&period).done();
    assert!(made.stdout.contains("4 wait now") && !made.stderr.contains("no scheduler"), "{made}");
    until(&mut lines, "nightly 2026-01-04 08:30:00 UTC succeeded");
    let again = schedule(&period).done();
    assert!(again.stdout.contains("4 fires have run; 0 wait now"), "{again}");
    end(child);
    // At once: a minute later fires would be overdue.
    let ledger = schedule(&["ledger", "tick"]).done();
    assert!(ledger.stdout.contains(" fired") && !ledger.stdout.contains("LOST"), "{ledger}");

    // Nobody is there who would run it.
    schedule(&["trigger", "nightly"]).done();
    let cancelled = schedule(&["cancel", "nightly", "--format", "json"]).done().json();
    let nominal = cancelled[0]["nominal"].as_str().unwrap().to_owned();
    let retried = schedule(&["retry", "nightly", "--run", &nominal]).done();
    assert!(retried.stdout.contains("1 to be tried anew"), "{retried}");
    let history = schedule(&["history", "nightly", "--in-state", "succeeded", "--format", "json"]).done().json();
    let kinds = |kind: &str| history.as_array().unwrap().iter().filter(|run| run["kind"] == kind).count();
    assert_eq!((kinds("backfill"), kinds("manual")), (4, 1), "{history}");

    let nobody = schedule(&["doctor"]);
    assert_eq!(nobody.code, Some(1), "{nobody}");
}

/// What only looks makes no table, also where it has to say so; what is applied does.
async fn a_plan_writes_nothing(state: &str, db: &Db, tables: &'static str) {
    let count = async || db.query(sql(tables)).await.unwrap().scalar::<i64>().unwrap();
    let place = place();
    let schedule = |args: &[&str]| place.run(&[&["schedule"], args, &["--state", state]].concat());
    let plan = schedule(&["plan", "-f", "jobs.yaml", "--format", "json"]).done();
    assert_eq!(schedule(&["diff", "-f", "jobs.yaml"]).code, Some(3));
    for look in ["list", "namespaces", "history", "doctor"] {
        schedule(&[look]).done();
    }
    assert_eq!(schedule(&["pause", "nightly"]).code, Some(2));
    assert_eq!(count().await, 0, "nothing was made");
    let hash = plan.json()["hash"].as_str().unwrap()[..8].to_owned();
    schedule(&["apply", "-f", "jobs.yaml", "--expect-plan", &hash]).done();
    assert!(count().await > 0);
    let again = schedule(&["plan", "-f", "jobs.yaml", "--exit-code"]);
    assert_eq!(again.code, Some(0), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_by_hand_on_postgres() {
    let Some(database) = servers::postgres().await else { return };
    let (url, db) = (database.url().to_owned(), database.connect().await);
    let tables = "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'clusterkeep'";
    a_plan_writes_nothing(&url, &db, tables).await;
    db.execute(sql("DROP SCHEMA clusterkeep CASCADE")).await.unwrap();
    tokio::task::spawn_blocking(move || by_hand(&url)).await.unwrap();
}

/// Rows that `APScheduler` itself has written, in the types that it gives them on PostgreSQL.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_store_of_apscheduler_on_postgres() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    db.execute(sql("CREATE TABLE apscheduler_jobs (id VARCHAR(191) PRIMARY KEY, next_run_time DOUBLE PRECISION, \
         job_state BYTEA NOT NULL)"))
        .await
        .unwrap();
    let rows = include_str!("../../../scheduler/tests/data/apscheduler_jobs.tsv");
    let mut count = 0;
    for line in rows.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.split('\t').collect();
        let insert = sql("INSERT INTO apscheduler_jobs SELECT ?, ?, decode(?, 'base64')");
        let next: Option<f64> = parts[1].parse().ok();
        db.execute(insert.bind(parts[0]).bind(next).bind(parts[2])).await.unwrap();
        count += 1;
    }
    let place = Place::empty();
    let ran =
        place.run(&["schedule", "import", "apscheduler", database.url(), "--from", "2026-01-01", "--format", "json"]);
    let json = ran.json();
    let jobs = json["timetable"]["jobs"].as_array().unwrap().len();
    let notes = json["notes"].as_array().unwrap();
    let refused = notes.iter().filter(|note| note["level"] == "refused").count();
    assert_eq!(jobs + refused, count, "{ran}");
    assert!(jobs >= 5, "{ran}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_by_hand_on_cratedb() {
    let Some(database) = servers::cratedb().await else { return };
    let (url, db) = (database.url().to_owned(), database.connect().await);
    let tables = "SELECT count(*) FROM information_schema.tables \
        WHERE table_schema IN ('clusterkeep', CURRENT_SCHEMA) AND table_name = 'scheduler_schedules'";
    a_plan_writes_nothing(&url, &db, tables).await;
    tokio::task::spawn_blocking(move || by_hand(&url)).await.unwrap();
}

const MANIFEST: &str = "\
kind: Retention
name: weather
tables:
  - table: observations
    time: { column: time_hour }
    slice: day
    tiers:
      - drop: { after: 90 days }
";

const TIMETABLE: &str = "\
kind: Timetable
namespace: weather
jobs:
  - name: once
    when: \"@reboot\"
    run: { action: retention, manifest: weather, approve: within_guards }
";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_while_files_are_read_again_and_a_second_signal_ends_it() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    db.execute(sql("CREATE TABLE observations (time_hour timestamptz)")).await.unwrap();
    // Whoever looks at the table waits until this ends.
    let mut holder = db.session().await.unwrap();
    holder.begin().await.unwrap();
    holder.execute(&sql("LOCK TABLE observations IN ACCESS EXCLUSIVE MODE")).await.unwrap();

    let place = Place::empty();
    place.write("jobs.yaml", &format!("{MANIFEST}---\n{TIMETABLE}"));
    let state = ["--state", "sqlite://jobs.db"];
    let args = [&["--cluster", database.url(), "--lease", "2s"], &state[..]].concat();
    let history = || place.run(&[&["schedule", "history", "--format", "json"], &state[..]].concat()).done().json();

    let (mut child, mut lines) = run(&place, &args);
    until(&mut lines, "started");
    place.write("jobs.yaml", &format!("{MANIFEST}---\n{}", TIMETABLE.replace("@reboot", "@yearly")));
    signal(&child, Signal::HUP);
    until(&mut lines, "the files were read again");
    let runs = history();
    assert_eq!(runs.as_array().unwrap().len(), 1, "reading files is no start: {runs}");
    assert_eq!(runs[0]["state"], "running", "what is going goes on: {runs}");

    signal(&child, Signal::TERM);
    until(&mut lines, "stopping after what is under way; once more stops at once");
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it waits for what is under way");
    let second = Instant::now();
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(second.elapsed() < Duration::from_secs(3), "{:?}", second.elapsed());
    assert_eq!(history()[0]["state"], "running", "nobody has given it back");

    holder.rollback().await.unwrap();
    let (child, mut lines) = run(&place, &args);
    until(&mut lines, "was left by its scheduler");
    until(&mut lines, "succeeded");
    end(child);
    let runs: Ran = place.run(&[&["schedule", "history"], &state[..]].concat()).done();
    assert!(runs.stdout.contains("succeeded"), "{runs}");
}
