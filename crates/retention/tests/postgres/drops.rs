//! Dropping partitions while others read, write, lock and refer to them.

use std::time::{Duration, Instant};

use clusterkeep_core::ExitCode;
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::{Db, sql};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::Manifest;
use clusterkeep_retention::plan::Part;
use clusterkeep_testkit::servers;
use tokio_util::sync::CancellationToken;

use crate::world::{apply, assert_done, at, dropped, drops, number, retention, script};

pub(crate) const NOW: &str = "2026-06-15T12:00:00Z";

/// Daily partitions of ten days in January, `NAME_0` and so on, and one of the present.
pub(crate) async fn daily(db: &Db, name: &str, more: &str) {
    script(
        db,
        format!(
            "CREATE TABLE {name} (id bigint, ts timestamptz NOT NULL, n int {more}) PARTITION BY RANGE (ts);
             DO $$ BEGIN FOR d IN 0..9 LOOP
               EXECUTE format('CREATE TABLE {name}_%s PARTITION OF {name} FOR VALUES FROM (%L) TO (%L)', d,
                 '2026-01-01Z'::timestamptz + make_interval(days => d), '2026-01-01Z'::timestamptz + make_interval(days => d + 1));
             END LOOP; END $$;
             CREATE TABLE {name}_now PARTITION OF {name} FOR VALUES FROM ('2026-06-01Z') TO ('2026-07-01Z');
             INSERT INTO {name} SELECT n, '2026-01-01Z'::timestamptz + make_interval(hours => n), n FROM generate_series(0, 239) n;
             INSERT INTO {name} VALUES (1000, '2026-06-10Z', 1);"
        ),
    )
    .await;
}

pub(crate) async fn partitions(db: &Db, name: &str) -> i64 {
    number(db, format!("SELECT count(*) FROM pg_inherits WHERE inhparent = '{name}'::regclass")).await
}

/// The name of what an outcome is about.
pub(crate) fn part(part: &Part) -> String {
    match part {
        Part::Partition(id) => id.to_string().replace("public.", ""),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn case_21_22_each_partition_goes_once_and_is_looked_for_again() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    daily(&db, "raw", "").await;
    let retention = retention(&db, dropped("raw", 30));
    let report = apply(&retention, NOW).await;
    assert_done(&report);
    assert_eq!((report.count(Outcome::Done), partitions(&db, "raw").await), (10, 1));
    assert!(retention.plan(at(NOW)).await.unwrap().is_empty());
}

/// In how many transactions the outcomes of the drops were written, which is that of the drop each.
async fn transactions(db: &Db) -> i64 {
    number(db, "SELECT count(DISTINCT xmin::text) FROM clusterkeep.jobs_log WHERE event = 'outcome'").await
}

#[tokio::test]
async fn several_go_in_one_transaction_and_each_for_itself_where_that_is_in_the_way() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    daily(&db, "raw", "").await;
    assert_done(&apply(&retention(&db, dropped("raw", 30)), NOW).await);
    assert_eq!(transactions(&db).await, 1);

    daily(&db, "viewed", "").await;
    script(&db, "CREATE VIEW third AS SELECT * FROM viewed_3").await;
    let report = apply(&retention(&db, dropped("viewed", 30)), NOW).await;
    let kept: Vec<_> = report.outcomes.iter().filter(|o| o.outcome != Outcome::Done).collect();
    assert_eq!(
        kept.iter().map(|o| (part(&o.object.part), o.outcome)).collect::<Vec<_>>(),
        [("viewed_3".to_owned(), Outcome::Refused)]
    );
    assert!(kept[0].message.as_ref().unwrap().contains("something else depends on it"), "{:?}", kept[0].message);
    assert_eq!((transactions(&db).await, partitions(&db, "viewed").await), (11, 2), "each of ten has its own");
}

