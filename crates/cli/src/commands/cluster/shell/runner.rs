//! Runs statements one after the other in one session, and shows what they give.

use std::time::{Duration, Instant};

use clusterkeep_core::sql::{Db, Engine, Part, Session, Statement, statements};
use clusterkeep_core::{Error, ErrorClass, Result};

use crate::commands::query;
use crate::commands::reading::only_reads;
use crate::context::{Context, Target};
use crate::output::Format;

/// The first words of what may give rows.
const GIVES_ROWS: &[&str] = &[
    "select", "with", "values", "table", "show", "explain", "describe", "desc", "pragma", "fetch", "call", "check",
    "optimize", "analyze", "repair", "execute",
];

/// What runs statements.
pub(super) struct Runner<'a> {
    target: Target,
    session: Option<Box<dyn Session>>,
    may_write: bool,
    /// How rows are shown; `\format` changes it.
    pub(super) format: Format,
    /// Whether counts and times are told.
    pub(super) talks: bool,
    pub(super) context: &'a Context,
}

impl<'a> Runner<'a> {
    pub(super) fn new(target: Target, context: &'a Context, may_write: bool) -> Self {
        Self { target, session: None, may_write, format: context.printer.format(), talks: false, context }
    }

    pub(super) const fn db(&self) -> &Db {
        &self.target.db
    }

    pub(super) fn engine(&self) -> Engine {
        self.target.db.engine()
    }

    /// How the cluster is called.
    pub(super) fn name(&self) -> &str {
        &self.target.name
    }

    /// Lets go of the session: whatever it was in the middle of is stopped and rolled back.
    pub(super) fn drop_session(&mut self) {
        self.session = None;
    }

    /// Runs all statements of a text; ends at the first that fails.
    pub(super) async fn text(&mut self, text: &str) -> Result<()> {
        for part in statements(self.engine(), text) {
            self.statement(part).await?;
        }
        Ok(())
    }

    /// Runs one statement.
    pub(super) async fn statement(&mut self, part: Part<'_>) -> Result<()> {
        if !self.may_write {
            only_reads(part.text, self.engine())?;
        }
        let started = Instant::now();
        let outcome = self.ask(part).await;
        if let Err(error) = &outcome
            && ends_the_session(error)
        {
            self.drop_session();
        }
        let told = outcome.map_err(|error| query::unknown(error, &self.target.db.address()))?;
        if self.talks {
            self.context.printer.note(&format!("({told}, {})", elapsed(started.elapsed())));
        }
        Ok(())
    }

    /// Runs it, shows its rows, and says in short what came of it.
    async fn ask(&mut self, part: Part<'_>) -> Result<String> {
        let gives_rows = gives_rows(part);
        // The user typed it to be run here.
        let statement = Statement::assert_safe(part.text);
        let session = match &mut self.session {
            Some(session) => session,
            None => self.session.insert(self.target.db.session().await?),
        };
        if !gives_rows {
            return session.execute(&statement).await.map(|changed| plural(changed as usize, "row") + " changed");
        }
        let records = session.query(&statement).await?;
        if !records.columns().is_empty() {
            self.context.printer.data(&self.format.records(&records)?)?;
        }
        Ok(plural(records.len(), "row"))
    }
}

/// Whether rows may come; else what counts is how many it changes.
fn gives_rows(part: Part<'_>) -> bool {
    let mut words = part.words().map(str::to_ascii_lowercase);
    let Some(first) = words.next() else { return true };
    GIVES_ROWS.contains(&first.as_str()) || words.any(|word| word == "returning")
}

/// Whether nothing more can be asked of the session after this.
fn ends_the_session(error: &Error) -> bool {
    matches!(error, Error::Decode { .. })
        || matches!(error.class(), Some(ErrorClass::Unreachable | ErrorClass::Timeout | ErrorClass::Unavailable))
}

pub(super) fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn elapsed(time: Duration) -> String {
    if time < Duration::from_secs(10) { format!("{} ms", time.as_millis()) } else { format!("{} s", time.as_secs()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_known_to_come_or_not() {
        let gives = |text: &str| gives_rows(statements(Engine::Postgres, text)[0]);
        assert!(gives("-- all\nSELECT 1") && gives("delete from t returning a") && gives("EXPLAIN SELECT 1"));
        assert!(!gives("INSERT INTO t SELECT 1") && !gives("CREATE TABLE t (a int)") && !gives("BEGIN"));
        assert!(!gives("DELETE FROM t WHERE a = 'returning'"));
    }
}
