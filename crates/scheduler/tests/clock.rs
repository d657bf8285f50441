//! Clocks that are set, machines that are suspended, and zone data of another version: no storm, no loss, and a report.
//!
//! The clock of these tests stands until its hands are moved, together with the time that passes, or without it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::clock::Clock;
use clusterkeep_scheduler::{
    Event, Job, MemoryStore, Misfire, Overlap, Run, RunKind, RunQuery, RunRecord, RunState, ScheduleRecord, Scheduler,
    SchedulerBuilder, Store, ledger,
};
use tokio::sync::watch;

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-01-{text}:00Z").parse().unwrap()
}

/// What is shown, and the time that has passed.
#[derive(Debug, Clone)]
struct Hands(Arc<watch::Sender<(DateTime<Utc>, Duration)>>);

impl Hands {
    fn at(shown: DateTime<Utc>) -> Self {
        Self(Arc::new(watch::Sender::new((shown, Duration::from_secs(1_000)))))
    }

    /// Somebody sets the clock, and no time passes.
    fn set(&self, to: DateTime<Utc>) {
        self.0.send_modify(|(shown, _)| *shown = to);
    }

    /// Time passes until it shows this: at once, as for a machine that was suspended.
    fn pass(&self, to: DateTime<Utc>) {
        self.0.send_modify(|(shown, elapsed)| {
            *elapsed += (to - *shown).to_std().unwrap();
            *shown = to;
        });
    }
}

#[async_trait::async_trait]
impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        self.0.borrow().0
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        self.0.subscribe().wait_for(|(shown, _)| *shown >= instant).await.unwrap();
    }

    fn elapsed(&self) -> Option<Duration> {
        Some(self.0.borrow().1)
    }
}

/// What a clock would show that was set, and what it shows.
type Step = (DateTime<Utc>, DateTime<Utc>);

/// A scheduler on a clock with hands, and what it has said and called.
struct World {
    store: Arc<dyn Store>,
    hands: Hands,
    calls: Arc<Mutex<Vec<DateTime<Utc>>>>,
    steps: Arc<Mutex<Vec<Step>>>,
    from: DateTime<Utc>,
}

impl World {
    fn at(shown: DateTime<Utc>) -> Self {
        let (calls, steps) = (Arc::default(), Arc::default());
        Self { store: MemoryStore::new().into(), hands: Hands::at(shown), calls, steps, from: shown }
    }

    fn builder(&self) -> SchedulerBuilder {
        let (calls, steps) = (Arc::clone(&self.calls), Arc::clone(&self.steps));
        Scheduler::builder()
            .store(self.store.clone())
            .clock(self.hands.clone())
            // So often it looks at the clock that is set back, for which nothing wakes it.
            .lease(Duration::from_millis(150))
            .handler("work", move |run: Run| {
                calls.lock().unwrap().push(run.nominal());
                async { Ok(()) }
            })
            .on_event(move |event| {
                if let Event::ClockSet { from, to } = event {
                    steps.lock().unwrap().push((*from, *to));
                }
            })
    }

    async fn start(&self) -> Scheduler {
        self.builder().job(often()).start().await.unwrap()
    }

