//! Where a manifest comes from: files, or the policies that are kept in the state.

use clusterkeep_core::error::Place;
use clusterkeep_core::manifest::Located;
use clusterkeep_core::sql::{ConnectOptions, Db};
use clusterkeep_core::state::State;
use clusterkeep_core::{Error, Result};
use clusterkeep_retention::model::Manifest;
use clusterkeep_retention::store::Store;

use crate::args::{ManifestArgs, StateArgs};
use crate::context::{Context, Target, actor};
use crate::files;

/// The manifest of the files; `None` where none is named.
pub(super) fn of_files(args: &ManifestArgs) -> Result<Option<Located<Manifest>>> {
    if args.files.is_empty() {
        return Ok(None);
    }
    files::manifest(&args.files, args.manifest.as_deref()).map(Some)
}

/// The manifest that is kept in `state`, under this name or as the only one.
pub(super) async fn kept(state: &State, name: Option<&str>) -> Result<Located<Manifest>> {
    let name = name_of(state, name).await?;
    let place = Place { file: format!("policies `{name}` in {}", state.db().address()), position: None };
    let manifest = store(state).policies(&name).manifest().await;
    let manifest = manifest.map_err(|error| match error {
        // A rule that is broken has its place as in a file; a row that can't be read names itself.
        Error::Input { place: None, .. } => error.at(place.clone()),
        other => unreadable(other, &place),
    })?;
    let none = || none_kept(state).at(place.clone());
    manifest.map(|value| Located { value, place: place.clone() }).ok_or_else(none)
}

/// A policy that can't be understood is bad input, wherever it was written.
fn unreadable(error: Error, place: &Place) -> Error {
    if !matches!(error, Error::Failed { .. }) {
        return error;
    }
    Error::Input {
        what: "the policies can't be read".into(),
        place: Some(place.clone()),
        hint: error.hint(),
        source: Some(error.into()),
    }
}

/// The name that is meant: this one, or the only one that there is.
pub(super) async fn name_of(state: &State, name: Option<&str>) -> Result<String> {
    if let Some(name) = name {
        return Ok(name.to_owned());
    }
    let mut names = store(state).manifests().await?;
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok(name),
        (Some(last), false) => {
            names.push(last);
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            Err(Error::input(format!("policies of several manifests are kept in {}", state.db().address()))
                .with_hint(format!("say which one with --manifest; there are {}", names.join(", "))))
        }
        (None, _) => Err(none_kept(state)),
    }
}

fn none_kept(state: &State) -> Error {
    Error::input(format!("no policies are kept in {}", state.db().address()))
        .with_hint("name a file with -f, or keep its policies: `clusterkeep retention policies add -f FILE`")
}

/// The stores of `state`, changed by who runs this.
pub(super) fn store(state: &State) -> Store {
    Store::of(state.clone()).actor(actor())
}

/// The state, and the cluster where that was connected to.
pub(super) struct Opened {
    pub(super) state: State,
    pub(super) target: Option<Target>,
}

impl Opened {
    /// Opens the state alone: where `--state` names it, the cluster is not asked.
    pub(super) async fn state_alone(args: &StateArgs, options: ConnectOptions, context: &Context) -> Result<Self> {
        if let Some(address) = &args.state {
            let state = State::of(context.connect_state(address, options).await?);
            return Ok(Self { state, target: None });
        }
        Self::both(args, options.clone(), options, context).await
    }

    /// Opens the state and the cluster.
    pub(super) async fn both(
        args: &StateArgs,
        cluster: ConnectOptions,
        state: ConnectOptions,
        context: &Context,
    ) -> Result<Self> {
        let target = context.connect(&args.cluster, cluster).await?;
        let state = match &args.state {
            Some(address) => context.connect_state(address, state).await?,
            None => target.db.clone(),
        };
        Ok(Self { state: State::of(state), target: Some(target) })
    }

    /// The stores, changed by who runs this.
    pub(super) fn store(&self) -> Store {
        store(&self.state)
    }

    /// The cluster's database.
    pub(super) fn db(&self) -> &Db {
        self.target.as_ref().map_or_else(|| self.state.db(), |target| &target.db)
    }

    pub(super) async fn close(self) {
        self.state.db().close().await;
        if let Some(target) = self.target {
            target.db.close().await;
        }
    }
}
