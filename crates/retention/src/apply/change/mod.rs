//! Changes of how partitions are kept: copies, segments, place, archive. Nothing goes here.
//!
//! Each looks at what is there first, and does nothing where it is as wanted. A run that was killed in the middle of one
//! goes on with it the next time.

#[cfg(feature = "cratedb")]
pub(super) mod archive;
#[cfg(feature = "cratedb")]
mod merge;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "cratedb")]
mod one;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "cratedb")]
mod reallocate;
#[cfg(feature = "cratedb")]
mod replicas;

#[cfg(feature = "cratedb")]
pub(super) use archive::Copied;
use clusterkeep_core::plan::{Outcome, Ran, Recorder, Step};
use clusterkeep_core::sql::{Engine, TableName};
use clusterkeep_core::{Error, Result};

use super::Apply;
use crate::plan::{Domain, Due, Object};

/// How long one statement may take that writes all of a partition anew.
#[cfg(any(feature = "mysql", feature = "cratedb", feature = "postgres"))]
const REWRITE: std::time::Duration = std::time::Duration::from_secs(6 * 60 * 60);

/// Changes how the one partition of a step is kept.
#[cfg_attr(not(feature = "cratedb"), expect(unused_variables, reason = "only some engines have such tiers"))]
pub(super) async fn run(
    apply: &Apply<'_>,
    table: &TableName,
    due: &Due,
    step: &Step<Domain>,
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    let object = only(&step.objects)?;
    #[cfg(feature = "archive")]
    if let Due::ArchiveFiles { to } = due {
        return super::files::run(apply, table, object, to).await;
    }
    match (apply.retention.db.engine(), due) {
        #[cfg(feature = "cratedb")]
        (Engine::Cratedb, Due::SetReplicas { replicas }) => {
            replicas::run(&mut one::One::of(apply, table, object).await?, replicas).await
        }
        #[cfg(feature = "cratedb")]
        (Engine::Cratedb, Due::Merge { .. }) => merge::run(&mut one::One::of(apply, table, object).await?).await,
        #[cfg(feature = "cratedb")]
        (Engine::Cratedb, Due::Reallocate { attribute, value, release }) => {
            let wanted = reallocate::Wanted { attribute, value, release };
            reallocate::run(&mut one::One::of(apply, table, object).await?, wanted, recorder).await
        }
        #[cfg(feature = "cratedb")]
        (Engine::Cratedb, Due::Archive { repository }) => {
            archive::run(&mut one::One::of(apply, table, object).await?, repository, recorder).await
        }
        #[cfg(feature = "postgres")]
        (Engine::Postgres, Due::Merge { full }) => postgres::merge(apply, table, object, *full).await,
        #[cfg(feature = "postgres")]
        (Engine::Postgres, Due::Tablespace { tablespace }) => postgres::reallocate(apply, object, tablespace).await,
        #[cfg(feature = "mysql")]
        (Engine::Mysql, Due::Merge { .. }) => mysql::merge(apply, table, object).await,
        (engine, due) => Err(unsupported(engine, due)),
    }
}

/// Looks whether the partition is kept as it should be.
#[cfg_attr(
    not(any(feature = "mysql", feature = "cratedb", feature = "postgres")),
    allow(unused_variables, unreachable_code, reason = "no engine that is compiled in has such tiers")
)]
pub(super) async fn verify(
    apply: &Apply<'_>,
    table: &TableName,
    due: &Due,
    objects: &[Object],
) -> Result<Vec<(Object, Outcome)>> {
    let object = only(objects)?;
    let is_so = match (apply.retention.db.engine(), due) {
        #[cfg(feature = "archive")]
        (_, Due::ArchiveFiles { to }) => super::files::is_so(apply, object, to).await?,
        #[cfg(feature = "cratedb")]
        (Engine::Cratedb, due) => {
            let mut one = one::One::of(apply, table, object).await?;
            match due {
                Due::SetReplicas { replicas } => replicas::is_so(&mut one, replicas).await?,
                Due::Merge { .. } => merge::is_so(&mut one).await?,
                Due::Reallocate { attribute, value, release } => {
                    reallocate::is_so(&mut one, reallocate::Wanted { attribute, value, release }).await?
                }
                Due::Archive { repository } => archive::is_so(&mut one, repository).await?,
                Due::Tablespace { .. } | Due::ArchiveFiles { .. } => return Err(unsupported(Engine::Cratedb, due)),
            }
        }
        #[cfg(feature = "postgres")]
        (Engine::Postgres, Due::Merge { full }) => postgres::is_merged(apply, table, object, *full).await?,
        #[cfg(feature = "postgres")]
        (Engine::Postgres, Due::Tablespace { tablespace }) => postgres::is_in(apply, object, tablespace).await?,
        #[cfg(feature = "mysql")]
        (Engine::Mysql, Due::Merge { .. }) => mysql::is_merged(apply, table, object).await?,
        (engine, due) => return Err(unsupported(engine, due)),
    };
    Ok(vec![(object.clone(), if is_so { Outcome::Done } else { Outcome::Failed })])
}

/// Removes a copy of a partition, and records that.
#[cfg_attr(
    not(any(feature = "archive", feature = "cratedb")),
    expect(unused_variables, reason = "nothing that is compiled in has such copies")
)]
pub(super) async fn remove_archive(apply: &Apply<'_>, table: &TableName, place: &(String, String)) -> Result<Ran> {
    match apply.retention.db.engine() {
        #[cfg(feature = "cratedb")]
        Engine::Cratedb => archive::remove(apply, table, place).await,
        #[cfg(feature = "archive")]
        Engine::Postgres | Engine::Mysql | Engine::Sqlite => super::files::remove(apply, table, place).await,
        #[allow(unreachable_patterns, reason = "all engines are there where all features are")]
        engine => Err(Error::failed(format!("remove an archive: this program was built without that of {engine}"))),
    }
}

/// Looks whether a copy of a partition is still listed.
#[cfg_attr(
    not(any(feature = "archive", feature = "cratedb")),
    expect(unused_variables, reason = "nothing that is compiled in has such copies")
)]
pub(super) async fn verify_removed(
    apply: &Apply<'_>,
    place: &(String, String),
    objects: &[Object],
) -> Result<Vec<(Object, Outcome)>> {
    let object = only(objects)?;
    match apply.retention.db.engine() {
        #[cfg(feature = "cratedb")]
        Engine::Cratedb => {
            let outcome = if archive::is_listed(apply, place).await? { Outcome::StillPresent } else { Outcome::Done };
            Ok(vec![(object.clone(), outcome)])
        }
        #[cfg(feature = "archive")]
        Engine::Postgres | Engine::Mysql | Engine::Sqlite => super::files::verify_removed(place, object).await,
        #[allow(unreachable_patterns, reason = "all engines are there where all features are")]
        engine => Err(Error::failed(format!("look for an archive: this program was built without that of {engine}"))),
    }
}

/// A change is of one partition, so that each has an outcome of its own.
fn only(objects: &[Object]) -> Result<&Object> {
    match objects {
        [object] => Ok(object),
        _ => Err(Error::failed(format!("a change of {} partitions at once", objects.len()))),
    }
}

fn unsupported(engine: Engine, due: &Due) -> Error {
    Error::failed(format!("{due}: {engine} has nothing for that, or this program was built without it"))
}

/// A change that moved on since it was planned.
#[cfg(any(feature = "cratedb", feature = "postgres"))]
fn moved(object: &Object, how: &str) -> Error {
    Error::Drifted {
        what: format!("`{object}` {how}"),
        hint: Some("look at the plan as it is now, then approve that".into()),
    }
}
