//! The ring in which schedulers are killed and stopped, and the count at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clusterkeep_scheduler::{RunKind, RunQuery, RunRecord, RunState, Store, open};
use clusterkeep_testkit::fault::Fault;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use crate::child::{self, FOLLOWER, Fate, JOBS, LEASE};

/// The schedulers, and who kills them.
pub(crate) struct Ring {
    url: String,
    folder: PathBuf,
    children: Vec<Child>,
    store: Arc<dyn Store>,
    random: u64,
    statement: u64,
    pub(crate) killed: u32,
}

impl Ring {
    /// So many schedulers on the store at `url`.
    pub(crate) async fn new(url: &str, folder: &Path, schedulers: usize) -> Self {
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
        for _ in 0..schedulers {
            let child = ring.child(Fate::default());
            ring.children.push(child);
        }
        ring
    }

    pub(crate) fn child(&self, fate: Fate) -> Child {
        child::start(&self.url, &self.folder, fate)
    }

    /// xorshift: where the next blow goes.
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    /// Kills one at a random moment; its successor dies at a statement of its own, each time at a later one.
    pub(crate) async fn kill_one(&mut self) {
        let (which, wait) = (usize::from(self.random(2) == 1), self.random(900));
        sleep(Duration::from_millis(wait)).await;
        self.children[which].kill().unwrap();
        self.children[which].wait().unwrap();
        self.killed += 1;
        self.statement += 1 + self.random(3);
        let fault = if self.statement.is_multiple_of(2) { Fault::KillBefore } else { Fault::KillAfter };
        self.children[which] = self.child(Fate { trap: Some((self.statement, fault)), life: None });
        for _ in 0..40 {
            sleep(Duration::from_millis(50)).await;
            if self.children[which].try_wait().unwrap().is_some() {
                self.killed += 1;
                self.children[which] = self.child(Fate::default());
                return;
            }
        }
    }

    /// Starts those again that have died, and takes the traps out of the way.
    pub(crate) fn heal(&mut self) {
        for which in 0..self.children.len() {
            self.children[which].kill().unwrap();
            self.children[which].wait().unwrap();
            self.children[which] = self.child(Fate::default());
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
    pub(crate) async fn stop_one(&mut self) {
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
    pub(crate) async fn settle(mut self) {
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
        self.count_followers().await;
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

impl Ring {
    /// One run of the follower for each end of what it follows, whoever has died in between.
    async fn count_followers(&self) {
        let runs = async |job: &str| self.store.runs(&RunQuery::of("default", job)).await.unwrap();
        let nominal = |run: RunRecord| run.key.nominal;
        let mut ends: Vec<_> = runs(JOBS[0]).await.into_iter().filter(leads_on).map(nominal).collect();
        let followers = runs(FOLLOWER).await;
        assert!(followers.iter().all(|run| run.state != RunState::Running), "{followers:?}");
        let mut followed: Vec<_> = followers.into_iter().map(nominal).collect();
        ends.sort_unstable();
        followed.sort_unstable();
        println!("{FOLLOWER}: {} ends, {} runs", ends.len(), followed.len());
        assert_eq!(followed, ends);
    }
}

/// Whether a run was there: fires that nobody was there for lead to nothing.
fn leads_on(run: &RunRecord) -> bool {
    run.state.is_final() && run.missed.is_none() && !matches!(run.state, RunState::Coalesced | RunState::Missed)
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
