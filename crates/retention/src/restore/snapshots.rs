//! Snapshots of CrateDB, and back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use clusterkeep_core::sql::{Ident, Session, TableName, Value, sql};
use clusterkeep_core::{Error, Result};

use super::plan::{Finding, Seen};
use super::{Archived, Archives, BESIDE, Destination};
use crate::observe::{Archive, PartitionId, PartitionKey};
use crate::sql::{catalogue, cratedb, snapshots};

/// How long a restore may take.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Servers before this one put a partition into a table of another shape without a word.
const CHECKS_SHAPES_SINCE: (u32, u32, u32) = (6, 3, 3);

impl Archives {
    pub(super) async fn list_snapshots(&self, recorded: Vec<(String, Archive)>) -> Result<Vec<Archived>> {
        let mut session = self.0.db.session().await?;
        // Each is a request to a store, or to all nodes: once for each repository and table, not for each copy.
        let mut states: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (table, archive) in &recorded {
            if !states.contains_key(&archive.repository) {
                let there = snapshots::states(&mut *session, &archive.repository).await?;
                states.insert(archive.repository.clone(), there);
            }
            if !listed.contains_key(table) {
                let there = catalogue::cratedb::listed(&mut *session, &table.parse()?).await?;
                listed.insert(table.clone(), there);
            }
        }
        let archived = |(table, archive): (String, Archive)| {
            let state = states.get(&archive.repository).and_then(|there| there.get(&archive.snapshot)).cloned();
            let in_table = listed.get(&table).is_some_and(|there| there.contains(&archive.partition));
            Archived::of(table, archive, state, in_table)
        };
        Ok(recorded.into_iter().map(archived).collect())
    }

    pub(super) async fn look_at_snapshot(&self, table: TableName, archive: Archive, to: Destination) -> Result<Seen> {
        let mut session = self.0.db.session().await?;
        let into = match to {
            Destination::Table => table.clone(),
            Destination::Beside => TableName::within(Ident::new(BESIDE)?, table.name.clone()),
        };
        let looked = async {
            source(&mut *session, &table, &archive, to).await?;
            may_go_to(&mut *session, &into, &archive).await
        };
        let finding = match looked.await {
            Ok(creates) => Finding::Absent { creates },
            Err(Error::Refused { what, hint: Some(hint) }) => Finding::Unfit(format!("{what}; {hint}")),
            Err(Error::Refused { what, .. }) => Finding::Unfit(what),
            Err(error) => return Err(error),
        };
        Ok(Seen { table, archive, into, bytes: None, finding })
    }

    /// Has the server restore it, and counts what is there then.
    pub(super) async fn bring_snapshot(&self, seen: &Seen) -> Result<u64> {
        let Seen { table, archive, into, .. } = seen;
        let mut session = self.0.db.session().await?;
        let to = if into == table { Destination::Table } else { Destination::Beside };
        let (source, key) = source(&mut *session, table, archive, to).await?;
        let (repository, name) = (Ident::new(&archive.repository)?, Ident::new(&archive.snapshot)?);
        let statement = snapshots::restore(&repository, &name, &source, &key, to == Destination::Beside);
        session.execute(&statement.timeout(PATIENCE)).await.map_err(explained)?;
        if !catalogue::cratedb::listed(&mut *session, into).await?.contains(&archive.partition) {
            return Err(Error::failed(format!("`{into}` does not list the partition that was restored")));
        }
        let key = cratedb::key_of(&mut *session, into, &key).await?;
        let id = PartitionId::Key(Arc::new(key));
        let rows = cratedb::count_one(&mut *session, into, &id).await?;
        if rows != archive.rows {
            let what = format!("the partition in `{into}` has {rows} rows, {} were archived", archive.rows);
            return Err(Error::failed(what).with_hint("was it written to since? compare, and drop what is not wanted"));
        }
        Ok(rows)
    }

    pub(super) async fn has_partition(&self, seen: &Seen) -> Result<bool> {
        let mut session = self.0.db.session().await?;
        Ok(catalogue::cratedb::listed(&mut *session, &seen.into).await?.contains(&seen.archive.partition))
    }
}

