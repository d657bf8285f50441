//! Several hold one cluster, and the last one out ends it.

use std::time::Duration;

use clusterkeep_core::Error;
use clusterkeep_core::managed::local::{LocalEnd, LocalState};
use clusterkeep_core::sql::Engine;

use super::process::{ENDED, Folder, Holder, engines, eventually, is_there, postgres, read, write};

#[tokio::test]
async fn of_one_process() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let wish = postgres();
    let (first, second) = tokio::join!(clusters.start("dev", &wish), clusters.start("dev", &wish));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.url(), second.url());
    assert_ne!(first.found_running(), second.found_running(), "one was the first");
    assert_eq!((first.others(), second.others()), (1, 1));
    write(&first, 1).await;
    assert_eq!(first.stop().await.unwrap(), LocalEnd::Held { others: 1 });
    assert_eq!(read(&second).await, 1, "it goes on");
    let third = clusters.attach("dev").await.unwrap().unwrap();
    drop(second);
    assert_eq!(read(&third).await, 1, "it goes on");
    assert_eq!(third.stop().await.unwrap(), ENDED);
    folder.is_quiet();
}

#[test]
fn of_several_processes_that_start_at_once() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    for _ in 0..2 {
        let mut holders: Vec<Holder> = (0..3).map(|_| Holder::new(&folder)).collect();
        for holder in &mut holders {
            holder.tell("start");
        }
        let answers: Vec<String> = holders.iter_mut().map(Holder::hear).collect();
        let mut found: Vec<(&str, &str)> = answers.iter().map(|answer| answer.split_once(' ').unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found.iter().map(|(found, _)| *found).collect::<Vec<_>>(), ["false", "true", "true"]);
        assert!(found.iter().all(|(_, url)| *url == found[0].1), "{found:?}");
        assert_eq!(holders[0].ask("count"), "2");
        // They end at once as well: one of them, or several that left together, see the end.
        for holder in &mut holders {
            holder.tell("stop");
        }
        let ends: Vec<String> = holders.iter_mut().map(Holder::hear).collect();
        assert!(ends.iter().any(|end| end == "Ended") && !ends.iter().any(|end| end.contains("error")), "{ends:?}");
        assert_eq!(folder.state("dev"), LocalState::Stopped);
        folder.is_quiet();
    }
}

#[test]
fn that_are_killed() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let (mut first, mut second) = (Holder::new(&folder), Holder::new(&folder));
    assert!(first.ask("start").starts_with("false"));
    assert!(second.ask("start").starts_with("true"));
    first.kill();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(folder.state("dev"), LocalState::Running);
    assert_eq!(folder.clusters().find("dev").unwrap().unwrap().holders, 1);
    assert_eq!(second.ask("count"), "0");
    second.kill();
    folder.is_quiet();
    assert_eq!(folder.state("dev"), LocalState::Stopped);
    let mut third = Holder::new(&folder);
    assert!(third.ask("start").starts_with("false"), "the data survives that");
    assert_eq!(third.ask("stop"), "Ended");
}

#[test]
fn of_every_engine_that_are_killed() {
    for engine in engines() {
        let folder = Folder::new();
        let mut holder = Holder::of(&folder, engine);
        let answer = holder.ask("start");
        assert!(answer.starts_with("false"), "{answer}");
        holder.kill();
        folder.is_quiet();
        assert_eq!(folder.state("dev"), LocalState::Stopped, "{engine}");
    }
}

#[test]
fn that_come_while_it_ends() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let (mut first, mut second) = (Holder::new(&folder), Holder::new(&folder));
    for pause in [0, 1, 3, 10, 30, 100] {
        assert!(first.ask("start").starts_with("false"));
        first.tell("stop");
        std::thread::sleep(Duration::from_millis(pause));
        let found = second.ask("start");
        assert!(!found.contains("error"), "{found}");
        let end = first.hear();
        // Either it came in time and the first left it to it, or it waited for the end.
        assert!(end == "Ended" || end == "Held { others: 1 }", "{end}");
        assert_eq!(folder.state("dev"), LocalState::Running);
        assert_eq!(second.ask("stop"), "Ended");
        folder.is_quiet();
    }
}

