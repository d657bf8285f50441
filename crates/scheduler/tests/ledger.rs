//! Two schedulers, each a process of its own, on one store: they are killed, stopped for longer than their lease, and lose
//! their store, and at the end each fire is accounted for exactly once.
//!
//! It takes about half a minute per store; `CLUSTERKEEP_LEDGER_SECONDS` says how long it goes on instead.

#![cfg(all(unix, feature = "sqlite", feature = "postgres", feature = "cratedb"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "it is how a test fails, and says why")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clusterkeep_core::address::DatabaseUrl;
use clusterkeep_core::managed::local::{LocalServer, LocalServerBuilder};
use clusterkeep_core::sql::{ConnectOptions, Db, Engine};
use clusterkeep_scheduler::{
    CrateStore, Event, Job, Overlap, PostgresStore, Run, RunKind, RunQuery, RunRecord, RunState, Scheduler,
    SqliteStore, Store, open,
};
use clusterkeep_testkit::fault::{Fault, Trap, faulty};
use clusterkeep_testkit::servers;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

/// Where a child finds its store and writes what it does; without it the child's part is not played.
const STORE: &str = "CLUSTERKEEP_TEST_LEDGER_STORE";
const FOLDER: &str = "CLUSTERKEEP_TEST_LEDGER_FOLDER";
/// At which statement it is killed.
const TRAP: &str = "CLUSTERKEEP_TEST_LEDGER_TRAP";

