//! Which actions the jobs of timetables can name, and what they do: here the scheduler meets what it schedules.
//!
//! | action | arguments | what it does |
//! |---|---|---|
//! | `retention` | `manifest`: a name; `approve: within_guards`; `cluster`: an address, else that of the program | plans the manifest as of now and applies the plan |
//! | `history` | `keep`: an age, or `forever`; `zone`: whose days, else UTC's | removes what became of the namespace's fires before that: final runs alone |
//! | `cluster_start` | `cluster`: as above, but no URL | starts it, and leaves it running |
//! | `cluster_stop` | `cluster`: as above, but no URL; `approve: within_guards` | stops it, whoever has started it |
//!
//! A job runs what the program's own files say: the manifests are those that were loaded, never those of a store. What a
//! guard rail stops is a refused run; no job raises a guard.

use std::fmt;
use std::sync::Arc;

use clusterkeep_core::clock::SimulatedClock;
use clusterkeep_core::event::{Event, Events};
use clusterkeep_core::manifest::tree::Tree;
use clusterkeep_core::plan::{Approval, Outcome, Report};
use clusterkeep_core::sql::Db;
use clusterkeep_core::state::State;
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_retention::model::Manifest;
use clusterkeep_retention::plan::Domain;
use clusterkeep_retention::{Planned, Retention, text};
use clusterkeep_scheduler::{JobSpec, KnownAction, Run, SchedulerBuilder, Store, Target};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::history;
use crate::power::Power;
use crate::served::{Served, written};

/// The name of the action that applies a retention manifest.
pub const RETENTION: &str = "retention";

/// The name of the action that removes old run history.
pub const HISTORY: &str = "history";

/// The name of the action that starts a cluster.
pub const CLUSTER_START: &str = "cluster_start";

/// The name of the action that stops a cluster.
pub const CLUSTER_STOP: &str = "cluster_stop";

/// Every action, with what it is given: what files are checked against when they are read.
pub(crate) const ACTIONS: [KnownAction; 4] = [RETAINS, history::KNOWN, Power::Start.known(), Power::Stop.known()];

const RETAINS: KnownAction =
    KnownAction { name: RETENTION, arguments: "manifest: NAME, approve: within_guards", wrong: wrong::<RetentionArgs> };

/// All that is wrong with arguments that are to be read as these.
pub(crate) fn wrong<T: DeserializeOwned>(args: &Tree, file: &str) -> Vec<Error> {
    args.read::<T>(file).err().unwrap_or_default()
}

/// The arguments of a job of this action.
pub(crate) fn arguments<T: DeserializeOwned>(
    job: &str,
    action: &KnownAction,
    args: &serde_json::Map<String, serde_json::Value>,
) -> Result<T> {
    serde_json::from_value(args.clone().into()).map_err(|error| Error::Input {
        what: format!("job `{job}`: its action can't be run"),
        place: None,
        hint: Some(action.example()),
        source: Some(error.into()),
    })
}

/// What the actions work on.
#[derive(Clone)]
pub struct Actions {
    place: Place,
    state: Option<State>,
    manifests: Arc<[Manifest]>,
    history: Option<Arc<dyn Store>>,
    simulated: bool,
}

/// Where the jobs of a program work.
#[derive(Debug, Clone)]
enum Place {
    /// On no cluster.
    Nowhere,
    /// On this database alone.
    On(Db),
    /// On these clusters: the one of the command line, and those that jobs name.
    Served(Served),
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.manifests.iter().map(|manifest| &manifest.name).collect();
        f.debug_struct("Actions").field("place", &self.place).field("manifests", &names).finish_non_exhaustive()
    }
}

/// The arguments of a job that runs [`RETENTION`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetentionArgs {
    manifest: String,
    #[serde(rename = "approve")]
    _approve: Approve,
    #[serde(default)]
    cluster: Option<String>,
}

/// The one approval that a schedule can give.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Approve {
    WithinGuards,
}

impl Actions {
    /// Actions on `db`, with these manifests.
    #[must_use]
    pub fn new(db: Db, manifests: impl Into<Arc<[Manifest]>>) -> Self {
        Self::at(Place::On(db), manifests.into())
    }

