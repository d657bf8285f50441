//! The statements that remove, and what a plan shows of them.
//!
//! What is shown is made by what is executed; it is for people to read, and never executed from there.

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Plan, Step};
use clusterkeep_core::sql::{SqlBuilder, Statement, TableName};

use super::SourceSql;
use crate::plan::{Action, Domain, Part};

impl SourceSql {
    /// Deletes the rows of `[from, until)`.
    pub(crate) fn deletion(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> SqlBuilder {
        let mut delete = SqlBuilder::new(self.engine);
        delete.push("DELETE FROM ").table(&self.table);
        self.between(&mut delete, from, until);
        delete
    }

    /// Drops partitions that are tables of their own.
    pub(crate) fn drop_tables(&self, partitions: &[&TableName]) -> Statement {
        let mut drop = SqlBuilder::new(self.engine);
        drop.push("DROP TABLE ").join(", ", partitions, |drop, partition| {
            drop.table(partition);
        });
        drop.build()
    }

    /// What `step` executes to remove something; `None` where it removes nothing, or where that is settled only then: by
    /// which table a partition is detached from, and by which rows are late.
    fn removals(&self, step: &Step<Domain>) -> Option<Vec<Statement>> {
        match &step.action {
            Action::DeleteSlices { .. } => {
                let spans = step.objects.iter().filter_map(|object| match object.part {
                    Part::Slice { start, end } => Some((start, end)),
                    Part::Whole | Part::Partition(_) | Part::Archive(_) => None,
                });
                Some(spans.map(|(from, until)| self.deletion(from, until).build()).collect())
            }
            Action::DropPartition { partition, .. } => Some(vec![self.drop_tables(&[partition])]),
            Action::DropPartitions { table } => self.drop_partitions(table, step).map(|statement| vec![statement]),
            Action::Downsample(_)
            | Action::DetachPartition { .. }
            | Action::MergeLate { .. }
            | Action::RemoveArchive { .. }
            | Action::Change { .. } => None,
        }
    }

    #[cfg_attr(
        not(any(feature = "mysql", feature = "cratedb")),
        expect(unused_variables, clippy::unused_self, reason = "only some engines drop several by one statement")
    )]
    fn drop_partitions(&self, table: &TableName, step: &Step<Domain>) -> Option<Statement> {
        #[cfg(any(feature = "mysql", feature = "cratedb"))]
        {
            use crate::observe::PartitionId;
            use clusterkeep_core::sql::Engine;
            let ids = step.objects.iter().filter_map(|object| match &object.part {
                Part::Partition(id) => Some(id),
                Part::Whole | Part::Slice { .. } | Part::Archive(_) => None,
            });
            match self.engine {
                #[cfg(feature = "mysql")]
                Engine::Mysql => {
                    let names = ids.filter_map(|id| match id {
                        PartitionId::Name(name) => Some(&**name),
                        _ => None,
                    });
                    Some(super::mysql::drop_partitions(table, &names.collect::<Vec<_>>()))
                }
                #[cfg(feature = "cratedb")]
                Engine::Cratedb => {
                    let keys = ids.filter_map(|id| match id {
                        PartitionId::Key(key) => Some(&**key),
                        _ => None,
                    });
                    Some(super::cratedb::drop_partitions(table, &keys.collect::<Vec<_>>()))
                }
                _ => None,
            }
        }
        #[cfg(not(any(feature = "mysql", feature = "cratedb")))]
        None
    }
}

/// Has each step of `plan` say what it will execute to remove something.
pub(crate) fn show_removals(plan: &mut Plan<Domain>, sources: &[SourceSql]) {
    for step in &mut plan.steps {
        let Some(table) = step.action.removes_from() else { continue };
        let Some(source) = sources.iter().find(|source| source.table == *table) else { continue };
        step.sql = source.removals(step).map(|statements| {
            statements.iter().map(|statement| statement.shown(source.engine)).collect::<Vec<_>>().join(";\n")
        });
    }
}
