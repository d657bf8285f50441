//! The handlers and actions that jobs can name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use clusterkeep_core::{Error, Result};
use futures::future::BoxFuture;

use crate::model::{JobSpec, OnCrash};
use crate::run::Run;

/// What a job runs.
#[derive(Clone)]
pub(crate) struct Handler {
    call: Arc<dyn Fn(Run) -> BoxFuture<'static, Result<()>> + Send + Sync>,
    /// Running it again is always right.
    converges: bool,
}

impl Handler {
    pub(crate) fn call(&self, run: Run) -> BoxFuture<'static, Result<()>> {
        (self.call)(run)
    }

    /// What a crash means for runs of `spec`.
    pub(crate) fn on_crash(&self, spec: &JobSpec) -> OnCrash {
        spec.on_crash.unwrap_or(if self.converges { OnCrash::Retry } else { OnCrash::Fail })
    }
}

/// All that are registered, by name.
#[derive(Clone, Default)]
pub(crate) struct Handlers(BTreeMap<String, Handler>);

impl Handlers {
    /// Registers one; `false` where the name was taken.
    pub(crate) fn add<F, Fut>(&mut self, name: String, converges: bool, handler: F) -> bool
    where
        F: Fn(Run) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let call = Arc::new(move |run| -> BoxFuture<'static, Result<()>> { Box::pin(handler(run)) });
        self.0.insert(name, Handler { call, converges }).is_none()
    }

    /// The one that a job names.
    pub(crate) fn of(&self, spec: &JobSpec) -> Result<Handler> {
        let action = &spec.run.action;
        self.0.get(action).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Error::input(format!("job `{}` runs `{action}`, which is not registered", spec.name))
                .with_hint(format!("registered are: {known}"))
        })
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
