//! Archives in files, and back.

use std::collections::BTreeMap;

use clusterkeep_core::sql::{Ident, TableName};
use clusterkeep_core::{Error, Result};

use super::{Archived, Archives, BESIDE_SUFFIX, Destination, Restored};
use crate::archive::{self, Location, State, Target};
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

    pub(super) async fn restore_files(
        &self,
        table: &TableName,
        archive: &Archive,
        to: Destination,
    ) -> Result<Restored> {
        let location: Location = archive.repository.parse()?;
        let beside = Ident::new(format!("{}{BESIDE_SUFFIX}", table.name.as_str()))?;
        let (into, target) = match to {
            Destination::Table => (table.clone(), Target::Own),
            Destination::Beside => {
                let beside = TableName { schema: table.schema.clone(), name: beside };
                (beside.clone(), Target::Table(beside))
            }
        };
        let restoring = async {
            let restored = archive::restore(&location, &archive.snapshot, &self.0.db, &target).await;
            restored.map(|restored| restored.rows).map_err(explained)
        };
        self.audited(table, archive, &into, restoring).await
    }
}

/// A table whose partition for these rows is gone takes none of them (PostgreSQL).
fn explained(error: Error) -> Error {
    match &error {
        Error::Database { code: Some(code), source, .. } if code == "23514" => {
            Error::refused(format!("the table does not take the rows: {source}")).with_hint(
                "where their partition is gone, restore them beside the table, with --beside, and attach that table",
            )
        }
        _ => error,
    }
}
