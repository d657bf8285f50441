//! The handlers and actions that jobs can name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use clusterkeep_core::{Error, Result};
use futures::future::BoxFuture;

use crate::model::{Action, JobBody, JobSpec, OnCrash, Target, TargetKind};
use crate::run::Run;
use crate::target::{Runner, Targets};

/// What a job runs.
#[derive(Clone)]
pub(crate) struct Handler {
    call: Arc<dyn Fn(Run) -> BoxFuture<'static, Result<()>> + Send + Sync>,
    /// Running it again is always right.
    converges: bool,
    /// It ends by itself soon after it is told to, and is dropped only where it does not.
    pub(crate) ends_itself: bool,
    /// What runs the target, where it is one.
    runner: Option<Arc<dyn Runner>>,
}

impl Handler {
    pub(crate) fn call(&self, run: Run) -> BoxFuture<'static, Result<()>> {
        (self.call)(run)
    }

    /// What refuses every run, for this reason.
    pub(crate) fn refusing(error: &Error) -> Self {
        let what = match error {
            Error::Refused { what, .. } => what.clone(),
            other => other.to_string(),
        };
        let what = match error.hint() {
            Some(hint) => format!("{what} ({hint})"),
            None => what,
        };
        let call = Arc::new(move |_| -> BoxFuture<'static, Result<()>> {
            let what = what.clone();
            Box::pin(async move { Err(Error::refused(what)) })
        });
        Self { call, converges: false, ends_itself: true, runner: None }
    }

    /// Ends what an attempt has left elsewhere than in processes of this machine.
    pub(crate) async fn end_left(&self, target: &Target, mark: &str) {
        if let Some(runner) = &self.runner {
            runner.end_left(target, mark).await;
        }
    }

    /// What a crash means for runs of `spec`.
    pub(crate) fn on_crash(&self, spec: &JobBody) -> OnCrash {
        spec.on_crash.unwrap_or(if self.converges { OnCrash::Retry } else { OnCrash::Fail })
    }
}

/// All that are registered.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    named: BTreeMap<String, Handler>,
    pub(crate) targets: Targets,
}

impl Handlers {
    /// Registers one; `false` where the name was taken.
    pub(crate) fn add<F, Fut>(&mut self, name: String, converges: bool, handler: F) -> bool
    where
        F: Fn(Run) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let call = Arc::new(move |run| -> BoxFuture<'static, Result<()>> { Box::pin(handler(run)) });
        self.named.insert(name, Handler { call, converges, ends_itself: false, runner: None }).is_none()
    }

    /// The one that a job names, or that runs targets of its kind.
    pub(crate) fn of(&self, spec: &JobSpec) -> Result<Handler> {
        let Some(Action { action, .. }) = spec.run.as_action() else { return self.of_target(spec) };
        self.named.get(action).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.named.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Error::input(format!("job `{}` runs `{action}`, which is not registered", spec.name))
                .with_hint(format!("registered are: {known}"))
        })
    }

    fn of_target(&self, spec: &JobSpec) -> Result<Handler> {
        let kind = spec.run.kind();
        let runner = self.targets.runner(kind).ok_or_else(|| {
            let known: Vec<&str> = self.targets.kinds().map(TargetKind::as_str).collect();
            let known = if known.is_empty() { "named actions alone".to_owned() } else { known.join(", ") };
            Error::input(format!("job `{}` runs {kind}, which is not allowed here", spec.name))
                .with_hint(format!("this program runs: {known}"))
        })?;
        let called = runner.clone();
        let call = Arc::new(move |run| -> BoxFuture<'static, Result<()>> {
            let runner = called.clone();
            Box::pin(async move { runner.run(run).await })
        });
        Ok(Handler { call, converges: false, ends_itself: true, runner: Some(runner) })
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers").field("named", &self.named.keys()).field("targets", &self.targets).finish()
    }
}
