//! The lock that keeps two runs apart: on every engine, and as a lease where nothing ends with its holder.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod places;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use clusterkeep_core::Error;
use clusterkeep_core::plan::Lock;
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, SqlBuilder};
use clusterkeep_core::state::{State, StateLock};
use clusterkeep_testkit::fault::{Fault, Trap, faulty};
use clusterkeep_testkit::proxy::Proxy;
use clusterkeep_testkit::servers;

use crate::places::Place;

fn is_locked(taken: &Result<StateLock, Error>) -> bool {
    matches!(taken, Err(Error::Locked { what }) if what.contains("another run holds"))
}

async fn release(lock: StateLock) {
    Box::new(lock).release().await.unwrap();
}

async fn one_run_at_a_time(place: Place) {
    let (first, second) = (place.with_state().await, place.with_state().await);
    let lock = first.lock("apply").await.unwrap();
    lock.check().await.unwrap();
    assert!(is_locked(&second.lock("apply").await));
    assert!(is_locked(&first.lock("apply").await), "nor the same program twice");
    release(lock).await;
    // What was given back is free at once.
    let lock = second.lock("apply").await.unwrap();
    lock.check().await.unwrap();
    assert!(is_locked(&first.lock("apply").await));
}

/// Several programs, each with several tasks, take and give back without end: never are two of them inside.
async fn never_two_inside(place: Place) {
    const EACH: usize = 4;
    let inside = Arc::new(AtomicBool::new(false));
    let tokens = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (state, inside, tokens) = (place.with_state().await, Arc::clone(&inside), Arc::clone(&tokens));
        tasks.spawn(async move {
            for _ in 0..EACH {
                let lock = loop {
                    match state.lock("apply").await {
                        Ok(lock) => break lock,
                        Err(Error::Locked { .. }) => tokio::time::sleep(Duration::from_millis(3)).await,
                        Err(other) => panic!("{other}"),
                    }
                };
                assert!(!inside.swap(true, Ordering::SeqCst), "two are inside");
                if let Some(token) = lock.token() {
                    assert!(tokens.swap(token, Ordering::SeqCst) < token, "each token is larger than those before");
                }
                lock.check().await.unwrap();
                assert!(inside.swap(false, Ordering::SeqCst));
                release(lock).await;
            }
        });
    }
    tasks.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_one_run_at_a_time() {
    one_run_at_a_time(Place::sqlite()).await;
    never_two_inside(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_one_run_at_a_time() {
    let Some(database) = servers::postgres().await else { return };
    one_run_at_a_time(Place::on(database)).await;
    never_two_inside(Place::on(servers::postgres().await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_one_run_at_a_time() {
    let Some(database) = servers::mariadb().await else { return };
    one_run_at_a_time(Place::on(database)).await;
    never_two_inside(Place::on(servers::mariadb().await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cratedb_one_run_at_a_time() {
    let Some(database) = servers::cratedb().await else { return };
    one_run_at_a_time(Place::on(database)).await;
    never_two_inside(Place::on(servers::cratedb().await.unwrap())).await;
}

#[tokio::test]
async fn only_a_lease_has_a_token() {
    assert_eq!(Place::sqlite().open().await.lock("apply").await.unwrap().token(), None);
}

const SHORT: Duration = Duration::from_millis(1500);

/// Takes a lock as soon as it is to be had; how long that took.
async fn wait_for(state: &State) -> (StateLock, Duration) {
    let start = Instant::now();
    loop {
        match state.lock("apply").await {
            Ok(lock) => return (lock, start.elapsed()),
            Err(Error::Locked { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(other) => panic!("{other}"),
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it never comes free");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_renewed_as_long_as_its_holder_lives() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::on(database);
    let (holder, other) = (place.with_state().await.leased_for(SHORT), place.with_state().await.leased_for(SHORT));
    let lock = holder.lock("apply").await.unwrap();
    let start = Instant::now();
    while start.elapsed() < SHORT * 4 {
        assert!(is_locked(&other.lock("apply").await));
        lock.check().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    release(lock).await;
    assert_eq!(other.lock("apply").await.unwrap().token(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_24_a_lease_outlives_a_killed_run_by_its_length_and_no_longer() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::on(database);
    let (first, second) = (place.with_state().await.leased_for(SHORT), place.with_state().await.leased_for(SHORT));
    let lock = first.lock("apply").await.unwrap();
    assert_eq!(lock.token(), Some(1));
    // Nothing is given back, and nobody renews: as if the process had been killed.
    drop(lock);
    assert!(is_locked(&second.lock("apply").await));
    let (lock, waited) = wait_for(&second).await;
    assert_eq!(lock.token(), Some(2), "the token rises with each holder");
    assert!(waited > SHORT / 2 && waited < SHORT + Duration::from_secs(2), "{waited:?}");
    lock.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_all_who_wait_for_a_lease_to_end_one_gets_it() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::on(database);
    let first = place.with_state().await.leased_for(SHORT);
    drop(first.lock("apply").await.unwrap());
    tokio::time::sleep(SHORT).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let state = place.with_state().await.leased_for(SHORT * 20);
        tasks.spawn(async move { state.lock("apply").await });
    }
    let taken = tasks.join_all().await;
    let won: Vec<_> = taken.iter().filter_map(|lock| lock.as_ref().ok()).collect();
    assert_eq!(won.len(), 1, "{taken:?}");
    assert_eq!(won[0].token(), Some(2));
    assert_eq!(taken.iter().filter(|taken| is_locked(taken)).count(), 5);
    won[0].check().await.unwrap();
}

/// A holder whose way to the server is stalled: its check fails in time, another takes over, and what the stalled one
/// sent comes too late to count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_24_a_lost_lease_is_noticed_by_its_holder() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::on(database);
    let server = place.database.as_ref().unwrap().server();
    let proxy = Proxy::to(server.port()).await.unwrap();
    let slow = place.open_at(&proxy.reroute(&place.url)).await.leased_for(SHORT);
    let other = place.with_state().await.leased_for(SHORT * 20);
    let lock = slow.lock("apply").await.unwrap();
    lock.check().await.unwrap();

    proxy.stall();
    let asked = Instant::now();
    let error = lock.check().await.unwrap_err();
    assert!(asked.elapsed() < SHORT, "after {:?}: {error}", asked.elapsed());
    // Renewals are under way, and don't arrive.
    let (taken, _) = wait_for(&other).await;
    assert_eq!(taken.token(), Some(2));
    proxy.restore().await.unwrap();
    tokio::time::sleep(SHORT).await;
    let error = lock.check().await.unwrap_err();
    assert!(error.to_string().contains("was lost: another run has taken it"), "{error}");
    taken.check().await.unwrap();
    // Giving back what is another's changes nothing.
    release(lock).await;
    taken.check().await.unwrap();
    assert!(is_locked(&slow.lock("apply").await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_whose_server_is_gone_is_told_in_time() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::on(database);
    let proxy = Proxy::to(place.database.as_ref().unwrap().server().port()).await.unwrap();
    let state = place.open_at(&proxy.reroute(&place.url)).await.leased_for(SHORT);
    state.ensure(Utc::now()).await.unwrap();
    let lock = state.lock("apply").await.unwrap();
    proxy.refuse().await;
    let asked = Instant::now();
    assert!(lock.check().await.is_err());
    assert!(asked.elapsed() < SHORT, "{:?}", asked.elapsed());
    // A short absence is no loss: the next renewal comes through.
    proxy.restore().await.unwrap();
    let start = Instant::now();
    while lock.check().await.is_err() {
        assert!(start.elapsed() < SHORT * 2, "it is still this one's, and renewed again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(lock.token(), Some(1));
}

/// The row is what counts: whoever sets it otherwise, be it by hand, ends the lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_has_run_out_is_none_any_more() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::on(database);
    let state = place.with_state().await.leased_for(Duration::from_secs(600));
    let lock = state.lock("apply").await.unwrap();
    let mut end = SqlBuilder::new(Engine::Cratedb);
    end.push("UPDATE ").table(&state.table("leases")).push(" SET ").name("expires_at").push(" = 1 WHERE ");
    end.name("name").push(" = ").bind(format!("{}.apply", place.name.as_str()));
    assert_eq!(state.db().execute(end.build()).await.unwrap(), 1);
    let error = lock.check().await.unwrap_err();
    assert!(error.to_string().contains("has run out"), "{error}");
    let other = place.with_state().await.lock("apply").await.unwrap();
    assert_eq!(other.token(), Some(2));
    // Another lock is another row.
    assert_eq!(state.lock("another").await.unwrap().token(), Some(1));
}

/// Steps that use every session keep nobody from renewing the lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_renewed_while_all_sessions_are_in_use() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::on(database);
    let db = Db::connect_with(&place.url.parse().unwrap(), ConnectOptions::default().max_sessions(3)).await.unwrap();
    let state = State::of(db.clone()).named(place.name.clone()).leased_for(SHORT);
    state.ensure(Utc::now()).await.unwrap();
    let lock = state.lock("apply").await.unwrap();
    let busy = [db.session().await.unwrap(), db.session().await.unwrap()];
    tokio::time::sleep(SHORT * 2).await;
    lock.check().await.unwrap();
    drop(busy);
}

/// Renewals that nobody has confirmed: what the row says may be lost with the node that shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_goes_on_only_as_the_server_has_said() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::on(database);
    let state = place.with_state().await;
    let trap = Trap::each("UPDATE", Fault::AnswerLost);
    let holder = State::of(faulty(state.db().clone(), Arc::clone(&trap))).named(place.name.clone()).leased_for(SHORT);
    let lock = holder.lock("apply").await.unwrap();
    lock.check().await.unwrap();
    tokio::time::sleep(SHORT * 2).await;
    assert!(trap.sprung());
    assert!(is_locked(&state.lock("apply").await), "by the row it goes on");
    let error = lock.check().await.unwrap_err();
    assert!(error.to_string().contains("has run out"), "{error}");
}

/// The answer to each of the statements by which a lock is taken is lost: nobody has it then, or its taker does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_whose_taking_was_lost_comes_free_by_itself() {
    let Some(database) = servers::cratedb().await else { return };
    let place = Place::on(database);
    let state = place.with_state().await.leased_for(SHORT);
    for fault in [Fault::Lost, Fault::AnswerLost] {
        for at in 1.. {
            let trap = Trap::at(at, fault);
            let other = State::of(faulty(state.db().clone(), Arc::clone(&trap))).named(place.name.clone());
            let taken = other.leased_for(SHORT).lock("apply").await;
            assert_eq!(taken.is_err(), trap.sprung(), "{fault:?} at {at}: {taken:?}");
            drop(taken);
            let (lock, waited) = wait_for(&state).await;
            assert!(waited < SHORT + Duration::from_secs(2), "{waited:?}");
            lock.check().await.unwrap();
            release(lock).await;
            if !trap.sprung() {
                assert_eq!(at, 3, "there are two statements");
                break;
            }
        }
    }
}
