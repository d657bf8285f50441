//! The processes of a cluster: one keeper, and a supervisor with each server.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::super::account::Account;
use super::super::builder::{ATTEMPTS, LocalServerBuilder};
use super::super::engine::{Installation, Peers, Recipe, Wish};
use super::super::home::Home;
use super::super::supervisor::{self, Commands, Supervisor};
use super::super::urls::Urls;
use super::super::{log, port};
use super::guard::LocalCluster;
use super::hold::Hold;
use super::keeper;
use super::node::LocalNode;
use super::place::Place;
use super::stored::{Run, Stored};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// The servers at `ports`.
pub(super) fn nodes(
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
pub(super) struct Start {
    pub(super) recipe: &'static dyn Recipe,
    pub(super) installation: Installation,
    pub(super) account: Option<Account>,
    pub(super) builder: LocalServerBuilder,
    pub(super) label: String,
}

impl Start {
    /// Starts the servers, on other ports where somebody took the chosen ones, and waits until they are ready.
    pub(super) async fn until_ready(
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
