//! The statements that change how partitions of CrateDB are kept.

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, Ident, SqlBuilder, Statement, TableName};

use super::cratedb::push_partition;
use crate::observe::PartitionKey;

/// Sets how many copies a partition has beside the first one.
pub(crate) fn set_replicas(table: &TableName, key: &PartitionKey, replicas: &str) -> Statement {
    let mut sql = alter(table, key);
    sql.push(" SET (number_of_replicas = ").bind(replicas).push(")");
    sql.build()
}

/// Has nodes that hold a partition have these attributes.
pub(crate) fn require<'a>(
    table: &TableName,
    key: &PartitionKey,
    wanted: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Statement> {
    let mut sql = alter(table, key);
    let wanted: Vec<(Ident, &str)> =
        wanted.into_iter().map(|(attribute, value)| Ok((setting(attribute)?, value))).collect::<Result<_>>()?;
    sql.push(" SET (").join(", ", &wanted, |sql, (setting, value)| {
        sql.ident(setting).push(" = ").bind(*value);
    });
    sql.push(")");
    Ok(sql.build())
}

/// Has nodes that hold a partition no longer need these attributes.
pub(crate) fn no_longer_require<'a>(
    table: &TableName,
    key: &PartitionKey,
    attributes: impl IntoIterator<Item = &'a str>,
) -> Result<Statement> {
    let mut sql = alter(table, key);
    let settings: Vec<Ident> = attributes.into_iter().map(setting).collect::<Result<_>>()?;
    sql.push(" RESET (").join(", ", &settings, |sql, setting| {
        sql.ident(setting);
    });
    sql.push(")");
    Ok(sql.build())
}

fn setting(attribute: &str) -> Result<Ident> {
    Ident::new(format!("routing.allocation.require.{attribute}"))
}

/// Merges the segments of a partition into one for each copy of a shard.
pub(crate) fn merge(table: &TableName, key: &PartitionKey) -> Statement {
    let mut sql = SqlBuilder::new(Engine::Cratedb);
    sql.push("OPTIMIZE TABLE ").table(table);
    push_partition(&mut sql, key);
    sql.push(" WITH (max_num_segments = 1, flush = true)");
    sql.build()
}

fn alter(table: &TableName, key: &PartitionKey) -> SqlBuilder {
    let mut sql = SqlBuilder::new(Engine::Cratedb);
    sql.push("ALTER TABLE ").table(table);
    push_partition(&mut sql, key);
    sql
}

#[cfg(test)]
mod tests {
    use clusterkeep_core::sql::Value;

    use super::*;

    #[test]
    fn case_25_names_and_values_stay_what_they_are() {
        let table = TableName::bare(Ident::new("t\"; DROP TABLE x; --").unwrap());
        let values = vec![(Ident::new("a\"b").unwrap(), Value::Int(1)), (Ident::literal("c"), Value::Null)];
        let key = PartitionKey { ident: "1".into(), values };
        let text = require(&table, &key, [("storage", "x'); DROP")]).unwrap().text().to_owned();
        assert_eq!(
            text,
            r#"ALTER TABLE "t""; DROP TABLE x; --" PARTITION ("a""b" = ?, "c" = ?) SET ("routing.allocation.require.storage" = ?)"#
        );
        let text = no_longer_require(&table, &key, ["a", "b"]).unwrap().text().to_owned();
        assert!(text.ends_with(r#" RESET ("routing.allocation.require.a", "routing.allocation.require.b")"#), "{text}");
    }
}
