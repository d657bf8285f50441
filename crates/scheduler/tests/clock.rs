//! Clocks that are set, machines that are suspended, and zone data of another version: no storm, no loss, and a report.
//!
//! The clock of these tests stands until its hands are moved, together with the time that passes, or without it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::clock::Clock;
use clusterkeep_scheduler::{
    Advance, Event, Fired, Gate, Job, MemoryStore, Misfire, Missed, NewRun, Overlap, Pause, Run, RunKey, RunKind,
    RunQuery, RunRecord, RunState, ScheduleRecord, Scheduler, SchedulerBuilder, Store, ledger,
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

    /// Another scheduler on its store, with hands of its own that show the same.
    async fn another(&self) -> (Hands, Scheduler) {
        let hands = Hands::at(self.hands.now());
        let scheduler = self.builder().clock(hands.clone()).job(often()).start().await.unwrap();
        (hands, scheduler)
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

#[tokio::test]
async fn what_another_one_has_left_undone_is_not_lost_by_who_was_held_up() {
    let world = World::at(at("01T00:05"));
    let held_up = world.start().await;
    let (hands, other) = world.another().await;
    for (to, fires) in [("01T00:10", 1), ("01T00:20", 2)] {
        hands.pass(at(to));
        world.fires(fires).await;
    }
    other.drain().await.unwrap();
    // It takes 00:10 to be the first that nobody has decided upon.
    world.hands.pass(at("01T01:00"));
    let runs = world.fires(6).await;
    assert_eq!((runs[1].state, runs[1].key.nominal, runs[1].fires()), (RunState::Coalesced, at("01T00:30"), 3));
    held_up.drain().await.unwrap();
    assert_eq!(world.calls(), ["00:10", "00:20", "01:00"]);
    world.sum(at("01T01:00")).await;
}

#[tokio::test]
async fn what_a_scheduler_made_before_it_died_is_stepped_around() {
    let world = World::at(at("01T00:05"));
    world.start().await.drain().await.unwrap();
    // On a store without transactions a scheduler may die before it has stepped over what it has made.
    for made in ["01T00:10", "01T00:30"] {
        let (namespace, job) = ("default".to_owned(), "often".to_owned());
        let key = RunKey { namespace, job, nominal: at(made), kind: RunKind::Scheduled, generation: 1 };
        let run = RunRecord { finished: Some(at(made)), ..RunRecord::new(key, RunState::Failed) };
        world.store.fire(&[NewRun { run, gate: Gate::OPEN }], &[]).await.unwrap();
    }
    world.hands.pass(at("01T01:00"));
    let scheduler = world.start().await;
    world.fires(6).await;
    scheduler.drain().await.unwrap();
    assert_eq!(world.calls(), ["01:00"]);
    let sum = world.sum(at("01T01:00")).await;
    assert_eq!(sum, "6 nominal fires = 3 fired + 3 coalesced + 0 skipped + 0 missed");
}

#[tokio::test]
async fn a_fire_that_came_as_a_pause_began_runs_where_the_pause_ends_before_it() {
    let world = World::at(at("01T00:05"));
    let scheduler = world.start().await;
    let pause = Pause { since: at("01T00:06"), by: "ops".to_owned(), note: None };
    assert!(world.store.pause("default", "often", Some(&pause)).await.unwrap());
    world.hands.pass(at("01T00:10"));
    world.rest().await;
    world.fires(0).await;
    // As `resume` does whose clock shows 00:09: no fire fell into the pause.
    assert!(world.store.pause("default", "often", None).await.unwrap());
    for to in ["01T00:10", "01T00:11", "01T00:20"] {
        world.hands.pass(at(to));
        world.rest().await;
    }
    world.fires(2).await;
    scheduler.drain().await.unwrap();
    world.sum(at("01T00:20")).await;
}

#[tokio::test]
async fn fires_that_were_recorded_stay_where_they_were_when_zone_data_changes() {
    let world = World::at(at("01T00:05"));
    let daily = || Job::named("often").run("work").cron("30 3 * * *").zone("America/New_York").misfire(Misfire::Skip);
    let start = async || world.builder().job(daily()).start().await.unwrap();
    start().await.drain().await.unwrap();
    // A program has made these an hour later, whose zone data had the zone there; and none on the third of January.
    let row = |day: &str, several: Option<Missed>| {
        let (namespace, job) = ("default".to_owned(), "often".to_owned());
        let nominal = at(&format!("{day}T09:30"));
        let key = RunKey { namespace, job, nominal, kind: RunKind::Scheduled, generation: 1 };
        let state = if several.is_some() { RunState::Missed } else { RunState::Succeeded };
        let run = RunRecord { missed: several, finished: Some(nominal), ..RunRecord::new(key, state) };
        NewRun { run, gate: Gate::OPEN }
    };
    let several = Missed { count: 3, last: at("07T09:30") };
    let rows = [row("01", None), row("02", None), row("04", None), row("05", Some(several))];
    let step = Advance {
        namespace: "default".to_owned(),
        job: "often".to_owned(),
        generation: 1,
        paused: false,
        high_water: at("07T09:30"),
        next_fire: Some(at("08T09:30")),
    };
    assert!(world.store.fire(&rows, &[step]).await.unwrap().into_iter().all(Fired::is_made));
    let known = world.store.schedules(None).await.unwrap().remove(0);
    world.store.put(&[ScheduleRecord { zone_data: "1999z".to_owned(), zone_data_since: None, ..known }]).await.unwrap();
    world.hands.pass(at("08T08:00"));
    let scheduler = start().await;
    for (to, fires) in [("08T08:30", 7), ("09T08:30", 8)] {
        world.hands.pass(at(to));
        world.fires(fires).await;
    }
    scheduler.drain().await.unwrap();
    let now = at("09T09:00");
    let ledger = ledger(&*world.store, ("default", "often"), (world.from, now), now).await.unwrap();
    assert_eq!((ledger.total.lost, &ledger.total.first_lost[..]), (1, &[at("03T08:30")][..]), "{}", ledger.total);
    assert_eq!((ledger.total.fired, ledger.total.missed, ledger.total.unexpected), (5, 3, 0), "{}", ledger.total);
    assert_eq!((ledger.total.expected, ledger.sums_up), (9, false));
}
