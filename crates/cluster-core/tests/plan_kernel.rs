//! The kernel that applies plans, with steps that do as they are told.
//!
//! Time is simulated: what is said of steps side by side holds in every run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

#[path = "plan_kernel/as_one.rs"]
mod as_one;
#[path = "plan_kernel/random.rs"]
mod random;
#[path = "plan_kernel/world.rs"]
mod world;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clusterkeep_core::audit::{self, Event, Sink};
use clusterkeep_core::event::{self, Events};
use clusterkeep_core::plan::{Approval, HashPrefix, Outcome, StepId};
use clusterkeep_core::{Error, ExitCode};
use world::{Does, Doing, Seen, World, noon, outcomes, plan_of, step};

fn works() -> Does {
    step(Doing::Works)
}

#[tokio::test(start_paused = true)]
async fn steps_wait_for_what_they_need_whatever_their_order() {
    let mut world = World::of([works().after([3]), works().after([1]), works(), works().after([2, 3])]);
    world.parallel = 1;
    let report = world.apply().await.unwrap();
    assert_eq!(world.begun(), [3, 1, 2, 4]);
    assert_eq!((report.exit_code(), report.count(Outcome::Done)), (ExitCode::Done, 4));
    assert_eq!(report.plan, world.plan.hash);
    let order: Vec<u32> = report.outcomes.iter().map(|outcome| outcome.step.0).collect();
    assert_eq!(order, [1, 2, 3, 4], "the report is in the order of the plan");
}

#[tokio::test(start_paused = true)]
async fn independent_steps_run_side_by_side_up_to_the_limit() {
    for (parallel, expected) in [(0, 1), (1, 1), (3, 3), (8, 6)] {
        let mut world = World::of((0..6).map(|_| works()));
        world.parallel = parallel;
        let start = tokio::time::Instant::now();
        world.apply().await.unwrap();
        assert_eq!(world.most_at_once(), expected);
        let rounds = 6_u32.div_ceil(expected as u32);
        assert_eq!(start.elapsed().as_millis() / 10, rounds.into(), "{parallel} at once");
    }
}

/// A slow branch holds up nobody but those that need it.
#[tokio::test(start_paused = true)]
async fn branches_go_on_at_their_own_pace() {
    let world = World::of([works().taking(1000), works(), works().after([2]), works().after([1])]);
    world.apply().await.unwrap();
    let seen = world.seen();
    let place = |what| seen.iter().position(|seen| *seen == what).unwrap();
    assert!(place(Seen::Ended(3)) < place(Seen::Ended(1)), "{seen:?}");
    assert_eq!(*seen.last().unwrap(), Seen::Ended(4));
}

/// A step that writes its outcome in its own transaction keeps the audit's newest record until it commits; the intents of
/// what comes next have to wait for it, and it must not have to wait for them.
#[tokio::test(start_paused = true)]
async fn a_step_may_hold_what_the_next_intents_wait_for() {
    let world = World::of([works(), step(Doing::HoldsTheAudit).taking(100), works().after([1])]);
    let report = tokio::time::timeout(Duration::from_secs(3600), world.apply()).await.unwrap().unwrap();
    assert_eq!(report.count(Outcome::Done), 3);
}

#[tokio::test(start_paused = true)]
async fn what_failed_stops_only_what_needs_it() {
    let steps = [step(Doing::Fails).to(2), works().after([1]), works().after([2]), works(), works().after([4])];
    let world = World::of(steps);
    let report = world.apply().await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Partial);
    assert_eq!(
        outcomes(&report),
        [
            (1, Outcome::Failed, "do 1: the disk is full"),
            (1, Outcome::Failed, "do 1: the disk is full"),
            (2, Outcome::Skipped, "step 1 was not done"),
            (3, Outcome::Skipped, "step 2 was not done"),
            (4, Outcome::Done, ""),
            (5, Outcome::Done, ""),
        ]
    );
    assert!(world.audit.events_of(2).is_empty(), "what was never going to run has no intent");
}

#[tokio::test(start_paused = true)]
async fn another_plan_than_the_approved_one_is_drift() {
    let mut world = World::of([works()]);
    world.replanned = plan_of(&[works(), works()], 0);
    let error = world.apply().await.unwrap_err();
    assert!(matches!(error, Error::Drifted { .. }), "{error}");
    assert_eq!(ExitCode::from(&error), ExitCode::Drifted);
    assert!(world.begun().is_empty());
    let entries = world.audit.entries();
    assert_eq!(entries.iter().map(|entry| entry.event).collect::<Vec<_>>(), [Event::Refused]);
    assert_eq!(entries[0].data["approved"], world.plan.hash.to_string());
    assert_eq!(entries[0].plan, world.replanned.hash.to_string());
}

