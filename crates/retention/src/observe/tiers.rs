//! Reads how partitions are kept, for policies with tiers that change it, and nothing for others.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Engine, Session, TableName};
use clusterkeep_core::{Error, ErrorClass, Result};

use super::record::{Records, instant};
use super::{Archive, PartitionId, Places, Source, Standing};
use crate::model::{ArchiveTier, Change};
use crate::plan::Lifecycle;

/// Refuses tiers that the engine, or a table like this, has nothing for.
pub(super) fn check(lifecycle: &Lifecycle<'_>, engine: Engine, native: bool) -> Result<()> {
    let table = lifecycle.table;
    for change in lifecycle.changes() {
        let name = change.name();
        let works = match (change, engine) {
            (Change::SetReplicas(_), Engine::Cratedb) => true,
            (Change::Archive(tier), Engine::Cratedb) => tier.to.is_none(),
            (Change::Archive(tier), _) => tier.repository.is_none(),
            (Change::Merge(tier), Engine::Cratedb | Engine::Mysql) => {
                if tier.full {
                    return Err(Error::input(format!("the tier `merge` of `{table}` can't be `full` on {engine}"))
                        .with_hint("leave `full` out: it is for PostgreSQL"));
                }
                true
            }
            (Change::Merge(_), Engine::Postgres) => true,
            (Change::Reallocate(tier), Engine::Cratedb) => tier.tablespace.is_none(),
            (Change::Reallocate(tier), Engine::Postgres) => tier.tablespace.is_some(),
            _ => false,
        };
        if !works {
            let hint = match change {
                Change::SetReplicas(_) => "it is for CrateDB",
                Change::Archive(_) if engine == Engine::Cratedb => {
                    "name a `repository`: archives of CrateDB are snapshots"
                }
                Change::Archive(_) => "name a place for files, `to`: a `repository` is for snapshots of CrateDB",
                Change::Merge(_) => "it is for CrateDB, PostgreSQL and MariaDB/MySQL",
                Change::Reallocate(_) => "name an `attribute` and its `value` on CrateDB, a `tablespace` on PostgreSQL",
            };
            return Err(Error::input(format!("the tier `{name}` of `{table}` does not work on {engine} like this"))
                .with_hint(hint));
        }
        // Files take the rows of slices as well as those of partitions; a snapshot does not.
        let of_slices = matches!(change, Change::Archive(tier) if tier.to.is_some());
        if !native && !of_slices {
            return Err(Error::input(format!("`{table}` has no partitions, which the tier `{name}` is for"))
                .with_hint("partition the table by its column of time, or leave the tier out"));
        }
    }
    Ok(())
}

/// Reads how the partitions of a table are kept, where tiers of its policy rest on that.
pub(super) async fn read(
    session: &mut dyn Session,
    records: &Records,
    lifecycle: &Lifecycle<'_>,
    source: &mut Source,
) -> Result<()> {
    if lifecycle.changes().next().is_none() {
        return Ok(());
    }
    match session.engine() {
        #[cfg(feature = "cratedb")]
        Engine::Cratedb => {
            let mut found = crate::sql::standing::cratedb::of_partitions(session, lifecycle.table, None).await?;
            for id in source.partitions.iter().filter_map(|partition| partition.id.as_ref()) {
                if let PartitionId::Key(key) = id
                    && let Some(standing) = found.remove(&key.ident)
                {
                    source.standing.insert(id.clone(), standing);
                }
            }
        }
        #[cfg(feature = "postgres")]
        Engine::Postgres => {
            let tables = source.partitions.iter().filter_map(|partition| match &partition.id {
                Some(PartitionId::Table(table)) => Some(&**table),
                _ => None,
            });
            let found = crate::sql::standing::postgres::of_partitions(session, tables).await?;
            for (table, standing) in found {
                source.standing.insert(PartitionId::Table(table.into()), standing);
            }
        }
        _ => {}
    }
    let merge = lifecycle.changes().find_map(|change| match change {
        Change::Merge(tier) => Some(tier),
        _ => None,
    });
    if let Some(tier) = merge.filter(|_| session.engine() != Engine::Cratedb) {
        let compacted = records.compacted(lifecycle.table, tier.full).await?;
        for id in source.partitions.iter().filter_map(|partition| partition.id.as_ref()) {
            let at = compacted.get(&id.to_string()).copied();
            let standing = source.standing.entry(id.clone()).or_default();
            // What the server remembers is the other kind of vacuum.
            standing.compacted = if tier.full { at } else { standing.compacted.max(at) };
        }
    }
    if let Some(tier) = lifecycle.policy.archive().filter(|_| lifecycle.rolled.is_none()) {
        let archives = records.archives(Some(lifecycle.table)).await?;
        source.archives = archives.into_iter().map(|(_, archive)| archive).collect();
        listed(session, tier.repository.as_deref(), &mut source.archives).await?;
    }
    Ok(())
}

