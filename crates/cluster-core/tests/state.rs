//! The state: made once, never taken back a version, and changed by whoever has seen what is there.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod places;

use std::sync::Arc;

use chrono::TimeDelta;
use clusterkeep_core::sql::{Ident, SqlBuilder};
use clusterkeep_core::state::{RowChange, State};

use crate::places::{Place, noon, on_each_engine, on_servers};

on_each_engine! {
    a_state_of_a_newer_version_is_refused,
    the_state_is_made_once_whoever_asks,
    a_mark_is_set_once,
    a_row_is_changed_by_who_has_seen_it,
    of_all_who_have_seen_a_row_one_changes_it,
}

on_servers! { cratedb:
    a_state_of_a_newer_version_is_refused,
    the_state_is_made_once_whoever_asks,
    a_mark_is_set_once,
    a_row_is_changed_by_who_has_seen_it,
    of_all_who_have_seen_a_row_one_changes_it,
}

async fn a_state_of_a_newer_version_is_refused(place: Place) {
    let state = place.with_state().await;
    let ledger = state.table("migrations");
    let mut insert = SqlBuilder::new(state.db().engine());
    insert.push("INSERT INTO ").table(&ledger).push(" (").name("version").push(", ").name("applied_at");
    insert.push(") VALUES (99, 0)");
    assert_eq!(state.db().execute(insert.build()).await.unwrap(), 1);
    let newer = place.open().await;
    assert!(newer.exists().await.unwrap());
    let error = newer.ensure(noon()).await.unwrap_err();
    assert!(error.to_string().contains("has version 99"), "{error}");
    assert!(error.hint().unwrap().contains("newest"), "{:?}", error.hint());
    // Another name is another state.
    let other = Ident::new(format!("{}_too", place.name.as_str())).unwrap();
    place.open().await.named(other).ensure(noon()).await.unwrap();
}

async fn the_state_is_made_once_whoever_asks(place: Place) {
    let state = place.open().await;
    assert!(!state.exists().await.unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let state = place.open().await;
        tasks.spawn(async move { state.ensure(noon()).await });
    }
    for made in tasks.join_all().await {
        made.unwrap();
    }
    assert!(state.exists().await.unwrap());
    state.set_mark("made_by", "a test").await.unwrap();
    state.ensure(noon() + TimeDelta::days(1)).await.unwrap();
    assert_eq!(state.mark("made_by").await.unwrap().as_deref(), Some("a test"), "what is there stays");
    let mut query = SqlBuilder::new(state.db().engine());
    query.push("SELECT count(*) AS ").name("n").push(", max(").name("applied_at").push(") AS ").name("at");
    query.push(" FROM ").table(&state.table("migrations"));
    state.refresh("migrations").await.unwrap();
    let found = state.db().query(query.build()).await.unwrap();
    let row = found.one().unwrap();
    let version = (row.get::<i64>("n").unwrap(), row.get::<i64>("at").unwrap());
    assert_eq!(version, (3, noon().timestamp_micros()), "each migration is recorded once, when it was applied");
}

async fn a_mark_is_set_once(place: Place) {
    let state = place.open().await;
    assert_eq!(state.mark("made_by").await.unwrap(), None, "also where there is no state");
    state.ensure(noon()).await.unwrap();
    assert_eq!(state.mark("made_by").await.unwrap(), None);
    let mut tasks = tokio::task::JoinSet::new();
    for value in ["a", "b", "c", "d"] {
        let state = place.open().await;
        tasks.spawn(async move {
            state.set_mark("made_by", value).await.unwrap();
            // What was set is found at once, and by everybody.
            state.mark("made_by").await.unwrap().unwrap()
        });
    }
    let seen = tasks.join_all().await;
    let stays = state.mark("made_by").await.unwrap().unwrap();
    assert!(seen.iter().all(|value| *value == stays), "{seen:?}");
}

/// Puts a policy into the state, of version 1.
async fn put(state: &State) {
    let mut insert = SqlBuilder::new(state.db().engine());
    insert.push("INSERT INTO ").table(&state.table("policies")).push(" (");
    insert.join(", ", ["store", "id", "body", "version", "changed_at", "changed_by"], |sql, column| {
        sql.name(column);
    });
    insert.push(") VALUES ('m', 'a', '', 1, 0, '')");
    assert_eq!(state.db().execute(insert.build()).await.unwrap(), 1);
}

/// From one version to the next.
fn step(version: u64, body: &str) -> RowChange {
    let row = RowChange::of("policies").key("store", "m").key("id", "a").seen("version", version);
    row.set("version", version + 1).set("body", body)
}

async fn change(state: &State, change: &RowChange) -> bool {
    state.change(&mut *state.db().session().await.unwrap(), change).await.unwrap()
}

async fn a_row_is_changed_by_who_has_seen_it(place: Place) {
    let state = place.with_state().await;
    assert!(!change(&state, &step(1, "x")).await, "it is not there");
    put(&state).await;
    // What was written a moment ago counts, not what a search would find.
    for version in 1..5 {
        assert!(change(&state, &step(version, "x")).await);
        assert!(!change(&state, &step(version, "y")).await, "version {version} is gone");
    }
    assert!(!change(&state, &step(9, "x")).await);
    let two = step(5, "z").seen("body", "y");
    assert!(!change(&state, &two).await, "one of two is as it was seen");
    assert!(change(&state, &step(5, "z").seen("body", "x").seen("changed_by", "")).await);
}

async fn of_all_who_have_seen_a_row_one_changes_it(place: Place) {
    const VERSIONS: u64 = 8;
    const WRITERS: usize = 4;
    let state = place.with_state().await;
    put(&state).await;
    let round = Arc::new(tokio::sync::Barrier::new(WRITERS));
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (state, round) = (place.open().await, Arc::clone(&round));
        tasks.spawn(async move {
            let mut won = Vec::new();
            for version in 1..=VERSIONS {
                round.wait().await;
                // A database of one writer may send the others away, who have lost then, too.
                let mut session = state.db().session().await.unwrap();
                if state.change(&mut *session, &step(version, &writer.to_string())).await.is_ok_and(|won| won) {
                    won.push(version);
                }
            }
            won
        });
    }
    let mut won: Vec<u64> = tasks.join_all().await.into_iter().flatten().collect();
    won.sort_unstable();
    assert_eq!(won, (1..=VERSIONS).collect::<Vec<_>>(), "each version was changed once");
}
