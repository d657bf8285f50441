//! Statements on a database: one after the other, in one session.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clusterkeep_core::address::{AddressSources, ClusterAddress};
use clusterkeep_core::sql::{ConnectOptions, Db, Part, Records, Row, Session, Statement, statements};
use clusterkeep_core::{Error, Result};
use futures::TryStreamExt as _;

use super::reference::fetch;
use super::{Runner, Sql, Target};
use crate::model::target::in_short;
use crate::run::{MOST_RESULT, Run};

/// How long one statement may take: the job's own timeout is the one that counts.
const MOST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How many rows are looked at as a result.
const MOST_ROWS: usize = 1_000;

/// Connects to the clusters that jobs name.
#[async_trait]
pub trait Clusters: Send + Sync + fmt::Debug {
    /// A connection to the cluster at this address, in any form that it can have; without one, to the one that the scheduler
    /// works on. It is closed after the run.
    ///
    /// # Errors
    ///
    /// An address that can't be read; a cluster that can't be connected to.
    async fn connect(&self, cluster: Option<&str>, options: ConnectOptions) -> Result<Db>;
}

/// Clusters that jobs name by their URL; there is none that the scheduler works on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Addresses;

#[async_trait]
impl Clusters for Addresses {
    async fn connect(&self, cluster: Option<&str>, options: ConnectOptions) -> Result<Db> {
        let text = cluster.ok_or_else(|| {
            Error::failed("the job names no cluster, and the scheduler works on none")
                .with_hint("say `cluster: ADDRESS` beside `sql`")
        })?;
        let sources = AddressSources::new().process_environment().flag("cluster", text);
        match sources.resolve()?.address {
            ClusterAddress::Url(url) => Db::connect_with(&url, options).await,
            other => Err(Error::failed(format!("{other} is no URL, and this program knows no other clusters"))),
        }
    }
}

/// Runs statements.
#[derive(Debug, Clone)]
pub struct SqlRunner {
    clusters: Arc<dyn Clusters>,
}

impl SqlRunner {
    /// Runs them on these clusters.
    #[must_use]
    pub fn on(clusters: impl Clusters + 'static) -> Self {
        Self { clusters: Arc::new(clusters) }
    }

    async fn work(&self, sql: &Sql, run: &Run) -> Result<()> {
        let mut options = ConnectOptions::default().statement_timeout(MOST).max_sessions(1);
        if !sql.write {
            options = options.read_only();
        }
        let cluster = sql.cluster.as_deref().map(fetch).transpose()?;
        let db = self.clusters.connect(cluster.as_ref().map(clusterkeep_core::secret::Secret::expose), options).await?;
        let done = all(&db, sql, run).await;
        db.close().await;
        done
    }
}

#[async_trait]
impl Runner for SqlRunner {
    async fn run(&self, run: Run) -> Result<()> {
        let Target::Sql(sql) = run.target() else {
            return Err(Error::input(format!("job `{}` runs no SQL", run.job())));
        };
        tokio::select! {
            biased;
            // The session is closed then, and the server stops what it does.
            () = run.ending() => Err(Error::failed("the statement was stopped")),
            done = self.work(sql, &run) => done,
        }
    }
}

/// Runs all statements; what has come of each is the run's output.
async fn all(db: &Db, sql: &Sql, run: &Run) -> Result<()> {
    let parts: Vec<Part<'_>> = sql.sql.as_slice().iter().flat_map(|text| statements(db.engine(), text)).collect();
    if sql.transaction && !db.capabilities().transactions {
        return Err(Error::failed(format!("{} has no transactions", db.engine()))
            .with_hint("leave `transaction` out: statements that have succeeded then stay"));
    }
    let mut session = db.session().await?;
    if sql.transaction {
        session.begin().await?;
    }
    let mut output = String::new();
    let (mut changed, mut read) = (0, 0);
    for (number, part) in parts.iter().enumerate() {
        let said = one(&mut *session, part, run).await.map_err(|error| {
            let which = format!("statement {} of {} (`{}`)", number + 1, parts.len(), in_short(part.text));
            // Those before it stand in the record, too.
            run.output(output.clone());
            Error::caused(which, error)
        })?;
        match said {
            Came::Changed(rows) => changed += rows,
            Came::Read(rows) => read += rows,
        }
        output.push_str(&format!("{}: {said}\n", in_short(part.text)));
        run.output(output.clone());
    }
    if sql.transaction {
        session.commit().await?;
    }
    let count = parts.len();
    let plural = if count == 1 { "" } else { "s" };
    run.message(format!("{count} statement{plural}: {read} rows read, {changed} changed")).await;
    Ok(())
}

/// What has come of a statement.
enum Came {
    Changed(u64),
    Read(u64),
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(rows) => write!(f, "{rows} rows changed"),
            Self::Read(rows) => write!(f, "{rows} rows"),
        }
    }
}

async fn one(session: &mut dyn Session, part: &Part<'_>, run: &Run) -> Result<Came> {
    // Somebody who may say what jobs do has written it to be run.
    let statement = Statement::assert_safe(part.text);
    if !gives_rows(part) {
        return session.execute(&statement).await.map(Came::Changed);
    }
    let (mut kept, mut count, mut size): (Vec<Row>, u64, usize) = (Vec::new(), 0, 0);
    let mut rows = session.stream(&statement).await?;
    while let Some(row) = rows.try_next().await? {
        count += 1;
        if size <= MOST_RESULT && kept.len() < MOST_ROWS {
            size += row.values().iter().map(|value| value.to_string().len()).sum::<usize>();
            kept.push(row);
        }
    }
    drop(rows);
    if u64::try_from(kept.len()).is_ok_and(|all| all == count) && size <= MOST_RESULT {
        keep(kept, run)?;
    }
    Ok(Came::Read(count))
}

/// Keeps rows as the run's result, where they are small enough.
fn keep(rows: Vec<Row>, run: &Run) -> Result<()> {
    let columns = rows.first().map(|row| row.columns().to_vec()).unwrap_or_default();
    let records = Records::new(columns, rows.into_iter().map(Row::into_values).collect())?;
    let value = serde_json::from_str(&records.json()?).map_err(|error| Error::caused("read rows as JSON", error))?;
    run.result(value);
    Ok(())
}

/// Whether a statement may give rows; else what counts is how many it changes.
fn gives_rows(part: &Part<'_>) -> bool {
    const READS: [&str; 9] = ["select", "values", "with", "show", "explain", "describe", "pragma", "table", "call"];
    let mut words = part.words().map(str::to_ascii_lowercase);
    let first = words.next().unwrap_or_default();
    let returns = words.any(|word| word == "returning");
    // A `WITH` before something that writes gives rows where it says so.
    let writes = first == "with"
        && !returns
        && part
            .words()
            .any(|word| ["insert", "update", "delete", "merge"].contains(&word.to_ascii_lowercase().as_str()));
    returns || (READS.contains(&first.as_str()) && !writes)
}

#[cfg(test)]
mod tests {
    use clusterkeep_core::sql::Engine;

    use super::*;

    #[test]
    fn rows_are_known_to_come_or_not() {
        for (text, rows) in [
            ("SELECT 1", true),
            ("-- first\n select 1", true),
            ("INSERT INTO t VALUES (1)", false),
            ("DELETE FROM t RETURNING a", true),
            ("WITH a AS (SELECT 1) SELECT * FROM a", true),
            ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", false),
            ("VACUUM", false),
            ("PRAGMA user_version", true),
        ] {
            let parts = statements(Engine::Sqlite, text);
            assert_eq!(gives_rows(&parts[0]), rows, "{text}");
        }
    }
}
