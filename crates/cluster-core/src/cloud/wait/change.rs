//! Changing a cluster and waiting until it is changed.

use std::time::Duration;

use super::super::{CloudClient, CloudErrorKind, Cluster, OperationStatus};
use super::pace::Pace;
use super::running::running;
use super::watch::Watch;
use super::{Changing, Wait};
use crate::error::{Error, Result};

/// How often a call is made again of which nobody knows what became.
const CALLS: u32 = 3;
/// How long a cluster may look as before although the operation has succeeded.
const SETTLE: Duration = Duration::from_secs(120);
/// How often the cluster may look as wanted before that counts as the end of an operation that is not to be seen.
const LOOKS: u32 = 3;

/// What became of a call.
enum Called {
    /// The operation is on its way.
    Accepted,
    /// The cluster is as wanted, whoever did it.
    There(Box<Cluster>),
}

impl CloudClient {
    /// Makes a cluster be as `wanted`, by `call`, and returns it as it is then.
    ///
    /// Nothing is called where the cluster is as wanted and nothing is being done to it. Where something else is being done
    /// to it, that is waited for; where its outcome is what is wanted, nothing more is called. Once `call` was accepted its
    /// own operation is waited for, and the cluster is read until it shows the effect. The service is asked at most once per
    /// pause. Dropping the future ends the waiting, and nothing else.
    ///
    /// # Errors
    ///
    /// `call` is refused; the operation fails (the error has the keeper's own words); the time is over; the service is away
    /// for long.
    pub async fn change<T, F>(
        &self,
        changing: &Changing,
        wanted: impl Fn(&Cluster) -> bool,
        call: impl Fn() -> F,
        wait: &Wait,
    ) -> Result<Cluster>
    where
        F: Future<Output = Result<T>>,
    {
        let mut watch = Watch::new(self, changing, wait);
        let mut pace = Pace::new(wait);
        let cluster = watch.cluster().await?;
        let operations = watch.operations().await?;
        watch.remember(&operations, &cluster);
        let busy = running(&operations).is_some() || cluster.running_operation().is_some();
        if !changing.always && !busy && wanted(&cluster) {
            return Ok(cluster);
        }
        match watch.call(&wanted, &call, &mut pace).await? {
            Called::There(cluster) => Ok(*cluster),
            Called::Accepted => watch.finish(&wanted, &pace).await,
        }
    }

    /// Waits for the newest operation of a kind on a cluster, whoever asked for it, until the cluster is as `wanted`.
    ///
    /// # Errors
    ///
    /// The operation fails, the time is over, or the service is away for long.
    pub async fn wait_for(
        &self,
        changing: &Changing,
        wanted: impl Fn(&Cluster) -> bool,
        wait: &Wait,
    ) -> Result<Cluster> {
        let (mut watch, pace) = (Watch::new(self, changing, wait), Pace::new(wait));
        // For its name alone, which can wait.
        watch.cluster().await.map(drop).or_else(|error| watch.bear(error))?;
        watch.finish(&wanted, &pace).await
    }
}

impl Watch<'_> {
    /// Calls until the call is accepted, refused, or not needed any more.
    async fn call<T, F>(
        &mut self,
        wanted: &impl Fn(&Cluster) -> bool,
        call: &impl Fn() -> F,
        pace: &mut Pace<'_>,
    ) -> Result<Called>
    where
        F: Future<Output = Result<T>>,
    {
        let mut calls = 0;
        loop {
            calls += 1;
            let error = match call().await {
                Ok(_) => return Ok(Called::Accepted),
                Err(error) => self.named(error),
            };
            let Error::Cloud(cause) = &error else { return Err(error) };
            let cluster = if cause.kind == CloudErrorKind::Conflict {
                calls -= 1;
                self.idle(pace).await?
            } else if cause.is_ambiguous() && calls < CALLS {
                if !pace.pause().await {
                    return Err(error);
                }
                // The call may have been heard all the same.
                if self.ours(&self.operations().await?).is_some() {
                    return Ok(Called::Accepted);
                }
                let cluster = self.cluster().await?;
                if self.last(&cluster).is_some() {
                    return Ok(Called::Accepted);
                }
                cluster
            } else {
                return Err(error);
            };
            if !self.changing.always && cluster.running_operation().is_none() && wanted(&cluster) {
                return Ok(Called::There(Box::new(cluster)));
            }
        }
    }

    /// Waits for our operation's end, then until the cluster shows its effect.
    async fn finish(&mut self, wanted: &impl Fn(&Cluster) -> bool, pace: &Pace<'_>) -> Result<Cluster> {
        let mut pace = pace.again(Duration::MAX);
        if let Some(cluster) = self.end(wanted, &mut pace).await? {
            return Ok(cluster);
        }
        let mut settle = pace.again(SETTLE);
        loop {
            match self.cluster().await {
                Ok(cluster) if wanted(&cluster) && cluster.running_operation() != Some(&self.changing.kind) => {
                    return Ok(cluster);
                }
                Ok(_) => self.answered(),
                Err(error) => self.bear(error)?,
            }
            if !settle.pause().await {
                return Err(self.late(&settle));
            }
        }
    }

    /// Waits for our operation's end; returns the cluster where its looks alone say that it is over.
    ///
    /// Operations are asked for; where ours is not among them, the cluster is asked the next time instead.
    async fn end(&mut self, wanted: &impl Fn(&Cluster) -> bool, pace: &mut Pace<'_>) -> Result<Option<Cluster>> {
        let what = self.changing.what.clone();
        let (mut ask_cluster, mut looks) = (false, 0);
        loop {
            if !pace.pause().await {
                return Err(self.late(pace));
            }
            if ask_cluster {
                ask_cluster = false;
                let cluster = match self.cluster().await {
                    Ok(cluster) => cluster,
                    Err(error) => {
                        self.bear(error)?;
                        continue;
                    }
                };
                self.answered();
                match self.last(&cluster) {
                    Some(OperationStatus::Succeeded) => return Ok(None),
                    Some(OperationStatus::Failed) => return Err(self.failed(None, pace)),
                    Some(status) => self.say(&what, status, None),
                    None if cluster.running_operation().is_none() && wanted(&cluster) => {
                        looks += 1;
                        // What can't be seen from outside may just not have begun.
                        if !self.changing.always || looks >= LOOKS {
                            return Ok(Some(cluster));
                        }
                    }
                    None => {}
                }
                continue;
            }
            let operations = match self.operations().await {
                Ok(operations) => operations,
                Err(error) => {
                    self.bear(error)?;
                    ask_cluster = true;
                    continue;
                }
            };
            self.answered();
            let Some(ours) = self.ours(&operations) else {
                ask_cluster = true;
                continue;
            };
            let status = ours.status.clone().unwrap_or(OperationStatus::InProgress);
            self.say(&what, &status, ours.message());
            match status {
                OperationStatus::Succeeded => return Ok(None),
                OperationStatus::Failed => return Err(self.failed(ours.message(), pace)),
                _ => {}
            }
        }
    }
}