    /// The rows, once they stand for so many fires and nothing is going.
    async fn fires(&self, fires: u64) -> Vec<RunRecord> {
        for _ in 0..500 {
            let runs = self.store.runs(&RunQuery::of("default", "often")).await.unwrap();
            let there: u64 = runs.iter().map(RunRecord::fires).sum();
            assert!(there <= fires, "{there} fires and not {fires}: {runs:#?}");
            if there == fires && runs.iter().all(|run| run.state.is_final()) {
                return runs;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never {fires} fires: {:#?}", self.store.runs(&RunQuery::all()).await.unwrap());
    }

    /// Waits until the scheduler has looked at its clock again.
    async fn looked(&self, steps: usize) {
        for _ in 0..500 {
            if self.steps.lock().unwrap().len() == steps {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never {steps} steps: {:?}", self.steps.lock().unwrap());
    }

    /// Nothing happens for longer than it takes to look at the clock.
    async fn rest(&self) {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    /// What the ledger says up to now; it sums up.
    async fn sum(&self, until: DateTime<Utc>) -> String {
        let period = (self.from, until + TimeDelta::seconds(1));
        let ledger = ledger(&*self.store, ("default", "often"), period, until).await.unwrap();
        assert!(ledger.sums_up, "{}", ledger.total);
        ledger.total.to_string()
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|at| at.format("%H:%M").to_string()).collect()
    }
}

/// Every ten minutes.
fn often() -> Job {
    Job::named("often").run("work").cron("*/10 * * * *").misfire(Misfire::Latest).overlap(Overlap::Queue)
}

#[tokio::test]
async fn an_hour_forward_is_lived_through_and_an_hour_back_fires_nothing_twice() {
    let world = World::at(at("01T00:05"));
    let scheduler = world.start().await;
    world.hands.pass(at("01T00:10"));
    world.fires(1).await;
    world.hands.set(at("01T01:10"));
    world.looked(1).await;
    let runs = world.fires(7).await;
    assert_eq!((runs[0].state, runs[0].key.nominal), (RunState::Succeeded, at("01T01:10")));
    assert_eq!((runs[1].state, runs[1].fires()), (RunState::Coalesced, 5));
    world.hands.set(at("01T00:10"));
    world.looked(2).await;
    for to in ["01T00:20", "01T01:00"] {
        world.hands.pass(at(to));
        world.rest().await;
        world.fires(7).await;
    }
    world.hands.pass(at("01T01:20"));
    world.fires(8).await;
    scheduler.drain().await.unwrap();
    assert_eq!(world.calls(), ["00:10", "01:10", "01:20"]);
    let (early, late) = (at("01T00:10"), at("01T01:10"));
    assert_eq!(*world.steps.lock().unwrap(), [(early, late), (late, early)]);
    let sum = world.sum(at("01T01:20")).await;
    assert_eq!(sum, "8 nominal fires = 3 fired + 5 coalesced + 0 skipped + 0 missed");
}

#[tokio::test]
async fn five_hours_forward_are_a_correction_that_runs_nothing() {
    let world = World::at(at("01T00:05"));
    let scheduler = world.start().await;
    world.hands.pass(at("01T00:10"));
    world.fires(1).await;
    world.hands.set(at("01T05:10"));
    let runs = world.fires(31).await;
    assert_eq!((runs[0].state, runs[0].fires(), runs[0].key.nominal), (RunState::Skipped, 30, at("01T00:20")));
    world.hands.pass(at("01T05:20"));
    world.fires(32).await;
    scheduler.drain().await.unwrap();
    assert_eq!(world.calls(), ["00:10", "05:20"]);
    assert_eq!(world.steps.lock().unwrap().len(), 1);
    let sum = world.sum(at("01T05:20")).await;
    assert!(sum.starts_with("32 nominal fires = 2 fired + 0 coalesced + 30 skipped (the clock was set"), "{sum}");
}

#[tokio::test]
async fn five_hours_of_suspension_are_caught_up_with_once() {
    let world = World::at(at("01T00:05"));
    let scheduler = world.start().await;
    world.hands.pass(at("01T00:10"));
    world.fires(1).await;
    world.hands.pass(at("01T05:10"));
    world.fires(31).await;
    scheduler.drain().await.unwrap();
    assert_eq!(world.calls(), ["00:10", "05:10"]);
    assert!(world.steps.lock().unwrap().is_empty(), "nobody has set it");
    let sum = world.sum(at("01T05:10")).await;
    assert_eq!(sum, "31 nominal fires = 2 fired + 29 coalesced + 0 skipped + 0 missed");
}

#[tokio::test]
async fn five_hours_back_stop_no_delay_and_fire_nothing_twice() {
    let world = World::at(at("01T10:05"));
    let delayed = Job::named("delayed").run("work").cron("@after 10min");
    let scheduler = world.builder().job(often()).job(delayed).start().await.unwrap();
    world.hands.pass(at("01T10:10"));
    world.fires(1).await;
    world.hands.set(at("01T05:10"));
    world.looked(1).await;
    // The delay has five minutes left, whatever the clock shows.
    world.hands.pass(at("01T05:15"));
    let delayed = RunQuery::of("default", "delayed").in_states([RunState::Succeeded]);
    for _ in 0..500 {
        if !world.store.runs(&delayed).await.unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let runs = world.store.runs(&delayed).await.unwrap();
    assert_eq!((runs[0].key.kind, runs[0].key.nominal), (RunKind::Event, at("01T05:15")));
    world.hands.pass(at("01T10:10"));
    world.rest().await;
    world.fires(1).await;
    world.hands.pass(at("01T10:20"));
    world.fires(2).await;
    scheduler.drain().await.unwrap();
    let sum = world.sum(at("01T10:20")).await;
    assert_eq!(sum, "2 nominal fires = 2 fired + 0 coalesced + 0 skipped + 0 missed");
}

#[tokio::test]
async fn a_machine_that_wakes_up_in_1970_makes_up_for_what_it_has_missed() {
    let world = World::at(at("01T00:05"));
    let scheduler = world.start().await;
    world.hands.pass(at("01T00:10"));
    world.fires(1).await;
    scheduler.drain().await.unwrap();
    // It was off for an hour, has no battery, and is told the time later.
    world.hands.set(DateTime::UNIX_EPOCH);
    let scheduler = world.start().await;
    world.rest().await;
    world.hands.set(at("01T01:10"));
    let runs = world.fires(7).await;
    assert_eq!((runs[1].state, runs[1].fires()), (RunState::Coalesced, 5));
    scheduler.drain().await.unwrap();
    assert_eq!(world.calls(), ["00:10", "01:10"]);
    world.sum(at("01T01:10")).await;
}

#[tokio::test]
async fn zone_data_of_another_version_moves_a_fire_which_is_told() {
    let world = World::at(at("01T00:05"));
    let scheduler = world.start().await;
    world.hands.pass(at("01T00:10"));
    world.fires(1).await;
    scheduler.drain().await.unwrap();
    // As a program would have left it whose zone data had the zone half an hour apart.
    let known = world.store.schedules(None).await.unwrap().remove(0);
    let there = at("01T00:50");
    let older = ScheduleRecord { next_fire: Some(there), zone_data: "1999z".to_owned(), ..known };
    assert_eq!(world.store.put(&[older]).await.unwrap(), [true]);
    let moved = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&moved);
    let scheduler = world
        .builder()
        .job(often())
        .on_event(move |event| {
            if let Event::Moved { job, from, to } = event {
                heard.lock().unwrap().push(((*job).to_owned(), *from, *to));
            }
        })
        .start()
        .await
        .unwrap();
    let here = at("01T00:20");
    assert_eq!(*moved.lock().unwrap(), [("often".to_owned(), Some(there), Some(here))]);
    world.hands.pass(here);
    world.fires(2).await;
    scheduler.drain().await.unwrap();
    assert_eq!(world.calls(), ["00:10", "00:20"]);
    let known = world.store.schedules(None).await.unwrap().remove(0);
    assert_ne!(known.zone_data, "1999z");
    assert_eq!(world.sum(here).await, "2 nominal fires = 2 fired + 0 coalesced + 0 skipped + 0 missed");
}
