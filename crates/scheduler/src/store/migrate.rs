//! How the tables of an older version become today's.
//!
//! Migrations are numbered and go forward only: a program never opens what a later one has written.

use clusterkeep_core::sql::{Db, Session, sql};
use clusterkeep_core::{Error, Result};

/// The statements about the table of versions, and each version's own. What was released is never changed; what changes is
/// appended.
#[derive(Debug)]
pub(super) struct Migrations {
    pub(super) create: &'static str,
    pub(super) version: &'static str,
    pub(super) record: &'static str,
    pub(super) steps: &'static [&'static [&'static str]],
}

impl Migrations {
    /// Makes what is missing in the session's transaction.
    pub(super) async fn run(&self, db: &Db, session: &mut dyn Session) -> Result<()> {
        session.execute(&sql(self.create)).await?;
        let version: i64 = session.query(&sql(self.version)).await?.scalar()?;
        let done = usize::try_from(version).unwrap_or_default();
        let missing = self.steps.get(done..).ok_or_else(|| {
            Error::input(format!(
                "the schedules in {} are of version {version}, this program knows up to {}",
                db.address(),
                self.steps.len()
            ))
            .with_hint("use the version of this program that wrote them, or a later one")
        })?;
        for (number, statements) in (version + 1..).zip(missing) {
            for statement in *statements {
                session.execute(&sql(statement)).await?;
            }
            session.execute(&sql(self.record).bind(number)).await?;
        }
        Ok(())
    }
}
