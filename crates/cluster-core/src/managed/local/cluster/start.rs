//! The start of a cluster, or a hold on the one that runs.

use std::path::Path;
use std::time::{Duration, Instant};

use super::super::{account, engine, home, port};
use super::guard::LocalCluster;
use super::hold::Hold;
use super::launch::{Start, nodes};
use super::lock::Lock;
use super::place::Place;
use super::stored::{self, Run, Stored};
use super::wish::LocalWish;
use crate::error::{Error, Result};
use crate::secret::Secret;

const PAUSE: Duration = Duration::from_millis(20);

/// Starts or resumes the cluster at `path`, or holds it where it runs.
pub(super) async fn named(path: &Path, name: &str, wish: Option<&LocalWish>) -> Result<LocalCluster> {
    let label = format!("local cluster `{name}`");
    wish.map_or(Ok(()), |wish| wish.check(false))?;
    let place = Place::at(path)?;
    let known = Stored::read(&place)?;
    // Before anything is made, what can be known to be missing is said.
    let mut stored = look_up(known, wish, name, &label)?;
    if let Some(wish) = wish {
        stored.update(wish);
    }
    let builder = stored.builder(wish);
    let deadline = builder.deadline();
    let recipe = engine::recipe(stored.engine)?;
    let installation = builder.find(recipe)?;
    let account = account::unprivileged(recipe.accounts())?;
    if !place.file("cluster.json").exists() && stored::is_foreign(place.path()) {
        return Err(Error::input(format!("directory `{}` holds something else", place.path().display()))
            .with_hint("give another name, or another folder for local clusters"));
    }
    home::check_way(&place.node(0), account.as_ref())?;
    let lock = loop {
        place.create(account.as_ref())?;
        // It may be deleted while it is waited for, and is made anew then.
        if let Some(lock) = Lock::acquire(&place, &label, deadline).await? {
            break lock;
        }
    };
    // Meanwhile it may have been made or deleted.
    let mut stored = look_up(Stored::read(&place)?, wish, name, &label)?;
    if let Some(mut cluster) = attach(&place, &stored, &label).await? {
        if let Some(port) =
            wish.and_then(|wish| wish.server.port).filter(|port| cluster.nodes.iter().all(|node| node.port() != *port))
        {
            return Err(Error::input(format!("{label} runs already, and not on port {port}"))
                .with_hint("leave out the port, or stop it first"));
        }
        return match cluster.become_ready(deadline).await {
            Ok(()) => Ok(cluster),
            Err(obstacle) => Err(cluster.discard(obstacle).await.0),
        };
    }
    until_gone(&place, stored.nodes, &label, deadline).await?;
    if let Some(wish) = wish {
        stored.update(wish);
    }
    stored.write(&place)?;
    let builder = stored.builder(wish);
    let start = Start { recipe, installation, account, builder, label };
    // The guard ends what it holds before the lock goes.
    let cluster = start.until_ready(place, &stored, deadline, port::free).await?;
    if !stored.founded {
        stored.founded = true;
        stored.write(&cluster.place)?;
    }
    drop(lock);
    Ok(cluster)
}

/// Starts a cluster in a temporary directory that goes with it.
pub(super) async fn scratch(wish: &LocalWish) -> Result<LocalCluster> {
    wish.check(true)?;
    let recipe = engine::recipe(wish.server.engine)?;
    let stored = Stored::new(wish, "scratch");
    let builder = stored.builder(Some(wish));
    let deadline = builder.deadline();
    let installation = builder.find(recipe)?;
    let account = account::unprivileged(recipe.accounts())?;
    let place = Place::temporary(recipe.slug(), account.as_ref())?;
    let start = Start { recipe, installation, account, builder, label: "a scratch cluster".into() };
    start.until_ready(place, &stored, deadline, port::free).await
}

/// Holds the cluster at `path` where it runs, and starts nothing.
pub(super) async fn running(path: &Path, name: &str) -> Result<Option<LocalCluster>> {
    let label = format!("local cluster `{name}`");
    let place = Place::at(path)?;
    let Some(stored) = Stored::read(&place)? else { return Err(not_found(name)) };
    let deadline = stored.builder(None).deadline();
    let Some(_lock) = Lock::acquire(&place, &label, deadline).await? else { return Err(not_found(name)) };
    let Some(mut cluster) = attach(&place, &stored, &label).await? else { return Ok(None) };
    match cluster.become_ready(deadline).await {
        Ok(()) => Ok(Some(cluster)),
        Err(obstacle) => Err(cluster.discard(obstacle).await.0),
    }
}

pub(super) fn not_found(name: &str) -> Error {
    Error::input(format!("local cluster not found: `{name}`"))
}

fn look_up(known: Option<Stored>, wish: Option<&LocalWish>, name: &str, label: &str) -> Result<Stored> {
    match (known, wish) {
        (Some(known), wish) => wish.map_or(Ok(()), |wish| known.check(wish, label)).map(|()| known),
        (None, Some(wish)) => Ok(Stored::new(wish, name)),
        (None, None) => Err(not_found(name)),
    }
}

/// A hold on what runs at `place`, not yet known to be ready; none where nothing runs, or not for long.
async fn attach(place: &Place, stored: &Stored, label: &str) -> Result<Option<LocalCluster>> {
    let Some(mut hold) = Hold::ask(place)? else { return Ok(None) };
    if !hold.confirm(place).await? {
        return Ok(None);
    }
    let run = Run::read(place)?.ok_or_else(|| Error::failed(format!("find out where {label} listens")))?;
    let recipe = engine::recipe(stored.engine)?;
    let builder = stored.builder(None);
    let password = password_of(place)?;
    let nodes = nodes(place, &run.ports, recipe, &builder, password.as_ref());
    Ok(Some(LocalCluster {
        label: label.to_owned(),
        recipe,
        nodes,
        run: run.id,
        patience: run.patience(),
        found_running: true,
        hold: Some(hold),
        children: Vec::new(),
        place: Place::at(place.path())?,
    }))
}

/// The password of a run that goes on.
fn password_of(place: &Place) -> Result<Option<Secret>> {
    let path = Path::new("n0").join("password");
    let text = path.to_str().map_or(Ok(None), |name| place.read(name))?;
    Ok(text.map(|text| Secret::new(text.trim())))
}

/// Waits until what ran at `place` has ended.
async fn until_gone(place: &Place, nodes: usize, label: &str, deadline: Instant) -> Result<()> {
    while place.is_alive(nodes) {
        if Instant::now() >= deadline {
            return Err(Error::Locked { what: format!("{label} is still ending") });
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
