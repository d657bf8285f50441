//! The rows of a part of a table, written down.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::sql::{Db, Engine, Session, sql};

use super::checksum::Contents;
use super::gather;
use super::location::Location;
use super::manifest::{ArchivedColumn, ArchivedFile, ArchivedSource, Manifest, VERSION};
use super::mark::{Mark, mark};
use super::name::{self, Object, Stem};
use super::part::Part;
use super::schema::{self, Field};
use super::writer::Written;
use super::{made_by, verify};

/// What an archive is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    now: DateTime<Utc>,
    plan: Option<String>,
}

impl Context {
    /// An archive that is made at `now`.
    #[must_use]
    pub const fn at(now: DateTime<Utc>) -> Self {
        Self { now, plan: None }
    }

    /// The same, for the plan of this hash.
    #[must_use]
    pub fn plan(mut self, hash: impl Into<String>) -> Self {
        self.plan = Some(hash.into());
        self
    }
}

/// An archive that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// What it holds.
    pub manifest: Manifest,
    /// It was there before with these very rows, and was verified; nothing was written.
    pub reused: bool,
    /// How it stood in its store before it was read back, or when it was written.
    pub mark: Mark,
}

/// Writes the rows of `part` to `location`; an earlier archive of the very same rows is verified and used again.
///
/// Reads in a session of its own, as of one instant: on PostgreSQL in a transaction, elsewhere in one statement. What was
/// written is not read back: [`verify`](super::verify) does that, and nothing may go before it did.
///
/// # Errors
///
/// A column whose type can't be kept exactly, by name; a table that is not there; what the database or the store says.
/// Nothing that looks finished is left.
pub async fn export(location: &Location, db: &Db, part: &Part, context: &Context) -> Result<Archived> {
    let stem = Stem::of(db.engine(), &db.address(), part)?;
    let server = db.server().await?;
    let mut session = db.session().await?;
    begin(&mut *session).await?;
    schema::prepare(&mut *session).await?;
    let mut fields = schema::describe(&mut *session, part.relation()).await?;
    schema::settle(&mut *session, part, &mut fields).await?;

    let (archives, rest) = found(location, &stem).await?;
    for (name, key) in rest {
        // Somebody else may have finished it since: another server of the same address, or a program with another state.
        if location.store().stamp(&name::manifest_key(&name)).await?.is_some() {
            continue;
        }
        tracing::info!(key, %location, "removing what an earlier export has left");
        location.store().delete(&key).await?;
    }
    if !archives.is_empty() {
        let contents = gather::sum_up(&mut *session, part, fields.clone()).await?;
        if let Some((manifest, mark)) = same(location, &archives, &fields, &contents).await {
            return Ok(Archived { manifest, reused: true, mark });
        }
    }

    let number = archives.iter().filter_map(|name| name::number(name)).max().unwrap_or(0) + 1;
    let archive = stem.archive(number);
    let key = name::file_key(&archive);
    let upload = location.store().create(&key).await?;
    let Written { contents, bytes, sha256 } = gather::write(&mut *session, part, fields.clone(), upload).await?;
    let mut manifest = Manifest {
        version: VERSION,
        name: archive,
        table: part.table().clone(),
        partition: part.partition_name(),
        span: part.span().cloned(),
        start: part.bounds().map(|(start, _)| start),
        end: part.bounds().map(|(_, end)| end),
        rows: contents.rows,
        columns: columns(fields, &contents),
        row_checksum: contents.whole,
        file: ArchivedFile { key, bytes, sha256 },
        source: ArchivedSource {
            engine: db.engine(),
            address: db.address(),
            product: server.product,
            version: server.version,
        },
        plan: context.plan.clone(),
        made_at: context.now,
        made_by: made_by(),
        seal: String::new(),
    };
    let written = Bytes::from(manifest.write()?);
    location.store().publish(&name::manifest_key(&manifest.name), written).await?;
    let mark = mark(location, &manifest).await?;
    Ok(Archived { manifest, reused: false, mark })
}

/// Begins what is read as of one instant.
async fn begin(session: &mut dyn Session) -> Result<()> {
    if session.engine() == Engine::Postgres {
        session.begin().await?;
        session.execute(&sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")).await?;
    }
    Ok(())
}

/// The names of archives of a part, and the keys of what is of none of them, each with the name that it was to have.
async fn found(location: &Location, stem: &Stem) -> Result<(Vec<String>, Vec<(String, String)>)> {
    let entries = location.store().list(Some(stem.folder())).await?;
    let prefix = stem.prefix();
    let ours = entries.iter().filter(|entry| entry.key.starts_with(&prefix));
    let keyed: Vec<_> = ours.filter_map(|entry| Some((&entry.key, name::read_key(&entry.key)?))).collect();
    let archives: Vec<_> =
        keyed.iter().filter(|(_, (_, object))| *object == Object::Manifest).map(|(_, (name, _))| *name).collect();
    // What lies beside a manifest is left alone, also what it does not name: to be sure, one would have to trust it.
    let rest = keyed.iter().filter(|(_, (name, object))| *object == Object::Rest && !archives.contains(name));
    let rest = rest.map(|(key, (name, _))| ((*name).to_owned(), (*key).clone())).collect();
    Ok((archives.into_iter().map(str::to_owned).collect(), rest))
}

/// The newest archive that has these very rows and can be read back.
async fn same(
    location: &Location,
    archives: &[String],
    fields: &[Field],
    contents: &Contents,
) -> Option<(Manifest, Mark)> {
    for archive in archives.iter().rev() {
        let candidate = async {
            let manifest = verify::manifest(location, archive).await?;
            let columns = manifest.columns.iter().map(|column| (&column.name, &column.declared, column.kind));
            let has = fields.iter().map(|field| (&field.name, &field.type_name, field.kind));
            if !columns.eq(has) || manifest.difference(contents).is_some() {
                return Ok(None);
            }
            let mark = mark(location, &manifest).await?;
            verify::verify(location, archive).await.map(|manifest| Some((manifest, mark)))
        };
        match candidate.await {
            Ok(Some(found)) => return Some(found),
            Ok(None) => {}
            // It stays for somebody to look at.
            Err(error) => tracing::warn!(%error, archive, %location, "an earlier archive can't be used again"),
        }
    }
    None
}

fn columns(fields: Vec<Field>, contents: &Contents) -> Vec<ArchivedColumn> {
    let column = |(field, (nulls, checksum)): (Field, &(u64, super::Checksum))| ArchivedColumn {
        name: field.name,
        declared: field.type_name,
        kind: field.kind,
        nullable: field.nullable,
        nulls: *nulls,
        checksum: *checksum,
    };
    fields.into_iter().zip(&contents.columns).map(column).collect()
}