/// The partition in the snapshot, which must be whole: the table with its schema, and the key as the server lists it.
async fn source(
    session: &mut dyn Session,
    table: &TableName,
    archive: &Archive,
    to: Destination,
) -> Result<(TableName, PartitionKey)> {
    let place = format!("{}/{}", archive.repository, archive.snapshot);
    let refused = |why: String| Err(Error::refused(format!("the snapshot {place} of `{table}` {why}")));
    let Some(found) = snapshots::find(session, &archive.repository, &archive.snapshot).await? else {
        return refused("is not listed by its repository any more".into());
    };
    if found.state != "SUCCESS" || !found.failures.is_empty() || found.shards != archive.shards {
        let (state, shards) = (&found.state, found.shards);
        return refused(format!("is {state} with {shards} shards, and {} were archived", archive.shards));
    }
    let [(schema, name, values)] = found.partitions.as_slice() else {
        return refused(format!("lists {} partitions", found.partitions.len()));
    };
    if name != table.name.as_str() || values.len() != archive.columns.len() {
        return refused("lists another partition".into());
    }
    // The server puts it into the schema that it was in, whatever schema is meant by a table without one here.
    let meant: String = match &table.schema {
        Some(schema) => schema.as_str().to_owned(),
        None => session.query(&sql("SELECT current_schema AS schema")).await?.scalar()?,
    };
    if to == Destination::Table && meant != *schema {
        return refused(format!("is of a table in the schema {schema}, and that schema is {meant} here"));
    }
    let value = |text: &Option<String>| text.as_ref().map_or(Value::Null, |text| Value::from(text.as_str()));
    let values = archive.columns.iter().zip(values).map(|(column, text)| Ok((Ident::new(column)?, value(text))));
    let key = PartitionKey { ident: archive.partition.clone(), values: values.collect::<Result<_>>()? };
    Ok((TableName::within(Ident::new(schema)?, table.name.clone()), key))
}

/// Whether the server would put the partition where it is meant to go, and nothing is in its way; whether the table has to
/// be made.
async fn may_go_to(session: &mut dyn Session, target: &TableName, archive: &Archive) -> Result<bool> {
    if catalogue::cratedb::listed(session, target).await?.contains(&archive.partition) {
        let what = format!("the partition is in `{target}` already");
        return Err(Error::refused(what).with_hint(match target.schema.as_ref().map(Ident::as_str) {
            Some(BESIDE) => "drop it there first, if nobody needs it",
            _ => "restore it beside the table, with --beside, and compare",
        }));
    }
    let exists = catalogue::describe(session, target, None).await?.is_some();
    let nodes = session.query(&sql("SELECT DISTINCT version['number'] AS version FROM sys.nodes")).await?;
    for row in nodes.rows() {
        let version: String = row.get("version")?;
        if exists && !checks_shapes(&version) {
            let what =
                format!("CrateDB {version} would restore into `{target}` without looking whether its columns fit");
            return Err(Error::refused(what).with_hint("upgrade the server to 6.3.3 or later, or restore beside it"));
        }
    }
    Ok(!exists)
}

fn checks_shapes(version: &str) -> bool {
    let mut numbers = version.split(['-', '+']).next().unwrap_or_default().split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => (major, minor, patch) >= CHECKS_SHAPES_SINCE,
        _ => false,
    }
}

/// A table of another shape is refused by the server, and told as such.
fn explained(error: Error) -> Error {
    match &error {
        Error::Database { code: Some(code), source, .. } if code == "40911" => {
            Error::refused(format!("the table has become another one: {source}; restore beside it, with --beside"))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_do_not_look_at_shapes_are_known() {
        for good in ["6.3.3", "6.4.3", "7.0.0", "6.5.0-SNAPSHOT"] {
            assert!(checks_shapes(good), "{good}");
        }
        for bad in ["6.3.2", "5.10.9", "", "x", "6.4"] {
            assert!(!checks_shapes(bad), "{bad}");
        }
    }
}
