//! The segments of a partition: one for each copy of each shard.

use clusterkeep_core::Result;
use clusterkeep_core::plan::Ran;

use super::REWRITE;
use super::one::One;
use crate::sql::changes;

pub(super) async fn run(one: &mut One<'_>) -> Result<Ran> {
    let before = one.standing().await?.segments;
    if before.is_some_and(|segments| segments <= 1) {
        return Ok(Ran::AlreadyDone);
    }
    let statement = changes::merge(one.table(), one.key).timeout(REWRITE);
    one.session.execute(&statement).await?;
    // What was merged is there at once, and is searched only after a refresh.
    one.source.refresh(&mut *one.session).await?;
    Ok(Ran::Done(serde_json::json!({ "segments": { "before": before } })))
}

pub(super) async fn is_so(one: &mut One<'_>) -> Result<bool> {
    Ok(one.standing().await?.segments.is_some_and(|segments| segments <= 1))
}