/// Looks whether what is recorded is still listed as whole.
async fn listed(session: &mut dyn Session, repository: Option<&str>, archives: &mut [Archive]) -> Result<()> {
    #[cfg(feature = "cratedb")]
    if let Some(repository) = repository
        && archives.iter().any(|archive| !archive.files && archive.repository == repository)
        && session.engine() == Engine::Cratedb
    {
        let states = crate::sql::snapshots::states(session, repository).await?;
        for archive in archives.iter_mut().filter(|archive| !archive.files && archive.repository == repository) {
            archive.listed = Some(states.get(&archive.snapshot).is_some_and(|state| state == "SUCCESS"));
        }
    }
    #[cfg(feature = "archive")]
    files_listed(archives).await;
    #[cfg(not(feature = "cratedb"))]
    let _ = (session, repository, archives);
    Ok(())
}

/// The same of files; where a place does not tell, nothing is known of them.
#[cfg(feature = "archive")]
async fn files_listed(archives: &mut [Archive]) {
    /// The most that a look at a place may take.
    const LOOK: std::time::Duration = std::time::Duration::from_secs(60);
    let mut places: BTreeMap<String, Option<std::collections::BTreeSet<String>>> = BTreeMap::new();
    for archive in archives.iter_mut().filter(|archive| archive.files) {
        if !places.contains_key(&archive.repository) {
            let listed = async { crate::archive::names(&archive.repository.parse()?).await };
            let listed = match tokio::time::timeout(LOOK, listed).await {
                Ok(Ok(names)) => names,
                Ok(Err(error)) => {
                    tracing::warn!(%error, place = archive.repository, "can't look for archives");
                    None
                }
                Err(_) => {
                    tracing::warn!(place = archive.repository, "no answer about archives in time");
                    None
                }
            };
            places.insert(archive.repository.clone(), listed);
        }
        let names = places.get(&archive.repository).and_then(Option::as_ref);
        archive.listed = names.map(|names| names.contains(&archive.snapshot));
    }
}

/// Reads what partitions can be moved to, of what any of the tiers names.
pub(super) async fn places<'a>(
    session: &mut dyn Session,
    lifecycles: impl Iterator<Item = Lifecycle<'a>>,
    sources: &[Source],
) -> Result<Places> {
    let mut places = Places::default();
    let (mut nodes, mut repositories, mut tablespaces) = (false, false, false);
    for lifecycle in lifecycles {
        for change in lifecycle.changes() {
            match change {
                Change::Reallocate(tier) if tier.tablespace.is_some() => tablespaces = true,
                Change::Reallocate(_) | Change::SetReplicas(_) => nodes = true,
                Change::Archive(ArchiveTier { to: Some(to), .. }) => {
                    if !places.locations.contains_key(to) {
                        let kept = sources.iter().flat_map(|source| &source.archives);
                        let kept = kept.filter(|archive| archive.files && archive.repository == *to).count();
                        places.locations.insert(to.clone(), unreachable(to, kept).await);
                    }
                }
                Change::Archive(_) => repositories = true,
                Change::Merge(_) => {}
            }
        }
    }
    #[cfg(feature = "cratedb")]
    if session.engine() == Engine::Cratedb {
        if nodes {
            places.nodes = Some(crate::sql::standing::cratedb::nodes(session).await?);
        }
        if repositories {
            places.repositories = Some(crate::sql::standing::cratedb::repositories(session).await?);
        }
    }
    #[cfg(feature = "postgres")]
    if session.engine() == Engine::Postgres && tablespaces {
        places.tablespaces = Some(crate::sql::standing::postgres::tablespaces(session).await?);
    }
    #[cfg(not(all(feature = "cratedb", feature = "postgres")))]
    let _ = (&mut places, session, nodes, repositories, tablespaces);
    Ok(places)
}