const LEASE: Duration = Duration::from_secs(2);
const JOBS: [&str; 3] = ["quick", "queued", "slow"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_child() {
    let Ok(url) = std::env::var(STORE) else { return };
    let folder = PathBuf::from(std::env::var(FOLDER).unwrap());
    let log = Arc::new(OpenOptions::new().append(true).create(true).open(folder.join("log")).unwrap());
    let url: DatabaseUrl = url.parse().unwrap();
    let scheduler = loop {
        match begin(&url, log.clone()).await {
            Ok(scheduler) => break scheduler,
            // The store may be away just now.
            Err(error) => println!("{error:?}"),
        }
        sleep(Duration::from_millis(200)).await;
    };
    while !folder.join("stop").exists() {
        sleep(Duration::from_millis(50)).await;
    }
    scheduler.drain().await.unwrap();
}

async fn begin(url: &DatabaseUrl, log: Arc<File>) -> clusterkeep_core::Result<Scheduler> {
    // One line at a time, so that those of two processes do not mix.
    let say = move |what: &str, run: &RunRecord| {
        let key = &run.key;
        let line = format!("{what} {} {} {}\n", key.job, key.nominal.timestamp(), run.attempt);
        (&*log).write_all(line.as_bytes()).unwrap();
    };
    let mut builder = Scheduler::builder().store(store(url).await?).lease(LEASE).grace(Duration::from_secs(20));
    for (name, takes) in JOBS.into_iter().zip([20, 150, 2_500]) {
        let say = say.clone();
        builder = builder.action(name, move |run: Run| {
            let say = say.clone();
            async move {
                say(
                    "effect",
                    &RunRecord { attempt: run.attempt(), ..RunRecord::new(run.key().clone(), RunState::Running) },
                );
                sleep(Duration::from_millis(takes)).await;
                Ok(())
            }
        });
        let overlap = match name {
            "quick" => Overlap::Allow(NonZeroU32::new(4).unwrap()),
            "queued" => Overlap::Queue,
            _ => Overlap::Skip,
        };
        builder = builder.job(Job::named(name).run(name).cron("* * * * * *").overlap(overlap));
    }
    builder
        .on_event(move |event| match event {
            Event::Overtaken(run) => say("overtaken", run),
            Event::Rescued(run) => say("rescued", run),
            Event::StoreFailed(error) => println!("{error:?}"),
            _ => {}
        })
        .start()
        .await
}

/// The store, with a trap in it where one is asked for.
async fn store(url: &DatabaseUrl) -> clusterkeep_core::Result<Arc<dyn Store>> {
    let Ok(trap) = std::env::var(TRAP) else { return open(url).await };
    let at: u64 = trap.parse().unwrap();
    let trap = Trap::at(at, if at.is_multiple_of(2) { Fault::KillBefore } else { Fault::KillAfter });
    // What `open` does, but for the trap.
    let options = ConnectOptions::default();
    Ok(match url.engine() {
        Engine::Sqlite => {
            SqliteStore::on(faulty(Db::connect_with(url, options.create().max_sessions(2)).await?, trap)).await?.into()
        }
        Engine::Postgres => PostgresStore::on(faulty(Db::connect_with(url, options).await?, trap)).await?.into(),
        _ => CrateStore::on(faulty(Db::connect_with(url, options).await?, trap)).await?.into(),
    })
}

/// The two, and who kills them.
struct Ring {
    url: String,
    folder: PathBuf,
    children: Vec<Child>,
    store: Arc<dyn Store>,
    random: u64,
    statement: u64,
    killed: u32,
}

impl Ring {
    async fn new(url: &str, folder: &Path) -> Self {
        // SQLite's file and tables are there before anybody's trap is.
        let store = open(&url.parse().unwrap()).await.unwrap();
        let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let random = u64::try_from(seed % (1 << 60)).unwrap() | 1;
        println!("seed {random}");
        let mut ring = Self {
            url: url.to_owned(),
            folder: folder.to_owned(),
            children: Vec::new(),
            store,
            random,
            statement: 8,
            killed: 0,
        };
        for _ in 0..2 {
            let child = ring.child(None);
            ring.children.push(child);
        }
        ring
    }

    fn child(&self, trap: Option<u64>) -> Child {
        let out = OpenOptions::new().append(true).create(true).open(self.folder.join("out")).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "the_child", "--nocapture"]).env(STORE, &self.url).env(FOLDER, &self.folder);
        if let Some(at) = trap {
            command.env(TRAP, at.to_string());
        }
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap()
    }

    /// xorshift: where the next blow goes.
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    /// Kills one at a random moment; its successor dies at a statement of its own, each time at a later one.
    async fn kill_one(&mut self) {
        let (which, wait) = (usize::from(self.random(2) == 1), self.random(900));
        sleep(Duration::from_millis(wait)).await;
        self.children[which].kill().unwrap();
        self.children[which].wait().unwrap();
        self.killed += 1;
        self.statement += 1 + self.random(3);
        self.children[which] = self.child(Some(self.statement));
        for _ in 0..40 {
            sleep(Duration::from_millis(50)).await;
            if self.children[which].try_wait().unwrap().is_some() {
                self.killed += 1;
                self.children[which] = self.child(None);
                return;
            }
        }
    }

    /// Starts those again that have died, and takes the traps out of the way.
    fn heal(&mut self) {
        for which in 0..2 {
            self.children[which].kill().unwrap();
            self.children[which].wait().unwrap();
            self.children[which] = self.child(None);
        }
    }

    fn log(&self, what: &str) -> BTreeMap<(String, i64, u32), u32> {
        let mut lines = BTreeMap::new();
        for line in std::fs::read_to_string(self.folder.join("log")).unwrap_or_default().lines() {
            let mut words = line.split(' ');
            if words.next() == Some(what) {
                let mut word = || words.next().unwrap();
                let key = (word().to_owned(), word().parse().unwrap(), word().parse().unwrap());
                *lines.entry(key).or_default() += 1;
            }
        }
        lines
    }

    async fn slow_run(&self) -> Option<(RunRecord, Pid)> {
        let running = RunQuery::of("default", "slow").in_states([RunState::Running]);
        let run = self.store.runs(&running).await.unwrap().into_iter().next()?;
        let workers = self.store.workers().await.unwrap();
        let place = workers.into_iter().find(|it| Some(it.worker) == run.worker)?.place;
        let pid = place.rsplit(' ').next()?.parse().ok().and_then(Pid::from_raw)?;
        self.children.iter().any(|child| child.id().to_string() == pid.to_string()).then_some((run, pid))
    }

    /// Stops one in the middle of a run until another has taken it over: its own end is then refused.
    async fn stop_one(&mut self) {
        for _ in 0..10 {
            let Some((run, pid)) = self.slow_run().await else {
                sleep(Duration::from_millis(300)).await;
                continue;
            };
            kill_process(pid, Signal::STOP).unwrap();
            let start = Instant::now();
            let mut taken = false;
            while !taken && start.elapsed() < Duration::from_secs(8) {
                sleep(Duration::from_millis(100)).await;
                let rescued = self.log("rescued");
                taken = rescued.contains_key(&(run.key.job.clone(), run.key.nominal.timestamp(), run.attempt));
            }
            kill_process(pid, Signal::CONT).unwrap();
            let overtaken = (run.key.job.clone(), run.key.nominal.timestamp(), run.attempt);
            // It may have been stopped with the store's lock in its hand, so that nobody could: once more, then.
            for _ in 0..60 {
                if taken && self.log("overtaken").contains_key(&overtaken) {
                    return;
                }
                sleep(Duration::from_millis(if taken { 100 } else { 10 })).await;
            }
        }
        panic!("no late end was refused");
    }

    /// Lets both come to their ends, and counts.
    async fn settle(mut self) {
        self.heal();
        sleep(LEASE * 3).await;
        File::create(self.folder.join("stop")).unwrap();
        for child in &mut self.children {
            assert!(child.wait().unwrap().success(), "a scheduler drains");
        }
        let effects = self.log("effect");
        assert!(effects.values().all(|times| *times == 1), "an attempt was begun twice: {effects:?}");
        for job in JOBS {
            self.count(job, &effects).await;
        }
        println!("{} kills, {} late ends refused", self.killed, self.log("overtaken").len());
    }

    async fn count(&self, job: &str, effects: &BTreeMap<(String, i64, u32), u32>) {
        let versions = self.store.generations("default", job).await.unwrap();
        let schedules = self.store.schedules(Some("default")).await.unwrap();
        let schedule = schedules.into_iter().find(|it| it.spec.name.as_str() == job).unwrap();
        assert_eq!(versions.len(), 1, "nobody has changed it");
        let (from, until) = (versions[0].valid_from, schedule.high_water.unwrap());
        let age = chrono::Utc::now() - until;
        assert!(age.num_seconds() < 10, "{job} is {age} behind");
        // Every whole second from behind the beginning up to the mark, worked out without the scheduler's own code.
        let first = from.timestamp() + 1;
        let expected: Vec<i64> = (first..=until.timestamp()).collect();
        let runs = self.store.runs(&RunQuery::of("default", job)).await.unwrap();
        let mut counted = Vec::new();
        let mut states: BTreeMap<String, u32> = BTreeMap::new();
        for run in runs.iter().filter(|run| run.key.kind == RunKind::Scheduled) {
            counted.extend(run.key.nominal.timestamp()..=run.last_fire().timestamp());
            *states.entry(run.state.to_string()).or_default() += 1;
            assert_ne!(run.state, RunState::Running, "{run:?}");
            if run.state == RunState::Succeeded {
                let effect = (job.to_owned(), run.key.nominal.timestamp(), run.attempt);
                assert!(effects.contains_key(&effect), "{run:?} has succeeded, and nobody ran it");
            }
        }
        counted.sort_unstable();
        let distinct: BTreeSet<i64> = counted.iter().copied().collect();
        let lost: Vec<&i64> = expected.iter().filter(|second| !distinct.contains(second)).collect();
        println!(
            "{job}: {} expected, {} rows, duplicates {}, lost {}: {states:?}",
            expected.len(),
            runs.len(),
            counted.len() - distinct.len(),
            lost.len()
        );
        assert_eq!(counted, expected, "lost: {lost:?}");
    }
}

