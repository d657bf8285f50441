//! The start of a cluster, or a hold on the one that runs.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use super::super::account::{self, Account};
use super::super::builder::{ATTEMPTS, LocalServerBuilder};
use super::super::engine::{self, Installation, Peers, Recipe, Wish};
use super::super::home::{self, Home};
use super::super::supervisor::{self, Commands, Supervisor};
use super::super::urls::Urls;
use super::super::{log, port};
use super::guard::LocalCluster;
use super::hold::Hold;
use super::keeper;
use super::lock::Lock;
use super::node::LocalNode;
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
    let stored = look_up(known, wish, name, &label)?;
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
    place.create(account.as_ref())?;
    let lock = Lock::acquire(&place, &label, deadline).await?;
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
    // Without a look at the FIFO first, this would wait for a start that may fail.
    let _lock = Lock::acquire(&place, &label, deadline).await?;
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

fn nodes(
    place: &Place,
    ports: &[Vec<u16>],
    recipe: &'static dyn Recipe,
    builder: &LocalServerBuilder,
    password: Option<&Secret>,
) -> Vec<LocalNode> {
    let database = builder.database.as_deref().unwrap_or_else(|| recipe.database());
    let node = |(index, ports): (usize, &Vec<u16>)| LocalNode {
        index,
        ports: ports.clone(),
        urls: Urls::new(
            recipe.url(ports.first().copied().unwrap_or_default(), password),
            database,
            recipe.maintenance(),
        ),
        directory: place.node(index),
    };
    ports.iter().enumerate().map(node).collect()
}

/// What a start goes by.
struct Start {
    recipe: &'static dyn Recipe,
    installation: Installation,
    account: Option<Account>,
    builder: LocalServerBuilder,
    label: String,
}

impl Start {
    /// Starts the servers, on other ports where somebody took the chosen ones, and waits until they are ready.
    async fn until_ready(
        &self,
        mut place: Place,
        stored: &Stored,
        deadline: Instant,
        mut choose: impl FnMut(usize) -> io::Result<Vec<u16>> + Send,
    ) -> Result<LocalCluster> {
        let mut attempt = 1;
        loop {
            let width = self.recipe.ports();
            let mut ports = choose(width * stored.nodes).map_err(|error| Error::caused("find a free port", error))?;
            if let (Some(first), Some(port)) = (ports.first_mut(), self.builder.port) {
                *first = port;
            }
            let mut cluster = self.launch(place, stored, ports.chunks(width).map(<[u16]>::to_vec).collect())?;
            let Err(obstacle) = cluster.become_ready(deadline).await else { return Ok(cluster) };
            // Whoever listens there when our servers are gone is somebody else.
            let again = Place::at(cluster.place.path())?;
            let is_temporary = cluster.place.is_temporary();
            let (error, log) = cluster.discard(obstacle).await;
            match port::taken(&ports) {
                Some(port) if self.builder.port == Some(port) => {
                    return Err(Error::caused(format!("port {port} is taken"), error)
                        .with_hint("end who listens there, or give another port"));
                }
                Some(_) if attempt < ATTEMPTS && Instant::now() < deadline => {
                    attempt += 1;
                    log.into_iter().for_each(|log| drop(std::fs::remove_file(log)));
                    let account = self.account.as_ref();
                    place = if is_temporary { Place::temporary(self.recipe.slug(), account)? } else { again };
                }
                _ => return Err(error),
            }
        }
    }

    /// From the keeper on there are processes; they are in the guard at once.
    fn launch(&self, place: Place, stored: &Stored, ports: Vec<Vec<u16>>) -> Result<LocalCluster> {
        let Self { recipe, builder, .. } = self;
        let account = self.account.as_ref();
        let scratch = place.is_temporary();
        place.make_for("holders", account, true)?;
        let repo = place.file("repo");
        if recipe.forms_clusters() {
            place.make_for("repo", account, false)?;
        }
        let homes: Vec<Home> = (0..ports.len())
            .map(|index| Home::at(&place.node(index), self.account.clone(), scratch))
            .collect::<Result<_>>()?;
        let password = match homes.first() {
            Some(home) if recipe.takes_password() => builder.password_for(home)?,
            _ => None,
        };
        let transports = ports.iter().map(|ports| ports.last().copied().unwrap_or_default()).collect();
        let mut peers =
            Peers { cluster: stored.cluster_name.clone(), node: 0, transports, repo, founding: !stored.founded };
        let grace = builder.grace.unwrap_or_else(|| recipe.grace(scratch));
        let mut servers = Vec::new();
        for (index, (home, ports)) in homes.iter().zip(&ports).enumerate() {
            peers.node = index;
            let wish = Wish {
                home,
                ports,
                database: builder.database.as_deref().unwrap_or_else(|| recipe.database()),
                password: password.as_ref(),
                durable: builder.durable,
                settings: &builder.settings,
                peers: Some(&peers),
            };
            let commands = builder.commands(*recipe, &self.installation, &wish)?;
            home.forget("ended")?;
            log::rotate(&home.log());
            let log = home.open_log()?;
            log.try_lock().map_err(|error| Error::io("lock", home.log(), error.into()))?;
            recipe.tidy(home)?;
            servers.push(Server { home, commands, log });
        }
        let patience = servers.iter().map(|server| supervisor::patience(&server.commands, grace)).max();
        let run = Run::new(ports, patience.unwrap_or_default() + Duration::from_secs(1));
        run.write(&place)?;
        tracing::debug!(label = self.label, place = %place.path().display(), ports = ?run.ports, "starting");

        let (owner, writer) = keeper::make_fifo(&place, account)?;
        let mut cluster = LocalCluster {
            label: self.label.clone(),
            recipe: *recipe,
            nodes: nodes(&place, &run.ports, *recipe, builder, password.as_ref()),
            run: run.id,
            patience: run.patience(),
            found_running: false,
            hold: Some(Hold::with(&place, writer)?),
            children: Vec::new(),
            place,
        };
        self.spawn(&mut cluster, owner, servers, grace)?;
        Ok(cluster)
    }

    /// Starts the keeper and then the servers; where one can't be started, the guard ends the others.
    fn spawn(
        &self,
        cluster: &mut LocalCluster,
        owner: OwnedFd,
        servers: Vec<Server<'_>>,
        grace: Duration,
    ) -> Result<()> {
        let (place, account) = (&cluster.place, self.account.as_ref());
        let pipe = |error| Error::caused("make a pipe", error);
        let (reader, watched) = io::pipe().map_err(pipe)?;
        cluster.children.push(keeper::spawn(place, account, owner, watched, servers.len(), cluster.patience)?);
        for Server { home, commands, log } in servers {
            let owner = reader.try_clone().map_err(pipe)?;
            let news = place.fifo();
            let child = Supervisor::spawn_for(home, &commands, grace, owner.into(), log, Some(&news))?;
            cluster.children.push(child);
        }
        Ok(())
    }
}

/// A server that can be started.
struct Server<'a> {
    home: &'a Home,
    commands: Commands,
    /// Locked until the last process that inherits it has ended.
    log: File,
}
