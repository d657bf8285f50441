//! The runs of a store from before there was a partition for each month: they move, and their table goes.
//!
//! First the table gets another name, so that nobody writes into it any more: a scheduler of the version before finds none,
//! and waits. Nothing is removed before each row is found in its new place. It can be cut off anywhere and goes on when the
//! store is opened next, also in several programs at once.

use std::time::Duration;

use clusterkeep_core::sql::{Session, sql};
use clusterkeep_core::{Error, Result};

/// How long it may take: a copy of all run history.
const PATIENCE: Duration = Duration::from_secs(3_600);

const COPY: &str = "INSERT INTO scheduler_monthly_runs (id, month, schedule, namespace, job, nominal, kind, generation, \
     state, attempt, worker, not_before, renewed, priority, cancel, args, missed_count, missed_last, reason, note, started, \
     finished, error, message, progress, exit_code, result, output) (SELECT id, \
     CAST(date_format('%Y%m', CAST(nominal / 1000 AS TIMESTAMP WITH TIME ZONE)) AS BIGINT), schedule, namespace, job, \
     nominal, kind, generation, state, attempt, worker, not_before, renewed, priority, cancel, args, missed_count, \
     missed_last, reason, note, started, finished, error, message, progress, exit_code, result, output \
     FROM scheduler_moved_runs) ON CONFLICT DO NOTHING";

/// How often it is tried where other programs do the same: the server may tell of a table for a moment that is gone.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(300);

/// Moves what there is.
pub(super) async fn move_runs(session: &mut dyn Session) -> Result<()> {
    for _ in 1..ATTEMPTS {
        if move_once(session).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    move_once(session).await
}

async fn move_once(session: &mut dyn Session) -> Result<()> {
    if is_there(session, "scheduler_runs").await? {
        session.execute(&sql("ALTER TABLE scheduler_runs RENAME TO scheduler_moved_runs")).await?;
    }
    if is_there(session, "scheduler_moved_runs").await? {
        copy(session).await?;
    }
    Ok(())
}

async fn is_there(session: &mut dyn Session, table: &str) -> Result<bool> {
    const TABLE: &str = "SELECT count(*) FROM information_schema.tables \
         WHERE table_schema = CURRENT_SCHEMA AND table_name = ?";
    Ok(session.query(&sql(TABLE).bind(table)).await?.scalar::<i64>()? > 0)
}

async fn copy(session: &mut dyn Session) -> Result<()> {
    // The server copies what it can, and does not say what it could not.
    const LEFT: &str = "SELECT count(*) FROM scheduler_moved_runs o LEFT JOIN scheduler_monthly_runs n ON n.id = o.id \
         WHERE n.id IS NULL";
    for statement in ["REFRESH TABLE scheduler_moved_runs", COPY, "REFRESH TABLE scheduler_monthly_runs"] {
        session.execute(&sql(statement).timeout(PATIENCE)).await?;
    }
    let left: i64 = session.query(&sql(LEFT).timeout(PATIENCE)).await?.scalar()?;
    if left > 0 {
        return Err(Error::failed(format!("move the runs in CrateDB to partitions by month: {left} were not copied"))
            .with_hint("nothing was removed; start again, and look into the server's log"));
    }
    session.execute(&sql("DROP TABLE scheduler_moved_runs")).await.map(drop)
}
