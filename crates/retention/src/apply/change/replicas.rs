//! The number of copies of a partition.

use clusterkeep_core::Result;
use clusterkeep_core::plan::Ran;

use super::one::One;
use crate::sql::changes;

pub(super) async fn run(one: &mut One<'_>, replicas: &str) -> Result<Ran> {
    let before = one.standing().await?.replicas;
    if before.as_deref() == Some(replicas) {
        return Ok(Ran::AlreadyDone);
    }
    let statement = changes::set_replicas(one.table(), one.key, replicas);
    one.session.execute(&statement).await?;
    Ok(Ran::Done(serde_json::json!({ "number_of_replicas": { "before": before, "after": replicas } })))
}

pub(super) async fn is_so(one: &mut One<'_>, replicas: &str) -> Result<bool> {
    Ok(one.standing().await?.replicas.as_deref() == Some(replicas))
}
