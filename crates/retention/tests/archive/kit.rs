//! A table with a little of everything, and places for its archives.

use std::path::{Path, PathBuf};

use clusterkeep_core::Error;
use clusterkeep_core::sql::{Db, Engine, Ident, SqlBuilder, TableName, Value};
use clusterkeep_retention::archive::{Archived, Context, Location, Part, export};
use clusterkeep_testkit::conformance::Subject;
use tempfile::TempDir;

/// An error with all its causes and its hint, as a user could get to see it.
pub(crate) fn shown(error: &Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    format!("{}; {}", causes.join(": "), error.hint().unwrap_or_default())
}

/// What must have gone well.
pub(crate) trait Good<T> {
    /// The result, or the end of the test with all that the error says.
    #[track_caller]
    fn good(self, what: &str) -> T;
}

impl<T> Good<T> for clusterkeep_core::Result<T> {
    fn good(self, what: &str) -> T {
        self.unwrap_or_else(|error| panic!("{what}: {}", shown(&error)))
    }
}

/// A folder for archives.
pub(crate) struct Folder {
    pub(crate) location: Location,
    pub(crate) directory: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let location = directory.path().join("cold").to_str().unwrap().parse().unwrap();
        Self { location, directory }
    }

    /// All files, by their paths in order.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.directory.path().join("cold"), &mut found);
        found.sort();
        found
    }

    /// The only file whose name ends so.
    pub(crate) fn only(&self, suffix: &str) -> PathBuf {
        let found: Vec<_> = self.files().into_iter().filter(|path| path.to_str().unwrap().ends_with(suffix)).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

pub(crate) fn context() -> Context {
    Context::at("2026-11-20T12:00:00Z".parse().unwrap()).plan("5f1c0ffee")
}

/// A SQLite database in a file of its own.
pub(crate) async fn sqlite() -> (Subject, Db) {
    let subject = Subject::new(Engine::Sqlite).await.unwrap();
    let db = subject.connect().await;
    (subject, db)
}

pub(crate) fn name(text: &str) -> TableName {
    text.parse().unwrap()
}

/// Makes a table of numbers and texts, of rows `first` until `end`.
pub(crate) async fn numbers(db: &Db, table: &TableName, range: std::ops::Range<i64>) {
    let mut create = SqlBuilder::new(db.engine());
    create.push("CREATE TABLE ").table(table).push(" (at BIGINT NOT NULL, note TEXT)");
    db.execute(create.build()).await.unwrap();
    add(db, table, range).await;
}

/// Adds rows.
pub(crate) async fn add(db: &Db, table: &TableName, range: std::ops::Range<i64>) {
    let mut insert = SqlBuilder::new(db.engine());
    insert.push("INSERT INTO ").table(table).push(" (at, note) VALUES (?, ?)");
    let note = |at: i64| if at % 7 == 0 { Value::Null } else { format!("row {at}, naïve 🦀").into() };
    let rows: Vec<_> = range.map(|at| vec![at.into(), note(at)]).collect();
    db.session().await.unwrap().execute_many(&insert.build(), &rows).await.unwrap();
}

/// Removes rows.
pub(crate) async fn clear(db: &Db, table: &TableName, range: std::ops::Range<i64>) {
    let mut delete = SqlBuilder::new(db.engine());
    delete.push("DELETE FROM ").table(table).push(" WHERE at >= ").bind(range.start).push(" AND at < ").bind(range.end);
    db.execute(delete.build()).await.unwrap();
}

/// All rows in order.
pub(crate) async fn rows(db: &Db, table: &TableName, by: &'static str) -> Vec<Vec<Value>> {
    let mut query = SqlBuilder::new(db.engine());
    query.push("SELECT * FROM ").table(table).push(" ORDER BY ").ident(&Ident::literal(by));
    db.query(query.build()).await.unwrap().into_iter().map(clusterkeep_core::sql::Row::into_values).collect()
}

pub(crate) async fn exported(location: &Location, db: &Db, part: &Part) -> Archived {
    export(location, db, part, &context()).await.good("an export")
}