    /// Actions that need no cluster, with these manifests.
    #[must_use]
    pub fn without_cluster(manifests: impl Into<Arc<[Manifest]>>) -> Self {
        Self::at(Place::Nowhere, manifests.into())
    }

    /// Actions on the clusters that the command line and jobs name.
    pub(crate) fn served(served: Served, manifests: impl Into<Arc<[Manifest]>>) -> Self {
        Self::at(Place::Served(served), manifests.into())
    }

    const fn at(place: Place, manifests: Arc<[Manifest]>) -> Self {
        Self { place, state: None, manifests, history: None, simulated: false }
    }

    /// Keeps locks, records and the audit elsewhere than in the database that is served.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }

    /// Says which store the action [`HISTORY`] removes old runs from: the one of the scheduler. Without one no job can
    /// name it.
    #[must_use]
    pub fn history(mut self, store: Arc<dyn Store>) -> Self {
        self.history = Some(store);
        self
    }

    /// Goes by the simulated clock of the scheduler that runs them, with a record of its own; only for a database that
    /// was made to try things on.
    #[must_use]
    pub const fn simulated(mut self) -> Self {
        self.simulated = true;
        self
    }

    /// Checks that every job names an action that is there, with arguments that it takes.
    ///
    /// # Errors
    ///
    /// The first job that does not.
    pub fn check<'a>(&self, jobs: impl IntoIterator<Item = &'a JobSpec>) -> Result<()> {
        for job in jobs {
            let name = job.name.as_str();
            if matches!(&job.run, Target::Sql(sql) if sql.cluster.is_none()) {
                self.is_there(name, None)?;
            }
            let Some(run) = job.run.as_action() else { continue };
            match (run.action.as_str(), &self.place) {
                (RETENTION, _) => {
                    let (_, cluster) = self.retention_args(name, &run.args)?;
                    self.is_there(name, cluster.as_deref())?;
                }
                (HISTORY, _) if self.history.is_some() => {
                    history::policy(name, &run.args)?;
                }
                (CLUSTER_START, Place::Served(served)) => Power::Start.check(name, &run.args, served)?,
                (CLUSTER_STOP, Place::Served(served)) => Power::Stop.check(name, &run.args, served)?,
                (other, _) => {
                    let known = ACTIONS.map(|action| format!("`{}`", action.name)).join(", ");
                    return Err(Error::input(format!("job `{name}`: there is no action `{other}`"))
                        .with_hint(format!("there is {known}")));
                }
            }
        }
        Ok(())
    }

    /// Fails where there is no cluster for a job, as far as that shows without asking anybody.
    fn is_there(&self, job: &str, cluster: Option<&str>) -> Result<()> {
        match (&self.place, cluster) {
            (Place::Served(_), Some(cluster)) => written(cluster).map(drop).map_err(|error| Error::Input {
                what: format!("job `{job}`: its cluster can't be found"),
                place: None,
                hint: error.hint(),
                source: Some(error.into()),
            }),
            (Place::Served(served), None) if served.has_own()? => Ok(()),
            (Place::On(_), None) => Ok(()),
            (_, Some(_)) => Err(unknown(job)),
            (_, None) => Err(unnamed(job)),
        }
    }

    /// Registers the actions with a scheduler.
    pub fn register(self, builder: SchedulerBuilder) -> SchedulerBuilder {
        let builder = match self.history.clone() {
            Some(store) => builder.action(HISTORY, move |run: Run| {
                let store = store.clone();
                async move { history::remove(&*store, &run).await }
            }),
            None => builder,
        };
        let builder = match &self.place {
            Place::Nowhere => return builder,
            Place::On(_) => builder,
            Place::Served(served) => [Power::Start, Power::Stop].into_iter().fold(builder, |builder, power| {
                let served = served.clone();
                builder.action(power.action(), move |run: Run| {
                    let served = served.clone();
                    async move { power.run(&served, &run).await }
                })
            }),
        };
        builder.action(RETENTION, move |run: Run| {
            let this = self.clone();
            async move { this.retention(&run).await }
        })
    }

    /// The database that a job works on.
    async fn db(&self, job: &str, cluster: Option<&str>) -> Result<Db> {
        match (&self.place, cluster) {
            (Place::Served(served), cluster) => served.db(cluster).await,
            (Place::On(db), None) => Ok(db.clone()),
            (_, Some(_)) => Err(unknown(job)),
            (Place::Nowhere, None) => Err(unnamed(job)),
        }
    }

    /// The manifest that a job's arguments name, and the cluster, where they name one.
    fn retention_args(
        &self,
        job: &str,
        args: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<(&Manifest, Option<String>)> {
        let args: RetentionArgs = arguments(job, &RETAINS, args)?;
        let manifest = self.manifests.iter().find(|manifest| manifest.name == args.manifest).ok_or_else(|| {
            let known: Vec<_> = self.manifests.iter().map(|manifest| format!("`{}`", manifest.name)).collect();
            let known =
                if known.is_empty() { "there is none".to_owned() } else { format!("there is {}", known.join(", ")) };
            Error::input(format!("job `{job}`: no manifest `{}` was loaded", args.manifest))
                .with_hint(format!("{known}; name its file with -f"))
        })?;
        Ok((manifest, args.cluster))
    }

    /// Plans and applies, as of the scheduler's present.
    async fn retention(&self, run: &Run) -> Result<()> {
        let (manifest, cluster) = self.retention_args(run.job(), run.args())?;
        let manifest = manifest.clone();
        let db = self.db(run.job(), cluster.as_deref()).await?;
        let (part, mut parts) = watch::channel(0.0);
        let stop = CancellationToken::new();
        let mut retention = Retention::new(db)
            .manifest(manifest)
            .unattended()
            .actor(format!("scheduler {}/{} {}", run.key().namespace, run.job(), run.nominal().to_rfc3339()))
            .cancel(stop.clone())
            .events(Events::to(move |event| {
                if let Event::StepFinished { finished, steps, .. } = event {
                    #[expect(clippy::cast_precision_loss, reason = "a bar has a few hundred places at most")]
                    part.send_replace(finished as f64 / steps.max(1) as f64);
                }
            }));
        if let Some(state) = &self.state {
            retention = retention.state(state.clone());
        }
        if self.simulated {
            retention = retention.simulated(SimulatedClock::at(run.now()));
        }
        let planned = retention.plan(run.now()).await?;
        let refused = refusal(&planned);
        if planned.is_empty() {
            run.message("nothing to do").await;
            return refused.map_or(Ok(()), Err);
        }
        let apply = retention.apply(&planned, Approval::WithinGuards);
        tokio::pin!(apply);
        let report = loop {
            tokio::select! {
                report = &mut apply => break report?,
                // What is left is for the next run; a step that is under way ends first.
                () = run.stopping(), if !stop.is_cancelled() => stop.cancel(),
                Ok(()) = parts.changed() => {
                    let part = *parts.borrow_and_update();
                    run.progress(part).await;
                }
            }
        };
        run.message(text::tail(&planned).trim()).await;
        outcome(&report, refused)
    }
}

