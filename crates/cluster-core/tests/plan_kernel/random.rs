//! Any plan, with any failures.

use std::collections::BTreeMap;
use std::time::Duration;

use clusterkeep_core::audit::Event;
use clusterkeep_core::plan::{Approval, Outcome};
use proptest::prelude::*;

use crate::world::{Does, Doing, Seen, World, step};

fn doing() -> impl Strategy<Value = Doing> {
    prop_oneof![
        8 => Just(Doing::Works),
        1 => Just(Doing::WasDone),
        2 => Just(Doing::HoldsTheAudit),
        1 => Just(Doing::Fails),
        1 => Just(Doing::Drifts),
        1 => Just(Doing::IsRefused),
        1 => Just(Doing::LeavesItThere),
        1 => Just(Doing::CanNotLook),
        1 => Just(Doing::OverlooksOne),
    ]
}

/// Steps that need earlier ones: any graph without cycles, numbered in an order that respects it.
fn steps() -> impl Strategy<Value = Vec<Does>> {
    let one = (doing(), prop::collection::vec(any::<prop::sample::Index>(), 0..4), 1_usize..4, 0_u64..50);
    prop::collection::vec(one, 1..30).prop_map(|steps| {
        let number = |(at, (doing, needs, objects, takes)): (usize, (_, Vec<prop::sample::Index>, _, _))| {
            let needs = needs.iter().filter(|_| at > 0).map(|need| need.index(at) as u32 + 1).collect::<Vec<_>>();
            step(doing).after(needs).to(objects).taking(takes)
        };
        steps.into_iter().enumerate().map(number).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_plan_with_any_failures(steps in steps(), parallel in 1_usize..6, backwards: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(check(steps, parallel, backwards))?;
    }

    #[test]
    fn any_plan_stopped_at_any_step(steps in steps(), at: prop::sample::Index, parallel in 1_usize..6) {
        let mut steps = steps;
        let at = at.index(steps.len());
        steps[at].doing = Doing::AsksToStop;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(check(steps, parallel, false))?;
    }
}

async fn check(steps: Vec<Does>, parallel: usize, backwards: bool) -> Result<(), TestCaseError> {
    let mut world = World::of(steps.clone());
    world.parallel = parallel;
    if backwards {
        // The order of the list says nothing: the needs do.
        world.plan.steps.reverse();
        world.replanned.steps.reverse();
    }
    // That each object has exactly one outcome, and each step its intent first, is asserted in there.
    let applied = tokio::time::timeout(Duration::from_secs(3600), world.apply_with(Approval::WithinGuards)).await;
    prop_assert!(applied.is_ok(), "it waits for itself");
    let report = applied.unwrap().unwrap();

    // What should become of each step, told from the graph alone.
    let mut can_run: BTreeMap<u32, bool> = BTreeMap::new();
    let done = |id: &u32, can_run: &BTreeMap<u32, bool>| can_run[id] && steps[*id as usize - 1].doing.is_done();
    for (id, does) in (1..).zip(&steps) {
        let can = does.needs.iter().all(|need| done(need, &can_run));
        can_run.insert(id, can);
    }
    let stopped = world.cancel.is_cancelled();
    for outcome in &report.outcomes {
        let id = outcome.step.0;
        let ran = world.begun().contains(&id);
        let expected = match steps[id as usize - 1].doing {
            _ if !ran => Outcome::Skipped,
            Doing::Works | Doing::HoldsTheAudit | Doing::AsksToStop => Outcome::Done,
            Doing::WasDone => Outcome::AlreadyDone,
            Doing::Drifts | Doing::IsRefused => Outcome::Refused,
            Doing::LeavesItThere => Outcome::StillPresent,
            Doing::Fails | Doing::CanNotLook => Outcome::Failed,
            // Only the object that nobody looked at.
            Doing::OverlooksOne => {
                if outcome.object.ends_with(&format!(".{}", steps[id as usize - 1].objects)) {
                    Outcome::Failed
                } else {
                    Outcome::Done
                }
            }
        };
        prop_assert_eq!(outcome.outcome, expected, "step {}", id);
        prop_assert!(ran == can_run[&id] || (stopped && !ran), "step {} of {:?}", id, world.begun());
    }

    let seen = world.seen();
    let place = |what| seen.iter().position(|seen| *seen == what);
    for id in world.begun() {
        prop_assert_eq!(seen.iter().filter(|seen| **seen == Seen::Began(id)).count(), 1, "step {} ran twice", id);
        for need in &steps[id as usize - 1].needs {
            prop_assert!(place(Seen::Ended(*need)) < place(Seen::Began(id)), "{} began before {} had ended", id, need);
        }
    }
    prop_assert!(world.most_at_once() <= parallel);
    // Whoever reads the audit later can tell a step that was left out from one that a crash cut off.
    for id in 1..=steps.len() as u32 {
        let events = world.audit.events_of(id);
        prop_assert!(events.is_empty() || events == [Event::Intent, Event::Outcome], "step {}: {:?}", id, events);
    }
    Ok(())
}
