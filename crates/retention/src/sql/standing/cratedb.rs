//! What CrateDB says of copies, segments, nodes and repositories. Reads only.

use std::collections::BTreeMap;
use std::time::Duration;

use clusterkeep_core::sql::{Engine, Row, Session, SqlBuilder, TableName, Value, sql};
use clusterkeep_core::{Error, Result, hex};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::observe::{Node, Repository, Standing};

/// How long the server may take to tell of itself: what asks again and again must not hang on one answer.
pub(crate) const LOOK: Duration = Duration::from_secs(60);

/// Appends the condition that a row is about `table`.
fn push_about(query: &mut SqlBuilder, schema: &'static str, name: &'static str, table: &TableName) {
    query.push(" WHERE ").push(name).push(" = ").bind(table.name.as_str()).push(" AND ").push(schema).push(" = ");
    match &table.schema {
        Some(schema) => query.bind(schema.as_str()),
        None => query.push("current_schema"),
    };
}

fn push_ident(query: &mut SqlBuilder, ident: Option<&str>) {
    if let Some(ident) = ident {
        query.push(" AND partition_ident = ").bind(ident);
    }
}

/// The partitions of `table` as they are kept, by ident; only one where it is named.
pub(crate) async fn of_partitions(
    session: &mut dyn Session,
    table: &TableName,
    ident: Option<&str>,
) -> Result<BTreeMap<String, Standing>> {
    let mut query = SqlBuilder::new(Engine::Cratedb);
    query.push("SELECT partition_ident AS ident, number_of_replicas AS replicas, settings FROM ");
    query.push("information_schema.table_partitions");
    push_about(&mut query, "table_schema", "table_name", table);
    push_ident(&mut query, ident);
    let mut all = BTreeMap::new();
    for row in session.query(&query.build().timeout(LOOK)).await?.rows() {
        let settings = json(row, "settings")?;
        let standing = Standing {
            replicas: row.get("replicas")?,
            require: texts(&settings["routing"]["allocation"]["require"]),
            ..Standing::default()
        };
        all.insert(row.get("ident")?, standing);
    }
    shards(session, table, ident, &mut all).await?;
    segments(session, table, ident, &mut all).await?;
    Ok(all)
}

/// How many shards a partition was made with.
pub(crate) async fn shards_of(session: &mut dyn Session, table: &TableName, ident: &str) -> Result<u64> {
    let mut query = SqlBuilder::new(Engine::Cratedb);
    query.push("SELECT number_of_shards AS shards FROM information_schema.table_partitions");
    push_about(&mut query, "table_schema", "table_name", table);
    push_ident(&mut query, Some(ident));
    session.query(&query.build().timeout(LOOK)).await?.scalar()
}

async fn shards(
    session: &mut dyn Session,
    table: &TableName,
    ident: Option<&str>,
    all: &mut BTreeMap<String, Standing>,
) -> Result<()> {
    let mut query = SqlBuilder::new(Engine::Cratedb);
    query.push(
        "SELECT partition_ident AS ident, id, \"primary\" AS is_first, routing_state AS state, node['name'] AS node, ",
    );
    query.push("size, path, seq_no_stats['max_seq_no'] AS written FROM sys.shards");
    push_about(&mut query, "schema_name", "table_name", table);
    push_ident(&mut query, ident);
    query.push(" AND orphan_partition = FALSE ORDER BY 1, 2");
    let found = session.query(&query.build().timeout(LOOK)).await?;
    let mut written: BTreeMap<String, Option<Vec<String>>> = BTreeMap::new();
    for row in found.rows() {
        let ident: String = row.get("ident")?;
        let Some(standing) = all.get_mut(&ident) else { continue };
        let (first, state): (bool, String) = (row.get("is_first")?, row.get("state")?);
        if let Some(node) = row.get::<Option<String>>("node")? {
            standing.copies.push((node, row.get::<Option<u64>>("size")?.unwrap_or(0)));
        }
        // A further copy that no node takes is missing, but it is not on the way to anywhere.
        if state != "STARTED" && (first || state != "UNASSIGNED") {
            standing.unsettled += 1;
        }
        if first {
            // While it moves it is listed twice, and the one that is not there yet tells nothing.
            let one = primary(row)?.filter(|_| state != "INITIALIZING");
            let parts = written.entry(ident).or_insert_with(|| Some(Vec::new()));
            match (parts.as_mut(), one) {
                (Some(parts), Some(one)) => parts.push(one),
                _ if state == "INITIALIZING" => {}
                _ => *parts = None,
            }
        }
    }
    for (ident, parts) in written {
        if let (Some(standing), Some(mut parts)) = (all.get_mut(&ident), parts) {
            parts.sort_unstable();
            parts.dedup();
            standing.content = Some(digest(&parts));
        }
    }
    Ok(())
}

/// What tells one state of a shard from every other: the server's own id of the index that it is part of, which a
/// partition that is made again does not have, and the number of the last operation, which each write moves on.
fn primary(row: &Row) -> Result<Option<String>> {
    let (id, written): (i64, Option<i64>) = (row.get("id")?, row.get("written")?);
    let path: Option<String> = row.get("path")?;
    // `<data>/nodes/0/indices/<id of the index>/<shard>`, with whatever separator the server's system has.
    let index = path.as_deref().and_then(|path| path.rsplit(['/', '\\']).nth(1));
    Ok(index.zip(written).map(|(index, written)| format!("{index}/{id}:{written}")))
}

