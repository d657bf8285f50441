//! Appends to the audit that are lost, whose answers are lost, or whose processes are killed: a chain is whole whatever
//! happens, an append counts as a whole or not at all, and what was acknowledged stays.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and a child tells what it did"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::audit::{Entry, Event, Head, Record, Sink, TableAudit, verify};
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Ident, SqlBuilder};
use clusterkeep_core::state::{DEFAULT_NAME, State};
use clusterkeep_testkit::fault::{Fault, Trap, faulty};
use clusterkeep_testkit::proxy::Proxy;
use clusterkeep_testkit::servers::{self, TestDatabase};
use serde_json::json;

fn noon() -> DateTime<Utc> {
    "2014-01-15T12:00:00Z".parse().unwrap()
}

fn entry(writer: u32, n: u32) -> Entry {
    Entry {
        at: noon() + TimeDelta::seconds(n.into()),
        actor: format!("writer {writer}"),
        event: Event::Intent,
        subject: "letters".to_owned(),
        plan: "5f1c9ad2".repeat(8),
        as_of: noon(),
        step: Some(n),
        data: json!(null),
    }
}

fn entries(writer: u32, numbers: std::ops::Range<u32>) -> Vec<Entry> {
    numbers.map(|n| entry(writer, n)).collect()
}

/// Where the state of a test lies, so that a child finds it as well.
#[derive(Clone)]
struct Place {
    url: String,
    name: String,
}

impl Place {
    fn of(database: &TestDatabase) -> Self {
        let name = if database.engine() == Engine::Cratedb { database.name() } else { DEFAULT_NAME };
        Self { url: database.url().to_owned(), name: name.to_owned() }
    }

    async fn db(&self) -> Db {
        Db::connect_with(&self.url.parse().unwrap(), ConnectOptions::default().create()).await.unwrap()
    }

    fn state(&self, db: Db) -> State {
        State::of(db).named(Ident::new(self.name.as_str()).unwrap())
    }

    async fn with_state(&self) -> State {
        let state = self.state(self.db().await);
        state.ensure(noon()).await.unwrap();
        state
    }
}

/// The whole chain, which its head knows to the end.
async fn whole(audit: &TableAudit) -> Vec<Record> {
    let records = audit.read(1, usize::MAX).await.unwrap();
    assert_eq!(verify(None, &records).unwrap(), audit.head().await.unwrap());
    records
}

/// How many records of `chain` stand in the table, whatever its head says.
async fn in_table(state: &State, chain: &str) -> usize {
    state.refresh("jobs_log").await.unwrap();
    let mut query = SqlBuilder::new(state.db().engine());
    query.push("SELECT count(*) FROM ").table(&state.table("jobs_log")).push(" WHERE ").name("chain").push(" = ");
    let count: i64 = state.db().query(query.bind(chain).clone().build()).await.unwrap().scalar().unwrap();
    usize::try_from(count).unwrap()
}

const CHILD: &str = "CLUSTERKEEP_TEST_CHILD";

fn child(place: &Place, chain: &str, order: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_that_appends", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, format!("{} {} {chain} {order}", place.url, place.name));
    command
}

/// Not a test of its own: what the tests below start as a process, and kill.
#[tokio::test]
async fn child_that_appends() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let words: Vec<&str> = order.split(' ').collect();
    let [url, name, chain, how, number] = words[..] else { panic!("{order}") };
    let place = Place { url: url.to_owned(), name: name.to_owned() };
    let db = place.db().await;
    let number = number.parse().unwrap();
    let db = match how {
        "before" => faulty(db, Trap::at(number, Fault::KillBefore)),
        "after" => faulty(db, Trap::at(number, Fault::KillAfter)),
        _ => db,
    };
    let audit = TableAudit::new(place.state(db), chain);
    if how != "endless" {
        audit.append(entries(1, 10..13)).await.unwrap();
        return;
    }
    let writer = u32::try_from(number).unwrap();
    for n in (0..).step_by(3) {
        audit.append(entries(writer, n..n + 3)).await.unwrap();
        println!("\nacknowledged {}", n + 3);
    }
}