#[tokio::test(start_paused = true)]
async fn an_approval_is_the_hash_or_its_first_digits_or_a_standing_order() {
    let world = World::of([works()]);
    let hash = world.plan.hash.to_string();
    let prefix = |text: &str| Approval::Hash(text.parse::<HashPrefix>().unwrap());
    for right in [prefix(&hash), prefix(&hash[..8]), prefix(&hash[..20].to_uppercase()), Approval::WithinGuards] {
        assert_eq!(world.apply_with(right).await.unwrap().exit_code(), ExitCode::Done);
    }
    let last = if hash.ends_with('0') { "1" } else { "0" };
    for wrong in ["00000000".to_owned(), hash[1..].to_owned(), format!("{}{last}", &hash[..63])] {
        let error = world.apply_with(prefix(&wrong)).await.unwrap_err();
        assert!(matches!(error, Error::Drifted { .. }), "{wrong}: {error}");
    }
    // A standing order is about whatever the plan is by now.
    let mut world = World::of([works(), works()]);
    world.plan = plan_of(&[works(), step(Doing::Fails)], 0);
    assert_eq!(world.apply_with(Approval::WithinGuards).await.unwrap().plan, world.replanned.hash);
}

#[tokio::test(start_paused = true)]
async fn a_plan_in_the_future_is_refused_and_one_for_now_is_not() {
    let mut world = World::of([works()]);
    world.plan.as_of = noon() + chrono::Duration::microseconds(1);
    let error = world.apply().await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert_eq!(ExitCode::from(&error), ExitCode::Refused);
    assert!(!world.prepared.load(Ordering::SeqCst) && world.audit.entries().is_empty(), "nothing was touched");
    world.clock.advance(chrono::Duration::microseconds(1));
    assert_eq!(world.apply().await.unwrap().exit_code(), ExitCode::Done);
}

