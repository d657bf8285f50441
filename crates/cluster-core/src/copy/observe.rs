//! Reading what is there on both sides.

use std::collections::BTreeMap;

use super::TableCopy;
use super::catalogue;
use super::history::{self, Recorded};
use super::inventory::{Inventory, Kind, Place, Source, Target, Verified};
use super::plan::staging;
use crate::error::Result;
use crate::sql::{Db, Engine, Session, TableName};

impl TableCopy {
    /// Reads what is there on both sides.
    pub(super) async fn observe(&self) -> Result<Inventory> {
        self.request.check()?;
        let recorded = history::read(&*self.audit_sink()?, &self.subject(), self.clock.now()).await?;
        let relations = catalogue::select(&self.source, &self.request.tables).await?;
        let (mut source, mut target) = (self.source.session().await?, self.target.session().await?);
        let mut tables = Vec::with_capacity(relations.len());
        for relation in relations {
            let into = self.name_at_target(&mut *target, &relation.table).await?;
            tables.push(self.look(&mut *source, &mut *target, relation.table, into, &recorded).await?);
        }
        Ok(Inventory { source: place(&self.source), target: place(&self.target), tables })
    }

    async fn name_at_target(&self, target: &mut dyn Session, table: &TableName) -> Result<TableName> {
        if let Some(schema) = &self.request.into_schema {
            return Ok(TableName::within(schema.clone(), table.name.clone()));
        }
        // Schemas mean the same on both sides where the engine is the same and has them; MySQL's are whole databases.
        let keeps = matches!(target.engine(), Engine::Postgres | Engine::Cratedb);
        if keeps && self.source.engine() == target.engine() {
            return Ok(table.clone());
        }
        if target.engine() == Engine::Cratedb {
            return Ok(TableName::within(catalogue::current_schema(target).await?, table.name.clone()));
        }
        Ok(TableName::bare(table.name.clone()))
    }

    async fn look(
        &self,
        source: &mut dyn Session,
        target: &mut dyn Session,
        table: TableName,
        into: TableName,
        recorded: &BTreeMap<String, Recorded>,
    ) -> Result<Source> {
        let described = catalogue::describe(source, &table).await?.ok_or_else(|| gone(&table))?;
        let rows = match described.kind {
            Kind::Table => catalogue::count(source, &table).await?,
            Kind::Other(_) => 0,
        };
        let there = catalogue::describe(target, &into).await?;
        let there = match there {
            Some(there) => {
                let is_table = there.kind == Kind::Table;
                let rows = if is_table { catalogue::count(target, &into).await? } else { 0 };
                Some(Target {
                    kind: there.kind,
                    columns: there.columns,
                    rows,
                    definition: there.definition,
                    granted: there.granted,
                    without_transactions: there.without_transactions,
                    references: there.references,
                })
            }
            None => None,
        };
        let half = staging(&into).filter(|_| target.engine() == Engine::Cratedb);
        let left_over = match half {
            Some(half) => catalogue::describe(target, &half).await?.is_some(),
            None => false,
        };
        let verified = match recorded.get(&into.to_string()) {
            Some(Recorded::Done(verified)) => Some(*verified),
            Some(Recorded::Begun(at)) => Some(Verified { at: *at, rows }),
            Some(Recorded::Failed) | None => None,
        };
        let definition = described.definition.filter(|_| target.engine() == Engine::Cratedb);
        Ok(Source {
            table,
            kind: described.kind,
            columns: described.columns,
            rows,
            definition,
            into,
            target: there,
            left_over,
            verified,
        })
    }
}

pub(super) fn gone(table: &TableName) -> crate::Error {
    crate::Error::Drifted { what: format!("table `{table}` is not there any more"), hint: None }
}

fn place(db: &Db) -> Place {
    Place { engine: db.engine(), address: db.address() }
}