fn long() -> Option<Duration> {
    let seconds = std::env::var("CLUSTERKEEP_LEDGER_SECONDS").ok()?;
    Some(Duration::from_secs(seconds.parse().unwrap()))
}

impl Drop for Ring {
    fn drop(&mut self) {
        for child in &mut self.children {
            // One that has ended can't be killed.
            drop(child.kill());
            drop(child.wait());
        }
        if std::thread::panicking() {
            println!("{}", std::fs::read_to_string(self.folder.join("out")).unwrap_or_default());
        }
    }
}

async fn beat_up(ring: &mut Ring) {
    sleep(Duration::from_secs(3)).await;
    ring.stop_one().await;
    let start = Instant::now();
    for round in 0_u32.. {
        ring.kill_one().await;
        let over = long().map_or(round >= 2, |long| start.elapsed() >= long);
        if over {
            return;
        }
        if round % 5 == 4 {
            ring.heal();
            sleep(Duration::from_secs(3)).await;
            ring.stop_one().await;
        }
    }
}

/// The same with a server that is ended and started again in the middle.
async fn on_a_server(builder: impl Fn() -> LocalServerBuilder, url: impl Fn(&LocalServer) -> String) {
    let folder = tempfile::tempdir().unwrap();
    let data = tempfile::tempdir().unwrap();
    let directory = data.path().join("server");
    let server = builder().directory(&directory).start().await.unwrap();
    let port = server.port();
    let mut ring = Ring::new(&url(&server), folder.path()).await;
    beat_up(&mut ring).await;
    server.stop().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let server = builder().directory(&directory).port(port).start().await.unwrap();
    ring.kill_one().await;
    ring.settle().await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fire_is_accounted_for_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("jobs.db").display());
    let mut ring = Ring::new(&url, folder.path()).await;
    beat_up(&mut ring).await;
    ring.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fire_is_accounted_for_on_postgres() {
    if servers::is_there(Engine::Postgres) {
        on_a_server(
            || LocalServer::postgres().without_password(),
            |server| format!("{}?schema=clusterkeep", server.url()),
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fire_is_accounted_for_on_cratedb() {
    if servers::is_there(Engine::Cratedb) {
        let disk = ("cluster.routing.allocation.disk.threshold_enabled", "false");
        on_a_server(|| LocalServer::cratedb().setting(disk.0, disk.1), |server| server.url_of("clusterkeep")).await;
    }
}
