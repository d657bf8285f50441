//! The scheduler that is killed: a process of its own, which this test program starts from its own file.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clusterkeep_core::address::DatabaseUrl;
use clusterkeep_core::sql::{ConnectOptions, Db, Engine};
use clusterkeep_scheduler::{
    CrateStore, Event, Following, Job, On, Overlap, PostgresStore, Run, RunRecord, RunState, Scheduler, SqliteStore,
    Store, open,
};
use clusterkeep_testkit::fault::{Fault, Trap, faulty};
use tokio::time::sleep;

/// Where a child finds its store and writes what it does; without it the child's part is not played.
const STORE: &str = "CLUSTERKEEP_TEST_LEDGER_STORE";
const FOLDER: &str = "CLUSTERKEEP_TEST_LEDGER_FOLDER";
/// At which statement it is killed: its number, and whether before it or after it.
const TRAP: &str = "CLUSTERKEEP_TEST_LEDGER_TRAP";
/// After how many milliseconds it ends by itself; without it, when there is a file `stop` in its folder.
const LIFE: &str = "CLUSTERKEEP_TEST_LEDGER_LIFE";

pub(crate) const LEASE: Duration = Duration::from_secs(2);
pub(crate) const JOBS: [&str; 3] = ["quick", "queued", "slow"];
/// The one that follows the first of these, whatever comes of it.
pub(crate) const FOLLOWER: &str = "follower";

/// How a child is to die.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fate {
    /// By its own hand, right before or after a statement of this number.
    pub(crate) trap: Option<(u64, Fault)>,
    /// Of old age.
    pub(crate) life: Option<Duration>,
}

/// Starts one.
pub(crate) fn start(url: &str, folder: &Path, fate: Fate) -> Child {
    let out = OpenOptions::new().append(true).create(true).open(folder.join("out")).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child::the_child", "--nocapture"]).env(STORE, url).env(FOLDER, folder);
    if let Some((at, fault)) = fate.trap {
        command.env(TRAP, format!("{at} {}", if fault == Fault::KillBefore { "before" } else { "after" }));
    }
    if let Some(life) = fate.life {
        command.env(LIFE, life.as_millis().to_string());
    }
    command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_child() {
    let Ok(url) = std::env::var(STORE) else { return };
    let folder = PathBuf::from(std::env::var(FOLDER).unwrap());
    let log = Arc::new(OpenOptions::new().append(true).create(true).open(folder.join("log")).unwrap());
    let url: DatabaseUrl = url.parse().unwrap();
    let life = std::env::var(LIFE).ok().map(|life| Duration::from_millis(life.parse().unwrap()));
    let begun = Instant::now();
    let scheduler = loop {
        match begin(&url, log.clone()).await {
            Ok(scheduler) => break scheduler,
            // The store may be away just now.
            Err(error) => println!("{error:?}"),
        }
        sleep(Duration::from_millis(200)).await;
    };
    while life.map_or_else(|| !folder.join("stop").exists(), |life| begun.elapsed() < life) {
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
    let following = Following::of([JOBS[0]]).on(On::Always);
    let follower = Job::named(FOLLOWER).run(JOBS[0]).following(following).overlap(Overlap::Queue);
    builder
        .job(follower)
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
    let (at, when) = trap.split_once(' ').unwrap();
    let trap = Trap::at(at.parse().unwrap(), if when == "before" { Fault::KillBefore } else { Fault::KillAfter });
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