/// Kills a process at each statement of an append to a chain of `before` records.
async fn killed_at_every_statement(place: Place, before: u32) {
    let state = place.with_state().await;
    // After how many kills the append counted, and after how many it did not.
    let (mut with, mut without) = (0, 0);
    for when in ["before", "after"] {
        for at in 1.. {
            let chain = format!("{when}-{at}-{before}");
            let audit = TableAudit::new(state.clone(), chain.as_str());
            if before > 0 {
                audit.append(entries(0, 0..before)).await.unwrap();
            }
            let output = child(&place, &chain, &format!("{when} {at}")).output().unwrap();
            let records = whole(&audit).await;
            let added: Vec<Entry> = records[before as usize..].iter().map(|record| record.entry().unwrap()).collect();
            assert!(added.is_empty() || added == entries(1, 10..13), "all or none, and not {added:?}");
            if output.status.success() {
                assert!(!added.is_empty());
                break;
            }
            let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
            assert_eq!(signal, Some(9), "{}", String::from_utf8_lossy(&output.stderr));
            *if added.is_empty() { &mut without } else { &mut with } += 1;

            let head = audit.append(entries(2, 0..2)).await.unwrap();
            let all = whole(&audit).await;
            assert_eq!((head.number as usize, all.len()), (records.len() + 2, records.len() + 2));
            assert_eq!(all[..records.len()], records, "what was there stays");
            assert_eq!(in_table(&state, &chain).await, all.len(), "what was not put into the table is there now");
        }
    }
    assert!(with > 0 && without > 3, "{with} kills after it counted, {without} before");
}

#[tokio::test]
async fn case_20_killed_at_every_statement_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/audit.db", folder.path().display());
    killed_at_every_statement(Place { url, name: DEFAULT_NAME.to_owned() }, 2).await;
}

#[tokio::test]
async fn case_20_killed_at_every_statement_on_postgres() {
    let Some(database) = servers::postgres().await else { return };
    killed_at_every_statement(Place::of(&database), 2).await;
}

#[tokio::test]
async fn case_20_killed_at_every_statement_on_mariadb() {
    let Some(database) = servers::mariadb().await else { return };
    killed_at_every_statement(Place::of(&database), 2).await;
}

#[tokio::test]
async fn case_20_killed_at_every_statement_on_cratedb() {
    let Some(database) = servers::cratedb().await else { return };
    killed_at_every_statement(Place::of(&database), 2).await;
    killed_at_every_statement(Place::of(&database), 0).await;
}

