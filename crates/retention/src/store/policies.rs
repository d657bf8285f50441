//! Policies in the table `policies`, under the name of their manifest.
//!
//! Each row has an id that follows from what it is about, and a version that a writer must have seen. What was removed
//! stays as a row without a body, so that a version is never given twice. What the table says is untrusted: a row that
//! does not parse, breaks a rule, or whose id does not fit what it says, fails the whole manifest, by name.

use chrono::{DateTime, Utc};
use clusterkeep_core::audit::Event;
use clusterkeep_core::state::RowChange;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use super::{PolicyId, Recorded, Store, Subject, Write, instant, unreadable};
use crate::model::Manifest;

/// The policies of one manifest.
#[derive(Debug, Clone)]
pub struct PolicyStore {
    store: Store,
    manifest: String,
}

/// What is kept, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stored {
    /// Its id.
    pub id: PolicyId,
    /// The version that whoever changes it must have seen.
    pub version: u64,
    /// When it was changed last.
    pub changed_at: Option<DateTime<Utc>>,
    /// By whom.
    pub changed_by: String,
    /// What it says.
    #[serde(flatten)]
    pub subject: Subject,
}

/// A change of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Puts something in, or in the place of the version that is named.
    Put {
        /// What.
        subject: Subject,
        /// The version that it replaces; nothing is to be there where this is `None`.
        replaces: Option<u64>,
    },
    /// Takes something out.
    Remove {
        /// What.
        id: PolicyId,
        /// The version that is to be there.
        version: u64,
    },
}

const TABLE: &str = "policies";
const COLUMNS: [&str; 5] = ["id", "body", "version", "changed_at", "changed_by"];

/// A row as it stands; its body is empty where it was removed.
#[derive(Debug)]
struct Raw {
    id: String,
    body: String,
    version: u64,
    changed_at: i64,
    changed_by: String,
}

impl Store {
    /// The names of the manifests that policies are kept of.
    ///
    /// # Errors
    ///
    /// The state can't be read.
    pub async fn manifests(&self) -> Result<Vec<String>> {
        let mut query = self.sql();
        query.push("SELECT DISTINCT ").name("store").push(" FROM ").table(&self.state.table(TABLE)).push(" WHERE ");
        query.name("body").push(" <> '' ORDER BY ").name("store");
        let Some(records) = self.read(TABLE, query).await? else { return Ok(Vec::new()) };
        records.rows().map(|row| row.get("store")).collect()
    }
}

impl PolicyStore {
    pub(super) const fn of(store: Store, manifest: String) -> Self {
        Self { store, manifest }
    }

    /// Everything that is kept, in the order of what it is about.
    ///
    /// # Errors
    ///
    /// A row that can't be understood, by its id.
    pub async fn list(&self) -> Result<Vec<Stored>> {
        let rows = self.rows().await?;
        let stored = rows.into_iter().filter(|row| !row.body.is_empty()).map(|row| self.understand(row));
        let mut stored = stored.collect::<Result<Vec<_>>>()?;
        stored.sort_by_cached_key(|one| (matches!(one.subject, Subject::Policy(_)), one.subject.about()));
        Ok(stored)
    }

    /// The manifest that all of it makes; `None` where nothing is kept under this name.
    ///
    /// # Errors
    ///
    /// A row that can't be understood, or a manifest that breaks a rule.
    pub async fn manifest(&self) -> Result<Option<Manifest>> {
        let stored = self.list().await?;
        if stored.is_empty() {
            return Ok(None);
        }
        let manifest = Subject::together(&self.manifest, stored.into_iter().map(|stored| stored.subject));
        manifest.check()?;
        Ok(Some(manifest))
    }

