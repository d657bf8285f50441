//! Several processes, on one machine and on several.

use clusterkeep_core::managed::Left;

use crate::child::Holder;
use crate::world::World;

#[tokio::test]
async fn the_last_of_two_processes_suspends() {
    let (world, id) = World::suspended();
    let mut first = Holder::spawn(&world, world.folder.path(), "staging");
    assert_eq!(first.says(), "started");
    let mut second = Holder::spawn(&world, world.folder.path(), "staging");
    assert_eq!(second.says(), "started");
    assert_eq!(first.order("stop"), "left running: another guard on this machine holds it");
    assert!(!world.settled(id).is_suspended(id));
    assert_eq!(second.order("stop"), "suspended");
    world.ends_suspended(id);
}

#[tokio::test]
async fn a_process_that_ends_by_dropping_suspends() {
    let (world, id) = World::suspended();
    let mut holder = Holder::spawn(&world, world.folder.path(), "staging");
    assert_eq!(holder.says(), "started");
    assert_eq!(holder.order("drop"), "dropped");
    crate::world::until("the cluster is suspended", || world.is_suspended(id));
}

#[tokio::test]
async fn one_that_is_killed_does_not_hold_for_ever() {
    let (world, id) = World::suspended();
    let mut killed = Holder::spawn(&world, world.folder.path(), "staging");
    assert_eq!(killed.says(), "started");
    killed.kill();
    assert!(!world.settled(id).is_suspended(id), "nobody could suspend it");
    let guard = world.builder("staging").start().await.unwrap();
    assert_eq!(guard.stop().await.unwrap(), Left::Suspended, "it sees to what the killed one owed");
    world.ends_suspended(id);
}

/// Whoever comes while another is on its way out waits for that, and starts anew.
#[tokio::test]
async fn both_at_once_again_and_again_on_one_machine() {
    let (world, id) = World::suspended();
    for _ in 0..8 {
        let mut holders: Vec<_> = (0..2).map(|_| Holder::spawn(&world, world.folder.path(), "staging")).collect();
        for holder in &mut holders {
            assert_eq!(holder.says(), "started");
        }
        let said: Vec<_> = holders.into_iter().map(|holder| holder.order("stop")).collect();
        assert!(said.contains(&"suspended".to_owned()), "{said:?}");
        world.settled(id).ends_suspended(id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_at_once_again_and_again_in_one_process() {
    let (world, id) = World::suspended();
    for round in 0..20_u64 {
        let one = async {
            let guard = world.builder("staging").start().await.unwrap();
            guard.stop().await.unwrap()
        };
        let other = async {
            tokio::time::sleep(std::time::Duration::from_millis(round * 5)).await;
            let guard = world.builder("staging").start().await.unwrap();
            assert!(!world.is_suspended(id), "whoever holds it has it running");
            guard.stop().await.unwrap()
        };
        let left = tokio::join!(one, other);
        assert!(left.0 == Left::Suspended || left.1 == Left::Suspended, "{left:?}");
        world.settled(id).ends_suspended(id);
    }
}

/// Other machines can't be known: each suspends what it resumed itself, and none is disturbed by an operation of the other.
#[tokio::test]
async fn both_at_once_on_two_machines() {
    let (world, id) = World::suspended();
    for _ in 0..5 {
        let elsewhere = tempfile::tempdir().unwrap();
        let mut here = Holder::spawn(&world, world.folder.path(), "staging");
        let mut there = Holder::spawn(&world, elsewhere.path(), "staging");
        assert_eq!(here.says(), "started");
        assert_eq!(there.says(), "started");
        let said = [here.order("stop"), there.order("stop")];
        for word in &said {
            let defined = ["suspended", "suspended already", "left running, as it was found"];
            assert!(defined.contains(&word.as_str()), "{said:?}");
        }
        world.settled(id).ends_suspended(id);
        assert!(crate::world::records(elsewhere.path()).is_empty());
    }
}
