//! What is there on both sides: tables, the publication and the subscription.

use super::super::catalogue;
use super::super::inventory::Kind;
use super::{Replication, lag};
use crate::error::Result;
use crate::sql::{Ident, Session, TableName, sql};

/// The publication of the name that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its tables, as `schema.table`, in order.
    pub tables: Vec<String>,
}

/// The subscription of the name that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// The publications that it follows, in order.
    pub publications: Vec<String>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Its name, the same on both sides.
    pub table: TableName,
    /// What it is at the source.
    pub kind: Kind,
    /// Its rows at the source.
    pub rows: u64,
    /// Its rows at the target, where there is one.
    pub target_rows: Option<u64>,
    /// By how many operations the target is behind, where it follows.
    pub behind: Option<u64>,
}

/// What is there on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The name that is asked for.
    pub name: Ident,
    /// The source's address and version.
    pub source: (String, String),
    /// The target's address and version.
    pub target: (String, String),
    /// The publication of that name, where there is one.
    pub publication: Option<Published>,
    /// The subscription of that name, where there is one.
    pub subscription: Option<Subscribed>,
    /// The tables, in the order of their names.
    pub tables: Vec<Followed>,
}

/// How the catalogue of publications writes a table.
pub(super) fn raw(table: &TableName) -> String {
    let schema = table.schema.as_ref().map_or("doc", Ident::as_str);
    format!("{schema}.{}", table.name.as_str())
}

impl Replication {
    /// Reads what is there on both sides; of tables those that are asked for, or, for the end, those that are published.
    pub(super) async fn observe(&self, ends: bool) -> Result<Inventory> {
        let (mut source, mut target) = (self.source.session().await?, self.target.session().await?);
        let publication = publication(&mut *source, &self.name).await?;
        let subscription = subscription(&mut *target, &self.name).await?;
        let mut tables = Vec::new();
        if ends {
            for row in &lag::published(&mut *source, &self.name).await? {
                tables.push((row.clone(), Kind::Table));
            }
        } else {
            let found = catalogue::select(&self.source, &self.tables).await?;
            tables.extend(found.into_iter().map(|one| (one.table, one.kind)));
        }
        let mut followed = Vec::with_capacity(tables.len());
        for (table, kind) in tables {
            let rows = match kind {
                Kind::Table => catalogue::count(&mut *source, &table).await?,
                Kind::Other(_) => 0,
            };
            let there = catalogue::describe(&mut *target, &table).await?;
            let target_rows = match there {
                Some(_) => Some(catalogue::count(&mut *target, &table).await?),
                None => None,
            };
            let behind = match (ends, target_rows) {
                (true, Some(_)) => lag::behind(&mut *source, &mut *target, &table).await?,
                _ => None,
            };
            followed.push(Followed { table, kind, rows, target_rows, behind });
        }
        let (at_source, at_target) = (self.source.server().await?.version, self.target.server().await?.version);
        Ok(Inventory {
            name: self.name.clone(),
            source: (self.source.address(), at_source),
            target: (self.target.address(), at_target),
            publication,
            subscription,
            tables: followed,
        })
    }
}

pub(super) async fn publication(source: &mut dyn Session, name: &Ident) -> Result<Option<Published>> {
    let found = sql("SELECT pubname FROM pg_catalog.pg_publication WHERE pubname = ?").bind(name.as_str());
    if source.query(&found).await?.is_empty() {
        return Ok(None);
    }
    let mut tables: Vec<String> = lag::published(source, name).await?.iter().map(raw).collect();
    tables.sort();
    Ok(Some(Published { tables }))
}

pub(super) async fn subscription(target: &mut dyn Session, name: &Ident) -> Result<Option<Subscribed>> {
    let found = sql("SELECT subpublications FROM pg_catalog.pg_subscription WHERE subname = ?").bind(name.as_str());
    let found = target.query(&found).await?;
    let Some(row) = found.first() else { return Ok(None) };
    let mut publications: Vec<String> = row.get("subpublications")?;
    publications.sort();
    Ok(Some(Subscribed { publications }))
}
