//! Which store is meant, and which job of it.

use std::path::Path;
use std::sync::Arc;

use clusterkeep_core::address::DatabaseUrl;
use clusterkeep_core::plan::PlanFolder;
use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::control::Changes;
use clusterkeep_scheduler::{Existing, MemoryStore, ScheduleRecord, Store, open, open_existing};

use crate::args::{ClusterArgs, JobArgs, StoreArgs};
use crate::context::{Context, actor, state_folder};
use crate::served::Served;

/// The store of a program that runs once.
const MEMORY: [&str; 2] = ["memory:", "memory://"];

fn in_memory(args: &StoreArgs) -> bool {
    args.state.as_deref().is_some_and(|state| MEMORY.contains(&state))
}

/// The clusters that jobs work on whose schedules are kept in the store that is meant.
pub(in crate::commands) fn served(cluster: &ClusterArgs, args: &StoreArgs, context: &Context) -> Result<Served> {
    let state = if in_memory(args) { None } else { Some(url(args, context)?) };
    Ok(Served::of(cluster, state))
}

/// The store that is meant, created where it is missing.
pub(in crate::commands) async fn store(args: &StoreArgs, context: &Context) -> Result<Arc<dyn Store>> {
    if in_memory(args) {
        return Ok(MemoryStore::new().into());
    }
    let url = url(args, context)?;
    if let Some(path) = url.path() {
        if let (None, Some(folder)) = (&args.state, path.parent()) {
            private_folder(folder).map_err(|error| Error::io("create", folder, error))?;
        }
        private_file(path);
    }
    open(&url).await
}

/// Where it is written down what is changed of the store that is meant: the audit of applies. Nothing is left of a store
/// in memory, and nothing is written down of it.
pub(in crate::commands) fn changes(args: &StoreArgs, context: &Context) -> Result<Option<Changes>> {
    if in_memory(args) {
        return Ok(None);
    }
    let folder = state_folder().map_err(|_| {
        Error::input("there is no folder to keep the audit of changes in").with_hint("set XDG_STATE_HOME or HOME")
    })?;
    let folder = PlanFolder::at(folder);
    folder.prepare()?;
    Ok(Some(Changes::new(folder.audit(), &place(&url(args, context)?), actor())))
}

/// How people know a store.
pub(super) fn place(url: &DatabaseUrl) -> String {
    match url.path() {
        Some(path) => format!("SQLite {}", path.display()),
        None => url.to_string(),
    }
}

/// Makes a folder that nobody else can look into.
fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Makes the file of a store, where it is missing, so that nobody else can read it: what jobs have written may hold secrets.
/// Where it can't be made, who opens it says why.
fn private_file(path: &Path) {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path));
}

/// The store that is meant, where there is one: looking creates no file and no table.
pub(super) async fn existing(args: &StoreArgs, context: &Context) -> Result<Option<Arc<dyn Store>>> {
    if in_memory(args) {
        return Err(Error::input("nothing is kept in memory when a program has ended")
            .with_hint("name a store with --state: sqlite:, postgres: or crate:"));
    }
    let url = url(args, context)?;
    match url.path() {
        Some(path) if !path.exists() && args.state.is_some() => {
            Err(Error::input(format!("there is no SQLite file `{}`", path.display()))
                .with_hint("`clusterkeep run` creates it; is the path right?"))
        }
        _ => match open_existing(&url).await? {
            Existing::Ready(store) => Ok(Some(store)),
            Existing::Older => open(&url).await.map(Some),
            _ => Ok(None),
        },
    }
}

/// Its address.
pub(super) fn url(args: &StoreArgs, context: &Context) -> Result<DatabaseUrl> {
    match &args.state {
        Some(address) => context.state_url(address),
        None => Ok(DatabaseUrl::sqlite(state_folder()?.join("scheduler.db"))),
    }
}

/// The store and the job of it that is meant.
pub(super) async fn job(args: &JobArgs, context: &Context) -> Result<(Arc<dyn Store>, ScheduleRecord)> {
    let store = existing(&args.store, context).await?.ok_or_else(|| unknown(&args.job))?;
    let record = named(&*store, args.namespace.as_deref(), &args.job).await?;
    Ok((store, record))
}

/// The job of this name, in the only namespace that has it where none is given.
pub(super) async fn named(store: &dyn Store, namespace: Option<&str>, job: &str) -> Result<ScheduleRecord> {
    let mut all = store.schedules(None).await?;
    all.retain(|schedule| schedule.spec.name.as_str() == job);
    let spaces = all.iter().map(|schedule| schedule.namespace.as_str()).collect::<Vec<_>>().join(", ");
    let mut wanted = all.iter().filter(|schedule| namespace.is_none_or(|name| schedule.namespace == name));
    match (wanted.next(), wanted.next()) {
        (Some(schedule), None) => Ok(schedule.clone()),
        (Some(_), Some(_)) => Err(Error::input(format!("job `{job}` is in more than one namespace"))
            .with_hint(format!("say which with --namespace: {spaces}"))),
        (None, _) if spaces.is_empty() => Err(unknown(job)),
        (None, _) => {
            Err(Error::input(format!("job `{job}` of namespace `{}` is unknown", namespace.unwrap_or_default()))
                .with_hint(format!("it is in another namespace: --namespace {spaces}")))
        }
    }
}

pub(super) fn unknown(job: &str) -> Error {
    Error::input(format!("job `{job}` is unknown")).with_hint("`clusterkeep schedule list` shows those that there are")
}
