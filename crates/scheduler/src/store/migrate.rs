//! How the tables of an older version become today's.
//!
//! Migrations are numbered and go forward only: a program never opens what a later one has written.

use clusterkeep_core::sql::{Db, Session, sql};
use clusterkeep_core::{Error, Result};

/// The statements about the table of versions, and each version's own. What was released is never changed; what changes is
/// appended.
#[derive(Debug)]
pub(super) struct Migrations {
    /// Counts the tables of versions that there are: one, or none.
    pub(super) found: &'static str,
    pub(super) create: &'static str,
    pub(super) version: &'static str,
    pub(super) record: &'static str,
    pub(super) steps: &'static [&'static [&'static str]],
}

/// What there is of a store's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tables {
    None,
    /// Of an earlier version.
    Older,
    Current,
}

impl Migrations {
    /// Looks what is there, and writes nothing.
    pub(super) async fn look(&self, db: &Db) -> Result<Tables> {
        let mut session = db.session().await?;
        if session.query(&sql(self.found)).await?.scalar::<i64>()? == 0 {
            return Ok(Tables::None);
        }
        let version: i64 = session.query(&sql(self.version)).await?.scalar()?;
        Ok(if self.missing(db, version)?.is_empty() { Tables::Current } else { Tables::Older })
    }

    /// The steps that a store of this version has not taken yet.
    fn missing(&self, db: &Db, version: i64) -> Result<&'static [&'static [&'static str]]> {
        let done = usize::try_from(version).unwrap_or_default();
        self.steps.get(done..).ok_or_else(|| {
            Error::input(format!(
                "the schedules in {} are of version {version}, this program knows up to {}",
                db.address(),
                self.steps.len()
            ))
            .with_hint("use the version of this program that wrote them, or a later one")
        })
    }

    /// Makes what is missing in the session's transaction.
    pub(super) async fn run(&self, db: &Db, session: &mut dyn Session) -> Result<()> {
        session.execute(&sql(self.create)).await?;
        let version: i64 = session.query(&sql(self.version)).await?.scalar()?;
        let missing = self.missing(db, version)?;
        for (number, statements) in (version + 1..).zip(missing) {
            for statement in *statements {
                session.execute(&sql(statement)).await?;
            }
            session.execute(&sql(self.record).bind(number)).await?;
        }
        Ok(())
    }
}
