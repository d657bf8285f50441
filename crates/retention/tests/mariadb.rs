//! Retention on MariaDB: plain tables, partitions by every expression of time, and what may come between.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

mod job;

use clusterkeep_testkit::{servers, weather};

use job::main_job;

#[tokio::test]
async fn the_main_job_on_mariadb() {
    let Some(database) = servers::mariadb().await else { return };
    let db = database.connect().await;
    weather::load(&db).await.unwrap();
    main_job(db).await;
}