#[test]
fn that_are_killed_during_the_start() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    for pause in [5, 50, 200, 500, 900] {
        let (mut first, mut second) = (Holder::new(&folder), Holder::new(&folder));
        first.tell("start");
        std::thread::sleep(Duration::from_millis(pause));
        second.tell("start");
        first.kill();
        let answer = second.hear();
        assert!(answer.contains("postgres://"), "{answer}");
        assert_eq!(second.ask("stop"), "Ended");
        folder.is_quiet();
    }
}

#[test]
fn that_keep_it() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let (mut first, mut second) = (Holder::new(&folder), Holder::new(&folder));
    first.ask("start");
    assert!(first.ask("keep").starts_with("local cluster `dev` runs in"));
    first.kill();
    std::thread::sleep(Duration::from_millis(300));
    let record = clusters.find("dev").unwrap().unwrap();
    assert_eq!((record.state, record.kept, record.holders), (LocalState::Running, true, 0));
    assert!(second.ask("start").starts_with("true"));
    let error = super::process::block_on(clusters.stop("dev")).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error:?}");
    assert_eq!(error.to_string(), "locked: local cluster `dev` is held by a guard");
    assert_eq!(second.ask("stop"), "Kept");
    assert_eq!(folder.state("dev"), LocalState::Running);
    super::process::block_on(async {
        clusters.stop("dev").await.unwrap();
        assert_eq!(folder.state("dev"), LocalState::Stopped);
        clusters.stop("dev").await.unwrap();
    });
    folder.is_quiet();
}

#[tokio::test]
async fn that_take_back_that_it_is_kept() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    clusters.start("dev", &postgres()).await.unwrap().keep().unwrap();
    let mut cluster = clusters.resume("dev").await.unwrap();
    assert!(cluster.is_kept() && cluster.found_running());
    cluster.take_back().unwrap();
    assert_eq!(cluster.stop().await.unwrap(), ENDED);
    folder.is_quiet();
}

#[tokio::test]
async fn that_others_stop() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let first = clusters.start("dev", &postgres()).await.unwrap();
    let second = clusters.start("dev", &postgres()).await.unwrap();
    clusters.stop_now("dev").await.unwrap();
    eventually("an end", || folder.state("dev") == LocalState::Stopped);
    assert_eq!(first.stop().await.unwrap(), ENDED, "it was asked for, so it is no failure");
    let again = clusters.start("dev", &postgres()).await.unwrap();
    assert!(!again.found_running());
    assert_eq!(second.stop().await.unwrap(), ENDED, "what runs now is another's");
    assert_eq!(again.stop().await.unwrap(), ENDED);
    folder.is_quiet();
}

/// A guard that is dropped on the thread that another start needs, in the middle of that start.
#[tokio::test]
async fn that_come_on_the_same_thread_while_it_is_dropped() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let first = clusters.start("dev", &postgres()).await.unwrap();
    let wish = postgres();
    let mut second = std::pin::pin!(clusters.start("dev", &wish));
    // Polled once, it has asked for a hold and waits for the answer.
    tokio::select! {
        biased;
        _ = &mut second => panic!("it has to wait"),
        () = std::future::ready(()) => {}
    }
    drop(first);
    let second = second.await.unwrap();
    assert!(second.found_running());
    write(&second, 1).await;
    assert_eq!(second.stop().await.unwrap(), ENDED);
    folder.is_quiet();
}

#[tokio::test]
async fn that_come_while_it_is_deleted() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let wish = postgres();
    for _ in 0..2 {
        clusters.start("dev", &wish).await.unwrap().stop().await.unwrap();
        let (deleted, started) = tokio::join!(clusters.delete("dev"), clusters.start("dev", &wish));
        let started = started.unwrap();
        match deleted {
            Ok(()) => {}
            Err(error) => assert!(matches!(error, Error::Locked { .. }), "{error:?}"),
        }
        assert_eq!(started.stop().await.unwrap(), ENDED);
        folder.is_quiet();
    }
}
