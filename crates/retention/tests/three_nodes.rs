//! Hot, warm and cold nodes of CrateDB: partitions move between them, nodes die, snapshots are not whole.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

#[path = "three_nodes/archives.rs"]
mod archives;
#[path = "three_nodes/moves.rs"]
mod moves;
mod restored;
#[path = "three_nodes/world.rs"]
mod world;

use world::World;

/// All on one cluster, one after the other: three servers are much for a machine already, and a dead node is one for all.
#[tokio::test]
async fn from_hot_to_cold_to_gone() {
    let Some(mut world) = World::new().await else { return };
    moves::partitions_move_by_age(&world).await;
    moves::what_does_not_move_is_explained_and_put_back(&world).await;
    moves::what_does_not_fit_is_refused(&world).await;
    archives::a_partition_comes_back(&world).await;
    archives::a_store_that_has_gone_away(&world).await;
    moves::a_node_that_dies_during_a_move(&mut world).await;
    let runs = if std::env::var_os("CLUSTERKEEP_ALL_FAULTS").is_some() { 20 } else { 1 };
    for run in 0..runs {
        archives::case_18_a_partial_snapshot_lets_nothing_go(&mut world, run).await;
    }
}