#[tokio::test]
async fn case_22_what_went_meanwhile_is_already_done_and_case_16_what_changed_is_refused() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    daily(&db, "raw", "").await;
    // It waits for a lock on the first partition until the others have been changed behind its back.
    let mut other = db.session().await.unwrap();
    other.begin().await.unwrap();
    other.execute(&sql("LOCK TABLE raw_0 IN ACCESS SHARE MODE")).await.unwrap();
    let retention = retention(&db, dropped("raw", 30)).parallel(1);
    let plan = retention.plan(at(NOW)).await.unwrap();
    let applying = tokio::spawn({
        let (retention, plan) = (retention.clone(), plan.clone());
        async move { retention.apply(&plan, plan.hash.into()).await.unwrap() }
    });
    waiting(&db).await;
    // On the partitions themselves: their parent is locked by who waits.
    script(&db, "INSERT INTO raw_1 VALUES (7, '2026-01-02T07:00:00Z', 7)").await;
    other.rollback().await.unwrap();
    let report = applying.await.unwrap();
    let refused: Vec<_> = report.outcomes.iter().filter(|o| o.outcome == Outcome::Refused).collect();
    assert_eq!(refused.len(), 1, "{:?}", report.outcomes);
    assert_eq!(part(&refused[0].object.part), "raw_1");
    assert!(refused[0].message.as_ref().unwrap().contains("has 25 rows, the plan saw 24"), "{:?}", refused[0].message);
    assert_eq!((report.count(Outcome::Done), report.exit_code), (9, ExitCode::Partial));
    assert_eq!(number(&db, "SELECT count(*) FROM raw").await, 26, "no row that nobody planned for went");
}

/// Waits until somebody waits for a lock in this database.
pub(crate) async fn waiting(db: &Db) {
    for _ in 0..400 {
        let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                       WHERE NOT granted AND datname = current_database()";
        if number(db, waiting).await > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nobody ever waited");
}

#[tokio::test]
async fn case_23_a_table_that_others_hold_does_not_stop_the_rest() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    for name in ["held", "free"] {
        daily(&db, name, "").await;
    }
    // A reader that never ends, as a report that somebody left open.
    let mut reader = db.session().await.unwrap();
    reader.begin().await.unwrap();
    reader.query(&sql("SELECT count(*) AS n FROM held")).await.unwrap();
    let manifest = Manifest::named("two").policy(dropped("held", 163)).policy(dropped("free", 30));
    let retention = Retention::new(db.clone()).manifest(manifest);
    let plan = retention.plan(at(NOW)).await.unwrap();
    let begun = Instant::now();
    let applying = retention.apply(&plan, plan.hash.into());
    // Meanwhile a second reader of the held table gets on: whoever waits for the lock gives up soon, again and again.
    let reading = async {
        waiting(&db).await;
        let begun = Instant::now();
        number(&db, "SELECT count(*) FROM held").await;
        begun.elapsed()
    };
    let (report, read_after) = tokio::join!(applying, reading);
    let report = report.unwrap();
    assert!(read_after < Duration::from_secs(4), "a reader waited for {read_after:?}");
    assert_eq!(report.exit_code, ExitCode::Partial);
    assert_eq!((partitions(&db, "free").await, partitions(&db, "held").await), (1, 11));
    let failed: Vec<_> = report.outcomes.iter().filter(|o| o.outcome == Outcome::Failed).collect();
    assert_eq!(failed.iter().map(|o| part(&o.object.part)).collect::<Vec<_>>(), ["held_0", "held_1"]);
    assert!(failed[0].message.as_ref().unwrap().contains("lock timeout"), "{:?}", failed[0].message);
    let took = begun.elapsed();
    assert!(
        took > Duration::from_secs(12) && took < Duration::from_secs(20),
        "five times, and once for the next: {took:?}"
    );
    reader.rollback().await.unwrap();
    assert_done(&apply(&retention, NOW).await);
}

