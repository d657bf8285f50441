//! Archives in files, and back.

use std::collections::BTreeMap;

use clusterkeep_core::sql::{Ident, TableName};
use clusterkeep_core::{Error, Result};

use super::plan::{Finding, Seen};
use super::{Archived, Archives, BESIDE_SUFFIX, Destination};
use crate::archive::{self, Found, Location, Manifest, State, Target};
use crate::observe::Archive;

impl Archives {
    pub(super) async fn list_files(&self, recorded: Vec<(String, Archive)>) -> Result<Vec<Archived>> {
        let mut places: BTreeMap<String, BTreeMap<String, State>> = BTreeMap::new();
        let mut session = self.0.db.session().await?;
        let mut all = Vec::with_capacity(recorded.len());
        for (table, archive) in recorded.into_iter().filter(|(_, archive)| archive.files) {
            if !places.contains_key(&archive.repository) {
                let location: Location = archive.repository.parse()?;
                let listed = archive::list(&location).await?.into_iter().map(|one| (one.name, one.state));
                places.insert(archive.repository.clone(), listed.collect());
            }
            let there = places.get(&archive.repository).and_then(|listed| listed.get(&archive.snapshot));
            let (state, in_table) = match there {
                Some(State::Complete(manifest)) => {
                    (Some("complete"), archive::is_in_table(&mut *session, manifest).await?)
                }
                Some(State::Damaged(_)) => (Some("damaged"), false),
                Some(State::Unfinished) | None => (None, false),
            };
            all.push(Archived::of(table, archive, state.map(str::to_owned), in_table));
        }
        Ok(all)
    }

    pub(super) async fn look_at_files(&self, table: TableName, archive: Archive, to: Destination) -> Result<Seen> {
        let into = match to {
            Destination::Table => table.clone(),
            Destination::Beside => {
                let name = Ident::new(format!("{}{BESIDE_SUFFIX}", table.name.as_str()))?;
                TableName { schema: table.schema.clone(), name }
            }
        };
        let location: Location = archive.repository.parse()?;
        let mut bytes = None;
        let finding = match manifest_of(&location, &table, &archive).await {
            Err(unfit @ (Error::Refused { .. } | Error::Input { .. })) => Finding::Unfit(said(&unfit)),
            Err(damaged @ Error::Failed { .. }) => Finding::Unfit(said(&damaged)),
            Err(error) => return Err(error),
            Ok(manifest) => {
                bytes = Some(manifest.file.bytes);
                let target = target(&table, &into);
                match archive::look(&location, &manifest, &self.0.db, &target).await {
                    Ok(Found::Nothing { creates }) => Finding::Absent { creates },
                    Ok(Found::TheseRows) => Finding::Present,
                    Err(unfit @ (Error::Refused { .. } | Error::Input { .. })) => Finding::Unfit(said(&unfit)),
                    Err(error) => return Err(error),
                }
            }
        };
        Ok(Seen { table, archive, into, bytes, finding })
    }

    pub(super) async fn bring_files(&self, seen: &Seen) -> Result<u64> {
        let location: Location = seen.archive.repository.parse()?;
        let manifest = manifest_of(&location, &seen.table, &seen.archive).await?;
        let target = target(&seen.table, &seen.into);
        let restored = archive::restore_from(&location, &manifest, &self.0.db, &target).await;
        restored.map(|restored| restored.rows).map_err(explained)
    }

    pub(super) async fn has_rows(&self, seen: &Seen) -> Result<bool> {
        let location: Location = seen.archive.repository.parse()?;
        let manifest = manifest_of(&location, &seen.table, &seen.archive).await?;
        let rows = archive::count(&manifest, &self.0.db, &target(&seen.table, &seen.into)).await?;
        Ok(rows == Some(manifest.rows))
    }
}

fn target(table: &TableName, into: &TableName) -> Target {
    if table == into { Target::Own } else { Target::Table(into.clone()) }
}

/// The manifest of an archive, which must be the one that was read back when it was put on record.
async fn manifest_of(location: &Location, table: &TableName, archive: &Archive) -> Result<Manifest> {
    let manifest = archive::manifest(location, &archive.snapshot).await?;
    let is_it = manifest.table == *table
        && (manifest.rows, manifest.row_checksum.to_string()) == (archive.rows, archive.content.clone());
    if is_it {
        return Ok(manifest);
    }
    Err(Error::refused(format!("`{}` in {location} is not the archive that is on record", archive.snapshot))
        .with_hint("somebody has put another one in its place"))
}

/// An error with what can be done about it, for a plan.
fn said(error: &Error) -> String {
    let what = match error {
        Error::Refused { what, .. } => what.clone(),
        error => error.to_string(),
    };
    match error.hint() {
        Some(hint) => format!("{what}; {hint}"),
        None => what,
    }
}

/// A table whose partition for these rows is gone takes none of them (PostgreSQL).
fn explained(error: Error) -> Error {
    match &error {
        Error::Database { code: Some(code), source, .. } if code == "23514" => Error::refused(format!(
            "the table does not take the rows: {source}; where their partition is gone, restore them beside the table, \
             with --beside, and attach that table"
        )),
        _ => error,
    }
}