/// Why nothing can be put at a place for files, where so many archives are on record, as far as a look at it tells.
#[cfg(feature = "archive")]
async fn unreachable(to: &str, kept: usize) -> Option<String> {
    let looked = match to.parse::<crate::archive::Location>() {
        Ok(location) if kept > 0 && !location.is_there() => {
            let why = format!("it is not there, and {kept} archives on record are in it");
            Err(Error::failed(why).with_hint("mount its disk; or make it, where they are gone for good"))
        }
        Ok(location) => location.look().await,
        Err(e) => Err(e),
    };
    let error = looked.err()?;
    Some(match error.hint() {
        Some(hint) => format!("it can't be archived at {to}: {error}; {hint}"),
        None => format!("it can't be archived at {to}: {error}"),
    })
}

#[cfg(not(feature = "archive"))]
async fn unreachable(_: &str, _: usize) -> Option<String> {
    Some("this program was built without archives in files".to_owned())
}

impl Records {
    /// When each partition of `source` was made compact, by being written anew where `full`.
    pub(crate) async fn compacted(&self, source: &TableName, full: bool) -> Result<BTreeMap<String, DateTime<Utc>>> {
        let mut query = self.sql();
        query.push("SELECT ").name("partition").push(", ").name("at").push(" FROM ");
        query
            .table(&self.state().table("compacted"))
            .push(" WHERE ")
            .name("source")
            .push(" = ")
            .bind(recorded_as(source, full));
        match self.state().db().query(query.build()).await {
            Ok(found) => found.rows().map(|row| Ok((row.get("partition")?, instant(row.get("at")?)?))).collect(),
            Err(e) if e.class() == Some(ErrorClass::MissingRelation) => Ok(BTreeMap::new()),
            Err(e) => Err(e),
        }
    }

    /// Records that a partition was made compact.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) async fn record_compacted(
        &self,
        source: &TableName,
        partition: &PartitionId,
        full: bool,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let mut session = self.begin().await?;
        let (source, partition) = (recorded_as(source, full), partition.to_string());
        let mut delete = self.sql();
        delete.push("DELETE FROM ").table(&self.state().table("compacted")).push(" WHERE ").name("source").push(" = ");
        delete.bind(source.as_str()).push(" AND ").name("partition").push(" = ").bind(partition.as_str());
        session.execute(&delete.build()).await?;
        let mut insert = self.sql();
        insert.push("INSERT INTO ").table(&self.state().table("compacted")).push(" (").name("source").push(", ");
        insert.name("partition").push(", ").name("at").push(") VALUES (");
        insert.bind(source).push(", ").bind(partition).push(", ").bind(now.timestamp_micros()).push(")");
        session.execute(&insert.build()).await?;
        self.commit(session).await
    }
}

/// Under what it is recorded that partitions of a table were made compact.
fn recorded_as(source: &TableName, full: bool) -> String {
    if full { format!("{source} (full)") } else { source.to_string() }
}

impl Source {
    /// How a partition is kept, where that was read.
    #[must_use]
    pub fn standing(&self, id: &PartitionId) -> Option<&Standing> {
        self.standing.get(id)
    }
}
