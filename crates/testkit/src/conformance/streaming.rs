//! A million rows pass through a session without staying in memory.

use clusterkeep_core::sql::{Engine, Statement, sql};
use futures::StreamExt as _;

use super::{Subject, fail};

/// How many rows pass.
pub const ROWS: i64 = 1_000_000;
/// The most by which the process may grow meanwhile, in bytes; the rows together are some ten times as much.
pub const MOST_GROWTH: u64 = 48 << 20;

fn million(engine: Engine) -> Statement {
    match engine {
        Engine::Postgres => sql("SELECT n, 'row number ' || n || repeat(' and more', 10) AS t, n / 7.0::float8 AS f \
                 FROM generate_series(1, 1000000) AS s (n)"),
        Engine::Mysql => {
            sql("SELECT CAST(seq AS SIGNED) AS n, CONCAT('row number ', seq, REPEAT(' and more', 10)) AS t, \
                 CAST(seq AS DOUBLE) / 7 AS f FROM seq_1_to_1000000")
        }
        Engine::Cratedb => sql("SELECT n, 'row number ' || n::text || repeat(' and more', 10) AS t, n / 7.0 AS f \
                 FROM generate_series(1, 1000000) AS s (n)"),
        _ => sql("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 1000000) \
                 SELECT n, 'row number ' || n || ' and more and more and more and more and more and more and more' AS t, \
                 n / 7.0 AS f FROM c"),
    }
}

/// Every row comes once, and memory stays bounded. Other work in the process would be counted, too: run it alone.
pub async fn a_million_rows(subject: &Subject) {
    let db = subject.connect().await;
    let mut session = db.session().await.unwrap();
    let statement = million(subject.engine());
    let before = resident();
    let (mut count, mut sum, mut most) = (0, 0, before);
    let mut rows = session.stream(&statement).await.unwrap_or_else(|error| fail("a stream", &error));
    while let Some(row) = rows.next().await {
        let row = row.unwrap_or_else(|error| fail("a row", &error));
        sum += row.get::<i64>("n").unwrap();
        count += 1;
        if count % 10_000 == 0 {
            most = most.max(resident());
        }
    }
    assert_eq!((count, sum), (ROWS, ROWS * (ROWS + 1) / 2));
    let growth = most.saturating_sub(before);
    assert!(growth < MOST_GROWTH, "the process grew by {} MiB", growth >> 20);
    drop(rows);
    assert_eq!(session.query(&sql("SELECT 1")).await.unwrap().len(), 1, "the session goes on");
}

/// The same rows, collected: what a stream must not need. It shows that the measure can tell.
pub async fn collecting_takes_more(subject: &Subject) {
    let db = subject.connect().await;
    let before = resident();
    let records = db.query(million(subject.engine())).await.unwrap_or_else(|error| fail("query", &error));
    let growth = resident().saturating_sub(before);
    assert_eq!(records.len(), 1_000_000);
    assert!(growth > 2 * MOST_GROWTH, "a million rows took {} MiB only", growth >> 20);
}

/// The memory of this process that is in use, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    kibibytes.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
