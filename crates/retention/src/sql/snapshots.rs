//! Snapshots of single partitions, as CrateDB takes and lists them.
//!
//! A statement that takes one says nothing of whether it is whole: that is read from `sys.snapshots`, always.

use std::collections::BTreeMap;
use std::time::Duration;

use clusterkeep_core::sql::{Engine, Ident, Row, Session, SqlBuilder, Statement, TableName, Value, sql};
use clusterkeep_core::{Error, Result, hex};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::cratedb::push_partition;
use crate::observe::PartitionKey;

/// A snapshot as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) state: String,
    pub(crate) failures: Vec<String>,
    pub(crate) shards: u64,
    /// The partitions that it lists: schema, table, and the values of the key as text.
    pub(crate) partitions: Vec<(String, String, Vec<Option<String>>)>,
    /// The indexes that it lists, by the names that the server gives to partitions.
    pub(crate) indices: Vec<String>,
}

/// How long a look at snapshots may take: each is a request to the store of a repository.
const LOOK: Duration = Duration::from_secs(5 * 60);

/// The longest part of a name that is there for people to read.
const READABLE: usize = 40;

/// The name of the snapshot of a partition with this content: the same for the same, and another for any other.
///
/// Lower case and plain whatever the table is called, since the server takes nothing else.
pub(crate) fn name(table: &TableName, key: &PartitionKey, content: &str) -> Result<Ident> {
    let mut hash = Sha256::new();
    for part in [table.name.as_str(), key.ident.as_str(), content] {
        // Each with its length, so that no two of them run into one another.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let hash = hex::digits(hash.finalize().iter().take(16));
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let readable: String = table.name.as_str().chars().take(READABLE).map(plain).collect();
    Ident::new(format!("clusterkeep-{readable}-{hash}"))
}

/// Begins a snapshot of one partition.
pub(crate) fn create(repository: &Ident, name: &Ident, table: &TableName, key: &PartitionKey) -> Statement {
    let mut sql = SqlBuilder::new(Engine::Cratedb);
    sql.push("CREATE SNAPSHOT ").ident(repository).push(".").ident(name).push(" TABLE ").table(table);
    push_partition(&mut sql, key);
    sql.push(" WITH (wait_for_completion = false, ignore_unavailable = false)");
    sql.build()
}

/// Restores one partition, where its table was or into the schema `restored`.
///
/// The new schema is text of the program: the server numbers values of the options before those of the key.
pub(crate) fn restore(
    repository: &Ident,
    name: &Ident,
    table: &TableName,
    key: &PartitionKey,
    beside: bool,
) -> Statement {
    let mut sql = SqlBuilder::new(Engine::Cratedb);
    sql.push("RESTORE SNAPSHOT ").ident(repository).push(".").ident(name).push(" TABLE ").table(table);
    push_partition(&mut sql, key);
    sql.push(" WITH (wait_for_completion = true, ignore_unavailable = false");
    if beside {
        sql.push(", schema_rename_pattern = '(.+)', schema_rename_replacement = 'restored'");
    }
    sql.push(")");
    sql.build()
}

/// Removes a snapshot.
pub(crate) fn remove(repository: &Ident, name: &Ident) -> Statement {
    let mut sql = SqlBuilder::new(Engine::Cratedb);
    sql.push("DROP SNAPSHOT ").ident(repository).push(".").ident(name);
    sql.build()
}

/// A snapshot by its name, where there is one.
pub(crate) async fn find(session: &mut dyn Session, repository: &str, name: &str) -> Result<Option<Snapshot>> {
    let query = sql("SELECT state, failures, total_shards AS shards, table_partitions AS partitions, \
                     concrete_indices AS indices FROM sys.snapshots WHERE repository = ? AND name = ?");
    let found = session.query(&query.bind(repository).bind(name).timeout(LOOK)).await?;
    found.first().map(read).transpose()
}

/// The state of each snapshot of a repository, by name.
pub(crate) async fn states(session: &mut dyn Session, repository: &str) -> Result<BTreeMap<String, String>> {
    let query = sql("SELECT name, state FROM sys.snapshots WHERE repository = ?").bind(repository);
    session.query(&query.timeout(LOOK)).await?.rows().map(|row| Ok((row.get("name")?, row.get("state")?))).collect()
}

fn read(row: &Row) -> Result<Snapshot> {
    let strings = |json: &Json| -> Vec<String> {
        json.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let partition = |json: &Json| {
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let values = json["values"].as_array().into_iter().flatten();
        let values = values.map(|value| value.as_str().map(str::to_owned)).collect();
        (text("table_schema"), text("table_name"), values)
    };
    let partitions = as_json(row.value("partitions")?)?;
    Ok(Snapshot {
        state: row.get("state")?,
        failures: strings(&as_json(row.value("failures")?)?),
        shards: row.get::<Option<u64>>("shards")?.unwrap_or(0),
        partitions: partitions.as_array().into_iter().flatten().map(partition).collect(),
        indices: strings(&as_json(row.value("indices")?)?),
    })
}

/// Arrays and objects of the server as one kind of value.
fn as_json(value: &Value) -> Result<Json> {
    match value {
        Value::Null => Ok(Json::Null),
        Value::Json(json) => Ok(json.clone()),
        Value::Text(text) => Ok(Json::String(text.clone())),
        Value::Array(items) => items.iter().map(as_json).collect::<Result<_>>().map(Json::Array),
        other => Err(Error::failed(format!("read a list of snapshots from {other}"))),
    }
}

impl Snapshot {
    /// Whether it is whole, and holds the partition and nothing else; else why not.
    pub(crate) fn holds(&self, schema: &str, table: &TableName, key: &PartitionKey, shards: u64) -> Result<(), String> {
        if self.state != "SUCCESS" {
            return Err(format!("it is {}{}", self.state, self.failed()));
        }
        if !self.failures.is_empty() {
            return Err(format!("it has failures{}", self.failed()));
        }
        let values: Vec<Option<String>> = key.values.iter().map(|(_, value)| as_listed(value)).collect();
        let listed = |(in_schema, name, found): &(String, String, Vec<Option<String>>)| {
            in_schema == schema
                && name == table.name.as_str()
                && (*found == values || self.is_index(schema, table, key))
        };
        match self.partitions.as_slice() {
            [one] if listed(one) => {}
            [] => return Err("it lists no partition".into()),
            [_] => return Err("it lists another partition".into()),
            several => return Err(format!("it lists {} partitions", several.len())),
        }
        if self.shards != shards {
            return Err(format!("it has {} shards, the partition has {shards}", self.shards));
        }
        Ok(())
    }

    /// Whether the one index that it lists is the partition: the server's own name tells types apart that text does not.
    fn is_index(&self, schema: &str, table: &TableName, key: &PartitionKey) -> bool {
        let prefix = if schema == "doc" { String::new() } else { format!("{schema}.") };
        let name = format!("{prefix}.partitioned.{}.{}", table.name.as_str(), key.ident);
        matches!(self.indices.as_slice(), [index] if *index == name)
    }

    /// What failed, in words.
    fn failed(&self) -> String {
        const MOST: usize = 16;
        if self.failures.is_empty() {
            return String::new();
        }
        let more = self.failures.len().saturating_sub(MOST);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let some: Vec<&str> = self.failures.iter().take(MOST).map(String::as_str).collect();
        format!(": {} of {} shards failed: {}{more}", self.failures.len(), self.shards, some.join("; "))
    }
}

/// A value of a key as the server lists it among snapshots.
fn as_listed(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(text.clone()),
        Value::Timestamp(at) => Some(at.timestamp_millis().to_string()),
        Value::DateTime(at) => Some(at.and_utc().timestamp_millis().to_string()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(ident: &str) -> PartitionKey {
        PartitionKey { ident: ident.into(), values: vec![(Ident::literal("day"), Value::Int(1_767_225_600_000))] }
    }

    fn whole() -> Snapshot {
        Snapshot {
            state: "SUCCESS".into(),
            failures: Vec::new(),
            shards: 3,
            partitions: vec![("doc".into(), "t".into(), vec![Some("1767225600000".into())])],
            indices: vec![".partitioned.t.04732".into()],
        }
    }

    #[test]
    fn defect_4_names_are_what_the_server_takes_and_never_collide() {
        let name = |table: &str, ident: &str, content: &str| {
            let table = TableName::bare(Ident::new(table).unwrap());
            name(&table, &key(ident), content).unwrap().as_str().to_owned()
        };
        let long = "x".repeat(255);
        for table in ["Weird Täble\"/\\*?<>|,#", "_t", "a.b", long.as_str(), "t; DROP"] {
            let name = name(table, "04732", "c");
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(name.len() < 100 && name.chars().all(plain) && name.starts_with('c'), "{name}");
        }
        let all = [
            name("a-b", "1", "c"),
            name("a.b", "1", "c"),
            name("A.b", "1", "c"),
            name("a", "b1", "c"),
            name("ab", "1", "c"),
            name("a", "b", "1c"),
            name("a", "b1", "cc"),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "{all:?}");
        assert_eq!(name("t", "1", "c"), name("t", "1", "c"));
    }

    #[test]
    fn case_18_only_a_whole_snapshot_of_exactly_that_partition_counts() {
        let (table, key) = ("t".parse::<TableName>().unwrap(), key("04732"));
        let check = |snapshot: &Snapshot| snapshot.holds("doc", &table, &key, 3);
        check(&whole()).unwrap();
        for state in ["PARTIAL", "FAILED", "IN_PROGRESS", ""] {
            check(&Snapshot { state: state.into(), ..whole() }).unwrap_err();
        }
        let why = check(&Snapshot { failures: vec!["node shutdown".into()], ..whole() }).unwrap_err();
        assert!(why.contains("1 of 3 shards failed: node shutdown"), "{why}");
        check(&Snapshot { shards: 2, ..whole() }).unwrap_err();
        check(&Snapshot { partitions: vec![], ..whole() }).unwrap_err();
        let twice = [whole().partitions, whole().partitions].concat();
        check(&Snapshot { partitions: twice, ..whole() }).unwrap_err();
        let other = |schema: &str, table: &str, value: Option<&str>| Snapshot {
            partitions: vec![(schema.into(), table.into(), vec![value.map(str::to_owned)])],
            indices: vec!["something".into()],
            ..whole()
        };
        check(&other("doc", "t", Some("1767225600000"))).unwrap();
        check(&other("doc", "t", Some("1767312000000"))).unwrap_err();
        check(&other("doc", "t", None)).unwrap_err();
        check(&other("doc", "u", Some("1767225600000"))).unwrap_err();
        check(&other("else", "t", Some("1767225600000"))).unwrap_err();
    }
}