    /// Makes all changes, or none where the database has transactions; returns the version that each has now.
    ///
    /// # Errors
    ///
    /// [`Error::Drifted`] where something has another version by now, or is there and was not to be. What would be kept
    /// then breaks a rule.
    pub async fn apply(&self, changes: &[Change], now: DateTime<Utc>) -> Result<Vec<u64>> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.rows().await?;
        if changes.iter().any(|change| matches!(change, Change::Put { .. })) {
            self.check_together(changes).await?;
        }
        let (mut steps, mut versions) = (Vec::with_capacity(changes.len()), Vec::with_capacity(changes.len()));
        for change in changes {
            let id = change.id(&self.manifest);
            let there = rows.iter().find(|row| row.id == id.as_str());
            // A row without a body is where something was: its versions go on.
            let replaces = match change {
                Change::Put { replaces: None, .. } => there.filter(|row| row.body.is_empty()).map(|row| row.version),
                Change::Put { replaces, .. } => *replaces,
                Change::Remove { version, .. } => Some(*version),
            };
            versions.push(replaces.unwrap_or(0) + 1);
            steps.push((self.write(change, &id, replaces, now)?, self.recorded(change, &id, replaces)));
        }
        match self.store.change(steps, now).await? {
            None => Ok(versions),
            Some(lost) => Err(changed_meanwhile(changes.get(lost), &self.manifest)),
        }
    }

    /// Fails where what would be kept after `changes` breaks a rule.
    async fn check_together(&self, changes: &[Change]) -> Result<()> {
        let touched: Vec<_> = changes.iter().map(|change| change.id(&self.manifest)).collect();
        let stays = self.list().await?.into_iter().filter(|stored| !touched.contains(&stored.id));
        let new = changes.iter().filter_map(|change| match change {
            Change::Put { subject, .. } => Some(subject.clone()),
            Change::Remove { .. } => None,
        });
        let whole = Subject::together(&self.manifest, stays.map(|stored| stored.subject).chain(new));
        // Tags may be there before the policies that use them.
        if whole.tables.is_empty() { Ok(()) } else { whole.check() }
    }

    fn write(&self, change: &Change, id: &PolicyId, replaces: Option<u64>, now: DateTime<Utc>) -> Result<Write> {
        let body = match change {
            Change::Put { subject, .. } => {
                serde_json::to_string(subject).map_err(|e| Error::caused("write a policy as JSON", e))?
            }
            Change::Remove { .. } => String::new(),
        };
        let (at, actor) = (now.timestamp_micros(), self.store.actor.as_str());
        if let Some(version) = replaces {
            let row = RowChange::of(TABLE).key("store", self.manifest.as_str()).key("id", id.as_str());
            let row = row.seen("version", version).set("version", version + 1).set("body", body);
            return Ok(Write::Change(row.set("changed_at", at).set("changed_by", actor)));
        }
        let mut sql = self.store.sql();
        sql.push("INSERT INTO ").table(&self.store.state.table(TABLE)).push(" (").name("store").push(", ");
        sql.join(", ", COLUMNS, |sql, name| {
            sql.name(name);
        });
        sql.push(") VALUES (").bind(self.manifest.as_str()).push(", ").bind(id.as_str()).push(", ").bind(body);
        sql.push(", 1, ").bind(at).push(", ").bind(actor).push(")");
        Ok(Write::Insert(sql.build()))
    }

    fn recorded(&self, change: &Change, id: &PolicyId, replaces: Option<u64>) -> Recorded {
        let version = replaces.unwrap_or(0) + 1;
        let (event, data) = match change {
            Change::Put { subject, .. } => (
                Event::PolicyPut,
                serde_json::json!({ "about": subject.about(), "id": id, "version": version, "body": subject }),
            ),
            Change::Remove { .. } => (Event::PolicyRemoved, serde_json::json!({ "id": id, "version": version })),
        };
        Recorded { event, subject: format!("policies:{}", self.manifest), data }
    }

    async fn rows(&self) -> Result<Vec<Raw>> {
        let mut query = self.store.sql();
        query.push("SELECT ").join(", ", COLUMNS, |sql, column| {
            sql.name(column);
        });
        query.push(" FROM ").table(&self.store.state.table(TABLE)).push(" WHERE ").name("store").push(" = ");
        query.bind(self.manifest.as_str());
        let Some(records) = self.store.read(TABLE, query).await? else { return Ok(Vec::new()) };
        let rows = records.rows().map(|row| {
            Ok(Raw {
                id: row.get("id")?,
                body: row.get("body")?,
                version: row.get("version")?,
                changed_at: row.get("changed_at")?,
                changed_by: row.get("changed_by")?,
            })
        });
        rows.collect()
    }

    fn understand(&self, row: Raw) -> Result<Stored> {
        let subject: Subject = serde_json::from_str(&row.body).map_err(|e| unreadable(TABLE, &row.id, e))?;
        if PolicyId::of(&self.manifest, &subject).as_str() != row.id {
            let what = format!("its id is not that of {} in `{}`", subject.about(), self.manifest);
            return Err(unreadable(TABLE, &row.id, what));
        }
        Ok(Stored {
            id: PolicyId::as_it_stands(row.id),
            version: row.version,
            changed_at: instant(row.changed_at)?,
            changed_by: row.changed_by,
            subject,
        })
    }

    /// The version of the row with this id or beginning of one, whatever it says: so that one that can't be understood
    /// can be taken out.
    ///
    /// # Errors
    ///
    /// No row begins so, or more than one.
    pub async fn find(&self, id: &str) -> Result<(PolicyId, u64)> {
        let begins = |row: &Raw| !row.body.is_empty() && !id.is_empty() && row.id.starts_with(id);
        let mut found = self.rows().await?.into_iter().filter(begins);
        match (found.next(), found.next()) {
            (Some(row), None) => Ok((PolicyId::as_it_stands(row.id), row.version)),
            (Some(_), Some(_)) => Err(Error::input(format!("more than one policy begins with `{id}`"))),
            (None, _) => Err(Error::input(format!("`{}` keeps no policy `{}`", self.manifest, id.escape_debug()))
                .with_hint("`clusterkeep retention policies list` shows those that there are")),
        }
    }
}

impl Change {
    fn id(&self, manifest: &str) -> PolicyId {
        match self {
            Self::Put { subject, .. } => PolicyId::of(manifest, subject),
            Self::Remove { id, .. } => id.clone(),
        }
    }
}

fn changed_meanwhile(change: Option<&Change>, manifest: &str) -> Error {
    let what = match change {
        Some(Change::Put { subject, replaces: None }) => {
            format!("`{manifest}` keeps a policy for {} already", subject.about())
        }
        Some(Change::Put { subject, replaces: Some(version) }) => {
            format!("what `{manifest}` keeps for {} is no longer of version {version}", subject.about())
        }
        Some(Change::Remove { id, version }) => {
            format!("what `{manifest}` keeps as {} is no longer of version {version}", id.short())
        }
        None => format!("`{manifest}` was changed meanwhile"),
    };
    let hint = Some("somebody was faster; look at it with `clusterkeep retention policies show`, and try again".into());
    Error::Drifted { what, hint }
}