#[tokio::test(start_paused = true)]
async fn while_another_run_holds_the_lock_nothing_happens() {
    let world = World::of([works()]);
    world.lock.take_for_another();
    let error = world.apply().await.unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    assert_eq!(ExitCode::from(&error), ExitCode::Locked);
    assert!(world.begun().is_empty() && world.audit.entries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn once_the_lock_is_lost_no_step_begins() {
    let mut world = World::of([works(), works(), works().after([2]), works()]);
    world.parallel = 1;
    world.lock.lost_at.store(2, Ordering::SeqCst);
    let report = world.apply().await.unwrap();
    assert_eq!(world.begun(), [1]);
    assert_eq!(
        outcomes(&report),
        [
            (1, Outcome::Done, ""),
            (2, Outcome::Failed, "keep the lock `letters`"),
            (3, Outcome::Skipped, "step 2 was not done"),
            (4, Outcome::Failed, "keep the lock `letters`"),
        ]
    );
    assert_eq!(report.exit_code(), ExitCode::Partial);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_asked_to_stop_ends_what_is_under_way() {
    let steps = [step(Doing::AsksToStop), works().taking(500), works(), works().after([1]), works().after([2])];
    let mut world = World::of(steps);
    world.parallel = 2;
    let report = world.apply().await.unwrap();
    assert_eq!(world.begun(), [1, 2], "nothing new begins");
    let interrupted = "interrupted before it began";
    assert_eq!(
        outcomes(&report),
        [
            (1, Outcome::Done, ""),
            (2, Outcome::Done, ""),
            (3, Outcome::Skipped, interrupted),
            (4, Outcome::Skipped, interrupted),
            (5, Outcome::Skipped, interrupted),
        ]
    );
    assert_eq!((report.exit_code(), report.exit_code().code()), (ExitCode::Interrupted, 130));
    // Its intent was written along with the first two: without an outcome it would look as if a crash had cut it off.
    assert_eq!(world.audit.events_of(3), [Event::Intent, Event::Outcome]);
    assert!(world.audit.events_of(4).is_empty());
    assert_eq!(world.audit.entries().last().unwrap().event, Event::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_asked_to_stop_too_late_is_done() {
    let report = World::of([works(), step(Doing::AsksToStop).after([1])]).apply().await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done);

    let world = World::of([works(), works()]);
    world.cancel.cancel();
    let report = world.apply().await.unwrap();
    assert_eq!((report.exit_code(), report.count(Outcome::Skipped)), (ExitCode::Interrupted, 2));
    assert!(world.begun().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_step_is_believed_only_after_looking_again() {
    let world = World::of([step(Doing::LeavesItThere), works().after([1]), step(Doing::CanNotLook)]);
    let report = world.apply().await.unwrap();
    assert_eq!(
        outcomes(&report),
        [
            (1, Outcome::StillPresent, "it ran without an error, but looking again shows otherwise"),
            (2, Outcome::Skipped, "step 1 was not done"),
            (3, Outcome::Failed, "look again"),
        ]
    );
    assert_eq!(report.exit_code(), ExitCode::Failed, "nothing is known to be done");
}

/// An object that looking again says nothing of is not taken for done.
#[tokio::test(start_paused = true)]
async fn an_object_that_was_overlooked_is_not_done() {
    let world = World::of([step(Doing::OverlooksOne).to(2), works().after([1]), step(Doing::OverlooksOne)]);
    let report = world.apply().await.unwrap();
    let found: Vec<_> = outcomes(&report).into_iter().map(|(id, outcome, _)| (id, outcome)).collect();
    assert_eq!(
        found,
        [(1, Outcome::Done), (1, Outcome::Failed), (2, Outcome::Skipped), (3, Outcome::Failed)],
        "{report:?}"
    );
    assert_eq!(report.exit_code(), ExitCode::Partial);
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_intent_can_not_be_recorded_does_not_run() {
    let world = World::of([works(), works().after([1]), works().after([2])]);
    world.audit.refuse(Event::Intent, Some(2));
    let report = world.apply().await.unwrap();
    assert_eq!(world.begun(), [1]);
    assert_eq!(
        outcomes(&report),
        [
            (1, Outcome::Done, ""),
            (2, Outcome::Failed, "its intent could not be recorded: write the audit"),
            (3, Outcome::Skipped, "step 2 was not done"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_can_not_be_recorded_does_not_begin() {
    for event in [Event::Began, Event::Intent] {
        let world = World::of((0..150).map(|_| works()));
        world.audit.refuse(event, None);
        let ended = world.apply().await;
        assert!(world.begun().is_empty());
        let code = ended.map_or_else(|error| ExitCode::from(&error), |report| report.exit_code());
        assert_eq!(code, ExitCode::Failed);
    }
}

/// What was done is told even where the audit breaks after it.
#[tokio::test(start_paused = true)]
async fn a_record_that_is_lost_after_the_work_loses_no_outcome() {
    for event in [Event::Outcome, Event::Ended] {
        let world = World::of([works(), step(Doing::Fails)]);
        world.audit.refuse(event, None);
        let report = world.apply().await.unwrap();
        assert_eq!(report.exit_code(), ExitCode::Partial);
        assert_eq!(report.audit_head.is_none(), event == Event::Ended, "a head that was not written is not shown");
    }
}

#[tokio::test(start_paused = true)]
async fn intents_come_in_bulk_and_outcomes_one_by_one() {
    let world = World::of((0..250).map(|_| works()).chain([works().after([250])]));
    let report = world.apply().await.unwrap();
    let writes = world.audit.writes();
    assert_eq!(writes.first().unwrap(), &[Event::Began]);
    assert_eq!(writes.last().unwrap(), &[Event::Ended]);
    let intents: Vec<usize> = writes.iter().filter(|write| write[0] == Event::Intent).map(Vec::len).collect();
    assert_eq!(intents, [100, 100, 50, 1]);
    assert!(writes.iter().all(|write| write.len() == 1 || write.iter().all(|event| *event == Event::Intent)));
    for id in 1..=251 {
        assert_eq!(world.audit.events_of(id), [Event::Intent, Event::Outcome], "step {id}");
    }
    let records = world.audit.read(1, usize::MAX).await.unwrap();
    let head = audit::verify(None, &records).unwrap().unwrap();
    assert_eq!(report.audit_head, Some(head.to_string()), "the head that is shown is that of the whole run");
}

#[tokio::test(start_paused = true)]
async fn the_audit_says_what_was_done_by_whom_and_for_when() {
    let world = World::of([works().to(2), step(Doing::Fails)]);
    world.clock.advance(chrono::Duration::hours(1));
    world.apply().await.unwrap();
    let entries = world.audit.entries();
    for entry in &entries {
        assert_eq!((entry.actor.as_str(), entry.subject.as_str()), ("a test", "letters:test"));
        assert_eq!((entry.at, entry.as_of), (noon() + chrono::Duration::hours(1), noon()));
        assert_eq!(entry.plan, world.plan.hash.to_string());
    }
    assert_eq!(entries[0].data["steps"], 2);
    assert_eq!(entries[0].data["approval"], "hash");
    let outcome = |id| entries.iter().find(|entry| entry.event == Event::Outcome && entry.step == Some(id)).unwrap();
    assert_eq!(outcome(1).data["outcome"], "done");
    assert_eq!(outcome(1).data["objects"], serde_json::json!(["1.1", "1.2"]));
    assert_eq!(outcome(1).data["data"]["letters"], 2);
    assert_eq!(outcome(2).data["outcome"], "failed");
    assert_eq!(outcome(2).data["message"], "do 2: the disk is full");
    let ended = &entries.last().unwrap().data;
    assert_eq!((&ended["done"], &ended["objects"], &ended["exit_code"]), (&2.into(), &3.into(), &7.into()));
}

#[tokio::test(start_paused = true)]
async fn a_plan_without_steps_touches_nothing() {
    let world = World::of([]);
    world.lock.take_for_another();
    let report = world.apply().await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done);
    assert!(!world.prepared.load(Ordering::SeqCst) && world.audit.entries().is_empty());
    assert_eq!(World::refusing([], 1).apply().await.unwrap().exit_code(), ExitCode::Refused);
}

#[tokio::test(start_paused = true)]
async fn the_exit_code_tells_each_mixture() {
    use Doing::{CanNotLook, Drifts, Fails, IsRefused, LeavesItThere, WasDone, Works};
    // What the steps do, how many objects a guard rail stopped, and how it ends.
    let cases: &[(&[Doing], usize, ExitCode)] = &[
        (&[Works], 0, ExitCode::Done),
        (&[WasDone], 0, ExitCode::Done),
        (&[Works, WasDone], 0, ExitCode::Done),
        (&[Fails], 0, ExitCode::Failed),
        (&[LeavesItThere], 0, ExitCode::Failed),
        (&[CanNotLook], 0, ExitCode::Failed),
        (&[Fails, LeavesItThere], 0, ExitCode::Failed),
        (&[Works, Fails], 0, ExitCode::Partial),
        (&[WasDone, Fails], 0, ExitCode::Partial),
        (&[Works, LeavesItThere], 0, ExitCode::Partial),
        (&[Works, CanNotLook], 0, ExitCode::Partial),
        (&[Works, Drifts], 0, ExitCode::Partial),
        (&[Works, IsRefused], 0, ExitCode::Partial),
        (&[Drifts], 0, ExitCode::Refused),
        (&[IsRefused], 0, ExitCode::Refused),
        (&[IsRefused, Fails], 0, ExitCode::Failed),
        (&[Works], 1, ExitCode::Partial),
        (&[WasDone], 1, ExitCode::Partial),
        (&[Works, Fails], 1, ExitCode::Partial),
        (&[Fails], 1, ExitCode::Failed),
        (&[IsRefused], 1, ExitCode::Refused),
    ];
    for (doings, refused, code) in cases {
        let world = World::refusing(doings.iter().map(|doing| step(*doing)), *refused);
        let report = world.apply().await.unwrap();
        assert_eq!(report.exit_code(), *code, "{doings:?} and {refused} refused");
    }
}

/// No planner makes such a plan; a kernel that met one and said that all is well would be worse than one that stops.
#[tokio::test(start_paused = true)]
async fn steps_that_can_never_begin_are_failures() {
    let world = World::of([works().after([2]), works().after([1]), works().after([9]), works()]);
    let report = world.apply().await.unwrap();
    let why = "what it needs is never done: the plan is malformed";
    assert_eq!(
        outcomes(&report),
        [(1, Outcome::Failed, why), (2, Outcome::Failed, why), (3, Outcome::Failed, why), (4, Outcome::Done, "")]
    );
    assert_eq!(report.exit_code(), ExitCode::Partial);
}

#[tokio::test(start_paused = true)]
async fn who_listens_hears_of_every_step() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let mut world = World::of([works(), step(Doing::Fails).after([1]), works().after([2])]);
    let listener = Arc::clone(&heard);
    world.events = Events::to(move |event| listener.lock().unwrap().push(event));
    world.apply().await.unwrap();
    let finished = |step: u32, outcome| event::Event::StepFinished {
        step,
        what: format!("do {step}"),
        outcome,
        finished: step as usize,
        steps: 3,
    };
    let started = |step: u32| event::Event::StepStarted { step, what: format!("do {step}") };
    assert_eq!(
        *heard.lock().unwrap(),
        [
            event::Event::Started { plan: world.plan.hash.short(), steps: 3 },
            started(1),
            finished(1, Outcome::Done),
            started(2),
            finished(2, Outcome::Failed),
        ]
    );
}

#[test]
fn a_report_is_data() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let world = World::of([works(), step(Doing::LeavesItThere)]);
    let report = runtime.block_on(world.apply()).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["exit_code"], 7);
    assert_eq!(json["outcomes"][0], serde_json::json!({ "step": 1, "object": "1.1", "outcome": "done" }));
    assert_eq!(json["outcomes"][1]["outcome"], "still_present");
    assert_eq!(report.outcomes[1].step, StepId(2));
}
