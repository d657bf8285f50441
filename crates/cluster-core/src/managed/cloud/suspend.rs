//! Having a cluster of CrateDB Cloud suspended, whatever else is being done to it.

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::super::info::Left;
use crate::cloud::{
    Changing, CloudClient, CloudErrorKind, Cluster, ClusterFilter, OperationFilter, OperationKind, OperationStatus,
    Wait,
};
use crate::error::{Error, Result};
use crate::registry::{Cause, Hold, Obligation};

/// How far the clocks of this machine and of the Cloud may be apart.
const SKEW: Duration = Duration::minutes(5);
/// How long a request to create a cluster may be under way.
const UNDER_WAY: Duration = Duration::minutes(5);

/// Whether `cluster` was created when that was asked for, as far as the two clocks tell.
pub(in super::super) fn was_created_at(cluster: &Cluster, asked: DateTime<Utc>) -> bool {
    let created = cluster.dc.as_ref().and_then(|dc| dc.created);
    created.map(|created| created.signed_duration_since(asked)).is_some_and(|by| -SKEW <= by && by <= UNDER_WAY + SKEW)
}

/// Which cluster is meant.
#[derive(Debug, Clone)]
pub(super) enum Which {
    /// One that is there.
    Id(Uuid),
    /// One whose creation was asked for and not answered yet.
    Asked {
        /// By what name.
        name: String,
        /// In which organization. There was none of the name before.
        organization: Uuid,
    },
}

impl Which {
    pub(super) const fn id(&self) -> Option<Uuid> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Asked { .. } => None,
        }
    }

    /// The cluster as it is now; none where there is none, or no more.
    async fn look(&self, client: &CloudClient) -> Result<Option<Cluster>> {
        match self {
            Self::Id(id) => match client.cluster(*id).await {
                Ok(cluster) => Ok(Some(cluster)),
                Err(error) if is(&error, CloudErrorKind::NotFound) => Ok(None),
                Err(error) => Err(error),
            },
            Self::Asked { name, organization } => {
                let filter = ClusterFilter { organization: Some(*organization), ..ClusterFilter::default() };
                let all = client.clusters(&filter).await?;
                Ok(all.into_iter().find(|cluster| cluster.name == *name))
            }
        }
    }
}

/// Whether a cluster that runs was suspended and resumed by others since all that is `owed` to it was taken on.
///
/// Each suspension and each resumption is an operation of the same kind. Where the Cloud does not say enough, it was not.
pub(in super::super) async fn runs_anew(client: &CloudClient, id: Uuid, owed: &[Obligation]) -> Result<bool> {
    let Some(last) = owed.iter().max_by_key(|owed| owed.since) else { return Ok(false) };
    let filter = OperationFilter { kind: Some(OperationKind::Suspend), limit: Some(10), ..OperationFilter::default() };
    let since = client.operations(id, &filter).await?.into_iter().filter(|operation| {
        let began = operation.dc.as_ref().and_then(|dc| dc.created);
        operation.r#type == Some(OperationKind::Suspend)
            && operation.status == Some(OperationStatus::Succeeded)
            && began.is_some_and(|began| began > last.since)
    });
    // The first of them resumed it for whoever owes it.
    let own = usize::from(last.cause == Cause::Resumed);
    Ok(since.count() >= own + 2)
}

/// How often a cluster is looked at before it counts as not running: more than once where something that makes it run
/// was sent and not answered, since that may be heard a moment later.
pub(super) const fn looks(asking: bool) -> u32 {
    if asking { 10 } else { 1 }
}

/// Has the cluster suspended, whatever else is being done to it, and waits until that is done.
///
/// `accepted` is called as soon as the Cloud has taken it on.
pub(super) async fn down(
    client: &CloudClient,
    which: &Which,
    looks: u32,
    wait: &Wait,
    accepted: impl Fn() + Send + Sync,
) -> Result<Left> {
    let mut looked = 1;
    let cluster = loop {
        match which.look(client).await? {
            Some(cluster) if cluster.running_operation().is_some() || !cluster.is_suspended() => break cluster,
            _ if looked >= looks => return Ok(Left::AlreadySuspended),
            _ => {}
        }
        looked += 1;
        tokio::time::sleep(wait.first_pause).await;
    };
    if cluster.running_operation().is_none() && cluster.allow_suspend == Some(false) {
        return Ok(Left::CannotSuspend);
    }
    let changing = Changing::new(cluster.id, OperationKind::Suspend, "suspend");
    let call = async || {
        let answer = client.set_suspended(cluster.id, true).await?;
        accepted();
        Ok(answer)
    };
    match client.change(&changing, Cluster::is_suspended, call, wait).await {
        Ok(_) => Ok(Left::Suspended),
        // Somebody has deleted it.
        Err(error) if is(&error, CloudErrorKind::NotFound) => Ok(Left::AlreadySuspended),
        Err(error) => Err(error),
    }
}

/// Has a cluster suspended that `hold` is the last one out of, and records how that went.
pub(in super::super) async fn held(client: &CloudClient, id: Uuid, hold: Hold, wait: &Wait) -> Result<Left> {
    let left = down(client, &Which::Id(id), looks(false), wait, || note(&hold)).await;
    over(hold, &left)?;
    left
}

/// Records how a suspension went: what could not be done is left to the sweep, and what has failed is owed as before.
pub(super) fn over(hold: Hold, left: &Result<Left>) -> Result<()> {
    if left.as_ref().is_err_and(|error| is(error, CloudErrorKind::OperationFailed)) {
        hold.failed()?;
    }
    hold.left(left.is_ok())
}

/// Records that the suspension was accepted.
pub(super) fn note(hold: &Hold) {
    if let Err(error) = hold.accepted() {
        // The record says less than is known then, and the sweep looks for itself.
        tracing::warn!(cluster = %hold.cluster().name, %error, "record that a suspension was accepted");
    }
}

/// Whether what failed with `error` was refused or never sent: then nothing was done, and nothing will be.
pub(super) fn is_refusal(error: &Error) -> bool {
    use CloudErrorKind as Kind;
    match error {
        Error::Cloud(error) => {
            matches!(error.kind, Kind::Unauthorized | Kind::Forbidden | Kind::NotFound | Kind::Invalid | Kind::Conflict)
        }
        error => matches!(error, Error::Input { .. }),
    }
}

/// Whether `error` is the Cloud's, of this kind.
fn is(error: &Error, kind: CloudErrorKind) -> bool {
    matches!(error, Error::Cloud(error) if error.kind == kind)
}