/// What is lost on the way is sent again, and counts once.
async fn lost_and_answers_lost(place: Place) {
    let state = place.with_state().await;
    for fault in [Fault::Lost, Fault::AnswerLost] {
        for before in [0, 2] {
            for at in 1.. {
                let chain = format!("{fault:?}-{at}-{before}");
                let audit = TableAudit::new(state.clone(), chain.as_str());
                if before > 0 {
                    audit.append(entries(0, 0..2)).await.unwrap();
                }
                let trap = Trap::at(at, fault);
                let disturbed = TableAudit::new(place.state(faulty(state.db().clone(), trap.clone())), chain.as_str());
                let head = disturbed.append(entries(1, 0..3)).await.unwrap();
                assert_eq!(head.number, before + 3, "{fault:?} at {at}");
                assert_eq!(audit.head().await.unwrap(), Some(head));
                assert_eq!(whole(&audit).await.len() as u64, before + 3);
                audit.append(entries(2, 0..1)).await.unwrap();
                assert_eq!(in_table(&state, &chain).await as u64, before + 4);
                if !trap.sprung() {
                    assert!(at > 4, "each statement is met");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn case_20_lost_and_answers_lost_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("state.db").display());
    lost_and_answers_lost(Place { url, name: DEFAULT_NAME.to_owned() }).await;
}

#[tokio::test]
async fn case_20_lost_and_answers_lost_on_postgres() {
    let Some(database) = servers::postgres().await else { return };
    lost_and_answers_lost(Place::of(&database)).await;
}

#[tokio::test]
async fn case_20_lost_and_answers_lost_on_mariadb() {
    let Some(database) = servers::mariadb().await else { return };
    lost_and_answers_lost(Place::of(&database)).await;
}

#[tokio::test]
async fn case_20_lost_and_answers_lost_on_cratedb() {
    let Some(database) = servers::cratedb().await else { return };
    lost_and_answers_lost(Place::of(&database)).await;
}

/// The answer is lost, and others have gone on before the writer asks: it finds what it wrote further back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_among_others_on_cratedb() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::of(&database);
    let state = place.with_state().await;
    let audit = TableAudit::new(state.clone(), "main");
    audit.append(entries(0, 0..1)).await.unwrap();
    let others = TableAudit::new(place.with_state().await, "main");
    let end = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&end);
    let others = tokio::spawn(async move {
        while !ended.load(Ordering::SeqCst) {
            others.append(entries(0, 0..1)).await.unwrap();
        }
    });
    let mut overtaken = 0;
    for round in 1..=15 {
        // The third statement sets the head.
        let disturbed = faulty(state.db().clone(), Trap::at(3, Fault::AnswerLost));
        let head = TableAudit::new(place.state(disturbed), "main").append(entries(round, 0..3)).await.unwrap();
        let last = audit.read(head.number, 1).await.unwrap().remove(0);
        assert_eq!((last.entry().unwrap(), last.hash), (entry(round, 2), head.hash));
        overtaken += usize::from(audit.head().await.unwrap().unwrap().number > head.number);
    }
    // They end after a whole record: what an aborted one has sent may still be on its way when the chain is read.
    end.store(true, Ordering::SeqCst);
    others.await.unwrap();
    assert!(overtaken > 0, "others were faster at times");
    let actors: Vec<String> = whole(&audit).await.iter().map(|record| record.entry().unwrap().actor).collect();
    for round in 1..=15 {
        assert_eq!(actors.iter().filter(|actor| **actor == format!("writer {round}")).count(), 3, "each counts once");
    }
}

/// What nobody ever confirms did not happen, as far as its writer knows, though it can be read.
#[tokio::test]
async fn what_is_never_confirmed_is_no_append_on_cratedb() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::of(&database);
    let state = place.with_state().await;
    let audit = TableAudit::new(state.clone(), "main");
    audit.append(entries(0, 0..1)).await.unwrap();
    let disturbed = faulty(state.db().clone(), Trap::each("UPDATE", Fault::AnswerLost));
    let error = TableAudit::new(place.state(disturbed), "main").append(entries(1, 0..3)).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert_eq!(whole(&audit).await.len(), 4, "once, however often it was tried");
    assert_eq!(audit.append(entries(2, 0..1)).await.unwrap().number, 5);
}

/// A statement that is never answered holds nothing up for long: it is tried again on another connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_never_answered_is_tried_again_on_cratedb() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::of(&database);
    let proxy = Proxy::to(database.server().port()).await.unwrap();
    let db = Db::connect(&proxy.reroute(database.url())).await.unwrap();
    let (audit, direct) = (TableAudit::new(place.state(db), "main"), TableAudit::new(place.with_state().await, "main"));
    audit.append(entries(0, 0..1)).await.unwrap();
    proxy.stall();
    let appending = audit.clone();
    let appended = tokio::spawn(async move { appending.append(entries(1, 0..3)).await });
    // By then it is on its way, whichever connection it has taken.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = proxy.accepted();
    let start = Instant::now();
    while proxy.accepted() == before {
        assert!(start.elapsed() < Duration::from_secs(60), "nobody has tried again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    proxy.restore().await.unwrap();
    let head = appended.await.unwrap().unwrap();
    assert!(start.elapsed() > Duration::from_secs(10), "it was waited for a while");
    assert_eq!((head.number, whole(&direct).await.len()), (4, 4), "once, however often it was tried");
}

/// Who reads while others write sees each append as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_half_of_an_append_is_read_on_cratedb() {
    const MANY: u32 = 400;
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::of(&database);
    let audit = TableAudit::new(place.with_state().await, "main");
    let writer = TableAudit::new(place.with_state().await, "main");
    let writer = tokio::spawn(async move {
        for _ in 0..12 {
            writer.append(entries(0, 0..MANY)).await.unwrap();
        }
    });
    while !writer.is_finished() {
        let records = audit.read(1, usize::MAX).await.unwrap();
        assert_eq!(records.len() % MANY as usize, 0);
        verify(None, &records).unwrap();
    }
    writer.await.unwrap();
    assert_eq!(whole(&audit).await.len() as u32, 12 * MANY);
}

