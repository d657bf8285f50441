//! A hold that is placed while a plan is being applied wins from then on: over what is archived, dropped and removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clusterkeep_core::ExitCode;
use clusterkeep_core::event::{Event, Events};
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::Db;
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::HoldScope;
use clusterkeep_retention::store::NewHold;

use crate::world::{Kind, NOW, World, assert_done, at};

/// Somebody else places a hold on `raw`, from the third of January on.
fn place_hold(url: String) {
    let placing = async move {
        let db = Db::connect(&url).await.unwrap();
        let scope = HoldScope {
            table: Some("raw".parse().unwrap()),
            from: Some(at("2026-01-03T00:00:00Z")),
            ..HoldScope::default()
        };
        let hold = NewHold { owner: "ann".into(), reason: "a study".into(), scope, expires_at: None };
        Retention::new(db.clone()).store().holds().add(hold, at(NOW)).await.unwrap();
        db.close().await;
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime().block_on(placing)).join().unwrap();
}

#[tokio::test]
async fn what_is_held_meanwhile_stays() {
    let world = World::new(Kind::Sqlite).await.unwrap();
    let url = format!("sqlite://{}", world.folder.path().join("data.db").display());
    let placed = Arc::new(AtomicBool::new(false));
    let listener = move |event: Event| {
        if matches!(event, Event::StepFinished { .. }) && !placed.swap(true, Ordering::SeqCst) {
            place_hold(url.clone());
        }
    };
    let before = world.rows().await;
    let retention = world.retention().parallel(1).events(Events::to(listener));
    let plan = retention.plan(at(NOW)).await.unwrap();
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    // The first days were archived; the drop is of all three, the last of which is held.
    assert_eq!((world.rows().await == before, report.exit_code), (true, ExitCode::Partial), "{report:?}");
    let refused: Vec<_> = report.outcomes.iter().filter(|one| one.outcome == Outcome::Refused).collect();
    assert!(!refused.is_empty());
    for one in refused {
        assert!(one.message.as_ref().unwrap().contains("is held by ann since it was planned"), "{one:?}");
    }
    assert_done(&world.apply().await);
    assert_eq!(world.rows().await.lines().count(), 1 + 145 - 48, "the two days before it go");
}