#[tokio::test]
async fn a_lock_that_is_given_back_in_time_is_waited_for() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    daily(&db, "raw", "").await;
    let retention = retention(&db, dropped("raw", 30));
    let plan = retention.plan(at(NOW)).await.unwrap();
    let mut reader = db.session().await.unwrap();
    reader.begin().await.unwrap();
    reader.query(&sql("SELECT count(*) AS n FROM raw")).await.unwrap();
    let (report, ()) = tokio::join!(retention.apply(&plan, plan.hash.into()), async {
        waiting(&db).await;
        // Longer than the first attempt waits.
        tokio::time::sleep(Duration::from_millis(900)).await;
        reader.rollback().await.unwrap();
    });
    assert_done(&report.unwrap());
}

#[tokio::test]
async fn case_24_of_two_runners_one_gets_the_lock() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    daily(&db, "raw", "").await;
    let retention = retention(&db, dropped("raw", 30));
    let plan = retention.plan(at(NOW)).await.unwrap();
    let mut reader = db.session().await.unwrap();
    reader.begin().await.unwrap();
    reader.execute(&sql("LOCK TABLE raw IN ACCESS SHARE MODE")).await.unwrap();
    let (first, second) = tokio::join!(retention.apply(&plan, plan.hash.into()), async {
        waiting(&db).await;
        let second = database.connect().await;
        let second = Retention::new(second).policy(dropped("raw", 30));
        let refused = second.apply(&plan, plan.hash.into()).await.unwrap_err();
        reader.rollback().await.unwrap();
        refused
    });
    assert_done(&first.unwrap());
    assert_eq!(ExitCode::from(&second), ExitCode::Locked, "{second}");
}

#[tokio::test]
async fn case_27_what_is_cancelled_lists_what_is_left_and_goes_on_later() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    daily(&db, "raw", "").await;
    script(
        &db,
        "DO $$ BEGIN FOR d IN 1..120 LOOP
           EXECUTE format('CREATE TABLE raw_before_%s PARTITION OF raw FOR VALUES FROM (%L) TO (%L)', d,
             '2026-01-01Z'::timestamptz - make_interval(days => d), '2026-01-01Z'::timestamptz - make_interval(days => d - 1));
         END LOOP; END $$",
    )
    .await;
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let after_three = move |event: clusterkeep_core::event::Event| {
        if matches!(event, clusterkeep_core::event::Event::StepFinished { finished: 3, .. }) {
            stop.cancel();
        }
    };
    let cancelled = retention(&db, dropped("raw", 30))
        .parallel(1)
        .cancel(cancel)
        .events(clusterkeep_core::event::Events::to(after_three));
    let report = apply(&cancelled, NOW).await;
    let gone = report.count(Outcome::Done);
    assert!((3..130).contains(&gone), "{gone}");
    assert_eq!((report.count(Outcome::Skipped), report.exit_code), (130 - gone, ExitCode::Interrupted));
    assert_eq!(partitions(&db, "raw").await, 131 - i64::try_from(gone).unwrap(), "no half step");
    assert_done(&apply(&retention(&db, dropped("raw", 30)), NOW).await);
    assert_eq!(partitions(&db, "raw").await, 1);
}

