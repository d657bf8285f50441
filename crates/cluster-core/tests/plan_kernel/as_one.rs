//! Steps that are done as one: all of them or none, with an outcome for each, and nobody says more than was seen.

use clusterkeep_core::ExitCode;
use clusterkeep_core::audit::Event;
use clusterkeep_core::plan::Outcome;

use super::world::{AsOne, Doing, World, outcomes, step};

/// What became of seven steps, three of which are done as one at a time, and what the run comes to.
async fn seven(as_one: AsOne) -> (World, Vec<(u32, Outcome)>, Vec<String>, ExitCode) {
    let mut world = World::of((0..7).map(|_| step(Doing::Works)));
    (world.as_one, world.parallel) = (Some(as_one), 1);
    let report = world.apply().await.unwrap();
    let all = outcomes(&report);
    let messages = all.iter().map(|(_, _, message)| (*message).to_owned()).collect();
    (world, all.iter().map(|(id, outcome, _)| (*id, *outcome)).collect(), messages, report.exit_code)
}

fn each(outcome: Outcome) -> Vec<(u32, Outcome)> {
    (1..=7).map(|id| (id, outcome)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_done_as_one_has_an_outcome_each() {
    let (world, outcomes, _, code) = seven(AsOne::Works).await;
    assert_eq!((outcomes, code), (each(Outcome::Done), ExitCode::Done));
    // The seventh is left over, and goes by itself.
    assert_eq!(world.begun(), [7]);
    for id in 1..=7 {
        assert_eq!(world.audit.events_of(id), [Event::Intent, Event::Outcome], "step {id}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_done_as_one_is_done_one_by_one_in_order() {
    let (world, outcomes, _, code) = seven(AsOne::Fails).await;
    assert_eq!((outcomes, code), (each(Outcome::Done), ExitCode::Done));
    assert_eq!(world.begun(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(world.audit.events_of(2), [Event::Intent, Event::Outcome]);
}

#[tokio::test(start_paused = true)]
async fn where_the_answer_was_lost_they_are_done_already_and_not_done_again() {
    let (world, outcomes, _, code) = seven(AsOne::LosesItsAnswer).await;
    assert_eq!(outcomes[..6], each(Outcome::AlreadyDone)[..6]);
    assert_eq!((world.begun(), code), (vec![7], ExitCode::Done));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_could_look_at_has_failed_and_is_not_said_to_be_left() {
    let (world, outcomes, messages, code) = seven(AsOne::CanNotLook).await;
    assert_eq!(outcomes[..6], each(Outcome::Failed)[..6]);
    assert!(messages[0].starts_with("whether it was done could not be seen"), "{}", messages[0]);
    assert_eq!((world.begun(), code), (vec![7], ExitCode::Partial));
}

#[tokio::test(start_paused = true)]
async fn one_that_tells_nothing_loses_no_other_its_outcome() {
    let (_, outcomes, _, code) = seven(AsOne::TellsTooLittle).await;
    assert_eq!(outcomes[..6], each(Outcome::AlreadyDone)[..6]);
    assert_eq!(code, ExitCode::Done);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_asked_to_stop_leaves_what_was_not_done_as_one() {
    let mut world = World::of([step(Doing::AsksToStop)].into_iter().chain((0..5).map(|_| step(Doing::Works))));
    (world.as_one, world.parallel) = (Some(AsOne::Fails), 1);
    let report = world.apply().await.unwrap();
    assert_eq!((world.begun(), report.exit_code), (vec![1], ExitCode::Interrupted));
    assert_eq!((report.count(Outcome::Done), report.count(Outcome::Skipped)), (1, 5));
}