fn digest(parts: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update(b"\n");
    }
    hex::digits(hash.finalize().iter().take(16))
}

async fn segments(
    session: &mut dyn Session,
    table: &TableName,
    ident: Option<&str>,
    all: &mut BTreeMap<String, Standing>,
) -> Result<()> {
    let mut query = SqlBuilder::new(Engine::Cratedb);
    query.push("SELECT partition_ident AS ident, shard_id, node['id'] AS node, count(*) AS segments FROM sys.segments");
    push_about(&mut query, "table_schema", "table_name", table);
    push_ident(&mut query, ident);
    query.push(" AND search = TRUE GROUP BY 1, 2, 3");
    for standing in all.values_mut() {
        standing.segments = Some(0);
    }
    for row in session.query(&query.build().timeout(LOOK)).await?.rows() {
        let ident: String = row.get("ident")?;
        let segments: u64 = row.get("segments")?;
        if let Some(standing) = all.get_mut(&ident) {
            standing.segments = standing.segments.max(Some(segments));
        }
    }
    Ok(())
}

/// The nodes that hold data, with the room that the server itself would still use.
pub(crate) async fn nodes(session: &mut dyn Session) -> Result<Vec<Node>> {
    let disk = sql("SELECT settings['cluster']['routing']['allocation']['disk'] AS disk FROM sys.cluster");
    let found = session.query(&disk.timeout(LOOK)).await?;
    let disk = found.first().map(|row| json(row, "disk")).transpose()?.unwrap_or_default();
    let reserve = reserve(&disk);
    let found = session
        .query(&sql("SELECT name, attributes, fs['total'] AS fs FROM sys.nodes ORDER BY 1").timeout(LOOK))
        .await?;
    let node = |row: &Row| {
        let (attributes, fs) = (json(row, "attributes")?, json(row, "fs")?);
        let (size, available) = (fs["size"].as_u64(), fs["available"].as_u64());
        let room = size.zip(available).map(|(size, available)| available.saturating_sub(reserve.of(size)));
        Ok(Node { name: row.get("name")?, attributes: texts(&attributes), room })
    };
    found.rows().map(node).collect()
}

/// What the server keeps free on each disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reserve {
    Nothing,
    /// So many hundredths of a percent.
    Share(u64),
    Bytes(u64),
}

impl Reserve {
    fn of(self, size: u64) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Share(share) => u64::try_from(u128::from(size) * u128::from(share) / 10_000).unwrap_or(u64::MAX),
            Self::Bytes(bytes) => bytes,
        }
    }
}

fn reserve(disk: &Json) -> Reserve {
    let enabled = match &disk["threshold_enabled"] {
        Json::Bool(enabled) => *enabled,
        Json::String(text) => text != "false",
        _ => true,
    };
    if !enabled {
        return Reserve::Nothing;
    }
    let low = disk["watermark"]["low"].as_str().unwrap_or("85%").trim().to_ascii_lowercase();
    if let Some(used) = low.strip_suffix('%').and_then(|used| used.parse::<f64>().ok()) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 10,000")]
        return Reserve::Share(((100.0 - used.clamp(0.0, 100.0)) * 100.0) as u64);
    }
    let units = [("kb", 10), ("mb", 20), ("gb", 30), ("tb", 40), ("pb", 50), ("b", 0)];
    let bytes = units.iter().find_map(|(unit, shift)| {
        low.strip_suffix(unit).and_then(|number| number.trim().parse::<u64>().ok()).map(|number| number << shift)
    });
    bytes.map_or(Reserve::Share(1_500), Reserve::Bytes)
}

/// The repositories for snapshots.
pub(crate) async fn repositories(session: &mut dyn Session) -> Result<Vec<Repository>> {
    let found =
        session.query(&sql("SELECT name, type, settings FROM sys.repositories ORDER BY 1").timeout(LOOK)).await?;
    let repository = |row: &Row| {
        let (settings, kind): (Json, String) = (json(row, "settings")?, row.get("type")?);
        let read_only = kind == "url" || settings["readonly"] == true || settings["readonly"] == "true";
        Ok(Repository { name: row.get("name")?, kind, read_only })
    };
    found.rows().map(repository).collect()
}

/// A value of the dynamic kind; nothing where it is NULL.
pub(crate) fn json(row: &Row, column: &'static str) -> Result<Json> {
    match row.value(column)? {
        Value::Json(json) => Ok(json.clone()),
        Value::Null => Ok(Json::Null),
        other => Err(Error::failed(format!("read `{column}` of the server's own tables from {other}"))),
    }
}

fn texts(object: &Json) -> BTreeMap<String, String> {
    let text = |(key, value): (&String, &Json)| match value {
        Json::String(text) => Some((key.clone(), text.clone())),
        Json::Null => None,
        other => Some((key.clone(), other.to_string())),
    };
    object.as_object().into_iter().flatten().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_free_is_what_the_server_keeps_free() {
        let low = |low: &str| reserve(&json!({ "threshold_enabled": true, "watermark": { "low": low } }));
        assert_eq!((low("85%"), low("99.5%")), (Reserve::Share(1_500), Reserve::Share(50)));
        assert_eq!((low("500mb"), low("1gb")), (Reserve::Bytes(500 << 20), Reserve::Bytes(1 << 30)));
        assert_eq!(reserve(&json!({ "threshold_enabled": false })), Reserve::Nothing);
        assert_eq!(low("85%").of(1_000), 150);
    }
}