#[tokio::test]
async fn rows_that_arrive_while_it_runs_are_never_lost() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    daily(&db, "raw", "").await;
    script(&db, "CREATE TABLE written (id bigint)").await;
    let stop = CancellationToken::new();
    let writer = {
        let (db, stop) = (database.connect().await, stop.clone());
        tokio::spawn(async move {
            let mut id = 10_000_i64;
            while !stop.is_cancelled() {
                id += 1;
                // Both or none: a row of a day whose partition is gone fails.
                let mut session = db.session().await.unwrap();
                session.begin().await.unwrap();
                let at = at("2026-01-01T00:00:00Z") + chrono::TimeDelta::minutes(id * 37 % 14_400);
                let row = sql("INSERT INTO raw VALUES (?, ?, 1)").bind(id).bind(at);
                let wrote = session.execute(&row).await.is_ok()
                    && session.execute(&sql("INSERT INTO written VALUES (?)").bind(id)).await.is_ok();
                if wrote {
                    session.commit().await.ok()
                } else {
                    session.rollback().await.ok()
                };
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    };
    let retention = retention(&db, dropped("raw", 30));
    let mut seen = 0;
    for _ in 0..20 {
        // What is planned is what is there: what came since then is not.
        let plan = retention.plan(at(NOW)).await.unwrap();
        if plan.is_empty() {
            break;
        }
        if let Ok(report) = retention.apply(&plan, Approval::WithinGuards).await {
            seen += report.count(Outcome::Refused);
        }
    }
    stop.cancel();
    writer.await.unwrap();
    println!("{seen} partitions were refused for rows that came");
    let gone = number(
        &db,
        "SELECT coalesce(sum((body::jsonb #>> '{data,data,rows}')::bigint), 0)::bigint FROM clusterkeep.jobs_log \
         WHERE event = 'outcome' AND body::jsonb #>> '{data,outcome}' = 'done'",
    )
    .await;
    let written = number(&db, "SELECT count(*) FROM written").await;
    let left = number(&db, "SELECT count(*) FROM raw").await;
    assert_eq!(gone + left, written + 241, "every row is there, or was counted when it went");
}

#[tokio::test]
async fn what_foreign_keys_refer_to_goes_only_when_no_row_does() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    daily(&db, "raw", ", PRIMARY KEY (id, ts)").await;
    script(
        &db,
        "CREATE TABLE child (id bigint, ts timestamptz, FOREIGN KEY (id, ts) REFERENCES raw ON DELETE CASCADE);
         INSERT INTO child VALUES (30, '2026-01-02T06:00:00Z');
         CREATE VIEW of_three AS SELECT * FROM raw_3;",
    )
    .await;
    let retention = retention(&db, dropped("raw", 30));
    let report = apply(&retention, NOW).await;
    let refused: Vec<_> = report.outcomes.iter().filter(|o| o.outcome == Outcome::Refused).collect();
    let names: Vec<_> = refused.iter().map(|o| part(&o.object.part)).collect();
    assert_eq!(names, ["raw_1", "raw_3"], "{:?}", report.outcomes);
    let why: Vec<_> = refused.iter().map(|o| o.message.clone().unwrap()).collect();
    assert!(why[0].contains("rows of other tables refer to rows of `public.raw_1`"), "{why:?}");
    assert!(why[1].contains("something else depends on it"), "{why:?}");
    assert_eq!((report.count(Outcome::Done), report.exit_code), (8, ExitCode::Partial));
    assert_eq!(number(&db, "SELECT count(*) FROM child").await, 1);
    script(&db, "DELETE FROM child; DROP VIEW of_three").await;
    assert_done(&apply(&retention, NOW).await);
}

#[tokio::test]
async fn nothing_gets_into_a_part_of_what_goes_past_its_table() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    script(
        &db,
        "CREATE TABLE raw (ts timestamptz, n int) PARTITION BY RANGE (ts);
         CREATE TABLE raw_0 PARTITION OF raw FOR VALUES FROM ('2026-01-01Z') TO ('2026-01-02Z') PARTITION BY LIST (n);
         CREATE TABLE raw_0_1 PARTITION OF raw_0 FOR VALUES IN (1);
         CREATE TABLE raw_now PARTITION OF raw FOR VALUES FROM ('2026-06-01Z') TO ('2026-07-01Z');
         INSERT INTO raw VALUES ('2026-01-01Z', 1), ('2026-06-02Z', 1);",
    )
    .await;
    let retention = retention(&db, dropped("raw", 30));
    let plan = retention.plan(at(NOW)).await.unwrap();
    assert_eq!(drops(&plan), ["raw_0"]);
    // A writer that is under way in the part itself, and has locked nothing above it.
    let mut writer = db.session().await.unwrap();
    writer.begin().await.unwrap();
    writer.execute(&sql("INSERT INTO raw_0_1 VALUES ('2026-01-01T01:00:00Z', 1)")).await.unwrap();
    let (report, ()) = tokio::join!(retention.apply(&plan, plan.hash.into()), async {
        waiting(&db).await;
        writer.commit().await.unwrap();
    });
    assert_eq!(report.unwrap().count(Outcome::Refused), 1);
    assert_eq!(number(&db, "SELECT count(*) FROM raw").await, 3);
}