fn unnamed(job: &str) -> Error {
    Error::input(format!("job `{job}` works on a cluster, and none is named"))
        .with_hint("name it with --cluster, or with `cluster:` in the job")
}

fn unknown(job: &str) -> Error {
    Error::input(format!("job `{job}` names a cluster, and this program knows none by name"))
        .with_hint("leave `cluster` out")
}

/// What a guard rail stops, as the error that makes the run a refused one.
fn refusal(planned: &Planned) -> Option<Error> {
    let count = planned.refused().count();
    let first = planned.refused().next()?;
    let objects = format!("{count} object{} refused", if count == 1 { "" } else { "s" });
    Some(Error::refused(format!("plan {}: {}: {} ({objects})", planned.hash.short(), first.detail.table, first.reason)))
}

fn outcome(report: &Report<Domain>, refused: Option<Error>) -> Result<()> {
    let failed = report.outcomes.iter().find(|object| !object.outcome.is_done());
    match (report.exit_code(), failed, refused) {
        (ExitCode::Done, _, _) => Ok(()),
        (_, None, Some(refused)) => Err(refused),
        (ExitCode::Interrupted, ..) => {
            let left = report.count(Outcome::Skipped);
            Err(Error::Interrupted { what: format!("{left} objects are left for the next run") })
        }
        (_, Some(object), _) => {
            let why = object.message.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            Err(Error::failed(format!("{}: {}{why}", object.object, object.outcome)))
        }
        (code, None, None) => Err(Error::failed(format!("the apply ended with code {}", code.code()))),
    }
}