/// Of the records that go into the table at once, some got there and some did not.
#[tokio::test]
async fn what_got_into_the_table_in_part_is_completed() {
    let Some(database) = servers::cratedb().await else { return };
    let state = Place::of(&database).with_state().await;
    for missing in [vec![3], vec![4], vec![5], vec![3, 4], vec![4, 5], vec![3, 5], vec![3, 4, 5]] {
        let chain = format!("without {missing:?}");
        let audit = TableAudit::new(state.clone(), chain.as_str());
        audit.append(entries(0, 0..2)).await.unwrap();
        let head = audit.append(entries(1, 0..3)).await.unwrap();
        for number in &missing {
            let mut delete = SqlBuilder::new(Engine::Cratedb);
            delete.push("DELETE FROM ").table(&state.table("jobs_log")).push(" WHERE ").name("chain").push(" = ");
            delete.bind(chain.as_str()).push(" AND ").name("number").push(" = ").bind(*number);
            assert_eq!(state.db().execute(delete.build()).await.unwrap(), 1);
        }
        assert_eq!(audit.head().await.unwrap(), Some(head));
        assert_eq!(whole(&audit).await.len(), 5, "{missing:?}");
        // Page by page, and from the middle.
        for (from, limit) in [(1, 2), (2, 2), (3, 1), (3, 3), (4, 1), (5, 9), (6, 9)] {
            let numbers: Vec<u64> = audit.read(from, limit).await.unwrap().iter().map(|record| record.number).collect();
            assert_eq!(numbers, (from..=5).take(limit).collect::<Vec<_>>(), "{limit} from {from}");
        }
        assert_eq!(in_table(&state, &chain).await, 5 - missing.len());
        audit.append(entries(2, 0..1)).await.unwrap();
        assert_eq!((whole(&audit).await.len(), in_table(&state, &chain).await), (6, 6));
    }
}

/// Rows behind the head, or another one in the place of a record: nobody goes on over it.
#[tokio::test]
async fn what_somebody_else_has_put_there_stops_everything() {
    let Some(database) = servers::cratedb().await else { return };
    let state = Place::of(&database).with_state().await;
    let forge = async |chain: &str, number: u64| {
        let mut insert = SqlBuilder::new(Engine::Cratedb);
        insert.push("INSERT INTO ").table(&state.table("jobs_log"));
        insert.push(" (chain, number, at, event, subject, body, prev, hash, append) VALUES (");
        insert.bind(chain).push(", ").bind(number).push(", 0, 'ended', '', '{}', 'x', 'y', 'z')");
        insert.push(" ON CONFLICT (chain, number) DO UPDATE SET hash = 'y'");
        assert_eq!(state.db().execute(insert.build()).await.unwrap(), 1);
    };
    for (number, broken, appends) in [(3, 3, false), (4, 4, false), (5, 5, false), (9, 5, true), (1, 1, true)] {
        let chain = format!("forged {number}");
        let audit = TableAudit::new(state.clone(), chain.as_str());
        audit.append(entries(0, 0..2)).await.unwrap();
        audit.append(entries(1, 0..2)).await.unwrap();
        forge(&chain, number).await;
        let records = audit.read(1, 100).await.unwrap();
        assert_eq!(verify(None, &records).unwrap_err().number, broken, "{chain}");
        let appended = audit.append(entries(2, 0..1)).await;
        assert_eq!(appended.is_ok(), appends, "{chain}: {appended:?}");
        assert!(verify(None, &audit.read(1, 100).await.unwrap()).is_err());
    }
}

