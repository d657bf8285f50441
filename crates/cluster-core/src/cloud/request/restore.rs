//! What of a snapshot is brought back.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::{Error, Result};

/// What of a snapshot is brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreWhat {
    /// These tables; all of them where none is named. None of them may be there.
    Tables(Vec<String>),
    /// Everything.
    All,
    /// Views, users, privileges, analyzers and functions, and no table.
    Metadata,
    /// These sections: `tables`, `views`, `users`, `privileges`, `analyzers`, `udfs`.
    Sections(Vec<String>),
}

/// A snapshot that is to be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restore {
    /// The repository that it is in.
    pub repository: String,
    /// Its name.
    pub snapshot: String,
    /// What of it is brought back.
    pub what: RestoreWhat,
    /// The cluster that it is of, where that is another one of the same organization and region.
    pub source: Option<Uuid>,
}

/// The sections that a snapshot has.
const SECTIONS: [&str; 6] = ["tables", "views", "users", "privileges", "analyzers", "udfs"];

impl Restore {
    /// All tables of `snapshot` in `repository`.
    #[must_use]
    pub fn new(repository: impl Into<String>, snapshot: impl Into<String>) -> Self {
        let what = RestoreWhat::Tables(Vec::new());
        Self { repository: repository.into(), snapshot: snapshot.into(), what, source: None }
    }

    /// Sets what of it is brought back.
    #[must_use]
    pub fn what(mut self, what: RestoreWhat) -> Self {
        self.what = what;
        self
    }

    /// Takes the snapshot of another cluster.
    #[must_use]
    pub const fn of_cluster(mut self, cluster: Uuid) -> Self {
        self.source = Some(cluster);
        self
    }

    pub(in crate::cloud) fn check(&self) -> Result<()> {
        for (what, text) in [("repository", &self.repository), ("snapshot", &self.snapshot)] {
            let well_formed = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
            if !well_formed || text.len() > 512 {
                return Err(Error::input(format!("`{}` is no name of a {what}", text.escape_debug()))
                    .with_hint("`clusterkeep cluster snapshots` shows them"));
            }
        }
        match &self.what {
            RestoreWhat::Tables(tables) if tables.iter().any(String::is_empty) => {
                Err(Error::input("a table to restore has no name"))
            }
            RestoreWhat::Sections(sections) => match sections.iter().find(|one| !SECTIONS.contains(&one.as_str())) {
                Some(one) => Err(Error::input(format!("a snapshot has no section `{}`", one.escape_debug()))
                    .with_hint(format!("it has {}", SECTIONS.join(", ")))),
                None if sections.is_empty() => Err(Error::input("no section to restore is named")),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// As the API takes it.
    pub(in crate::cloud) fn to_json(&self) -> Value {
        let mut body = json!({ "repository": self.repository, "snapshot": self.snapshot });
        body["type"] = json!(match &self.what {
            RestoreWhat::Tables(_) => "tables",
            RestoreWhat::All => "all",
            RestoreWhat::Metadata => "metadata",
            RestoreWhat::Sections(_) => "sections",
        });
        match &self.what {
            RestoreWhat::Tables(tables) if !tables.is_empty() => body["tables"] = json!(tables),
            RestoreWhat::Sections(sections) => body["sections"] = json!(sections),
            _ => {}
        }
        if let Some(source) = self.source {
            body["source_cluster_id"] = json!(source);
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_says_what_it_brings_back() {
        let restore = Restore::new("system_backup_1", "2");
        assert_eq!(restore.to_json(), json!({"repository": "system_backup_1", "snapshot": "2", "type": "tables"}));
        let views = restore.clone().what(RestoreWhat::Sections(vec!["views".into()]));
        views.check().unwrap();
        assert_eq!(views.to_json()["sections"], json!(["views"]));
        for bad in [
            Restore::new("", "2"),
            Restore::new("a/b", "2"),
            restore.clone().what(RestoreWhat::Sections(vec!["roles".into()])),
            restore.clone().what(RestoreWhat::Tables(vec![String::new()])),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