/// Who may only read reads what a killed writer left, and changes nothing.
#[tokio::test]
async fn the_right_to_read_suffices_to_read() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::of(&database);
    let state = place.with_state().await;
    let audit = TableAudit::new(state.clone(), "main");
    audit.append(entries(0, 0..2)).await.unwrap();
    // The two statements of an append after it counted: of the second nothing arrives, nor of what follows.
    let output = child(&place, "main", "before 4").output().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(9));
    let admin = state.db();
    for text in ["CREATE USER reader WITH (password = 'secret')", "GRANT DQL TO reader"] {
        admin.execute(clusterkeep_core::sql::Statement::assert_safe(text)).await.unwrap();
    }
    let reader = place.url.replacen("crate@", "reader:secret@", 1);
    assert_ne!(reader, place.url, "the address names another user");
    let reader = Place { url: reader, ..place.clone() };
    let state_of_reader = reader.state(reader.db().await);
    assert!(state_of_reader.exists().await.unwrap());
    assert_eq!(state_of_reader.mark("nothing").await.unwrap(), None);
    let read = TableAudit::new(state_of_reader, "main");
    assert_eq!(whole(&read).await.len(), 5);
    assert!(read.append(entries(2, 0..1)).await.is_err());
    assert_eq!((whole(&audit).await.len(), in_table(&state, "main").await), (5, 2));
}

/// Processes that append at once, and are killed at once at whatever moment: each finds its acknowledged records.
async fn killed_at_any_moment(place: Place) {
    const WRITERS: u32 = 3;
    let state = place.with_state().await;
    let audit = TableAudit::new(state.clone(), "main");
    let mut acknowledged = [0; WRITERS as usize];
    for round in 0..3_u64 {
        let start = |writer: u32| {
            let mut command = child(&place, "main", &format!("endless {}", round as u32 * WRITERS + writer));
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut children: Vec<Child> = (0..WRITERS).map(start).collect();
        let reading: Vec<_> = children
            .iter_mut()
            .map(|child| {
                let lines = BufReader::new(child.stdout.take().unwrap()).lines();
                std::thread::spawn(move || {
                    let numbers = lines.filter_map(|line| line.ok()?.strip_prefix("acknowledged ")?.parse().ok());
                    numbers.last().unwrap_or(0_u32)
                })
            })
            .collect();
        // Who reads meanwhile finds a whole chain each time.
        let deadline = Instant::now() + Duration::from_millis(2500 + 100 * round);
        let mut last: Option<Head> = None;
        while Instant::now() < deadline {
            let records = audit.read(1, usize::MAX).await.unwrap();
            let head = verify(None, &records).unwrap();
            assert!(head.as_ref().map_or(0, |head| head.number) >= last.map_or(0, |head| head.number));
            last = head;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for (writer, child) in children.iter_mut().enumerate() {
            std::thread::sleep(Duration::from_millis(7 * writer as u64));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        // What they had sent may still be under way in the server.
        let mut before = None;
        while before != audit.head().await.unwrap() {
            before = audit.head().await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let records = whole(&audit).await;
        audit.append(entries(99, 0..1)).await.unwrap();
        assert_eq!(in_table(&state, "main").await, records.len() + 1);
        for (writer, reading) in reading.into_iter().enumerate() {
            let told = reading.join().unwrap();
            let name = format!("writer {}", round as u32 * WRITERS + writer as u32);
            let of_writer: Vec<Option<u32>> = records
                .iter()
                .map(|record| record.entry().unwrap())
                .filter_map(|entry| (entry.actor == name).then_some(entry.step))
                .collect();
            let there = u32::try_from(of_writer.len()).unwrap();
            assert_eq!(of_writer, (0..there).map(Some).collect::<Vec<_>>(), "{name}: in order, each once");
            assert!(there >= told && there % 3 == 0, "{name}: {there} of {told} that were acknowledged");
            acknowledged[writer] += told;
        }
    }
    assert!(acknowledged.iter().all(|&records| records > 0), "each writer has its turns: {acknowledged:?}");
}

#[tokio::test]
async fn killed_at_any_moment_on_postgres() {
    let Some(database) = servers::postgres().await else { return };
    killed_at_any_moment(Place::of(&database)).await;
}

#[tokio::test]
async fn killed_at_any_moment_on_cratedb() {
    let Some(database) = servers::cratedb().await else { return };
    killed_at_any_moment(Place::of(&database)).await;
}
