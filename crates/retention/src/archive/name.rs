//! What archives are called: for any name of a table, on any store.
//!
//! `FOLDER/STEM.0001`: the folder is of the table, the stem of the part of it, and the number counts archives of the same
//! part whose rows differ. Folder and stem are as much of the names as every store takes (lower-case letters, digits,
//! `_`), for people, and a hash of all that tells one from another, for no two may meet: `a.b`.`c` and `a`.`b.c`, `T` and
//! `t`. Beside the manifest, `FOLDER/STEM.0001.json`, lies the file, `FOLDER/STEM.0001.ATTEMPT.parquet`; each attempt has
//! its own, so that what a late one writes is never taken for another's.

use clusterkeep_core::sql::Engine;
use clusterkeep_core::{Error, Result, hex};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::part::Part;

/// The most characters of a name that are shown in a file's.
const SHOWN: usize = 48;

/// The folder and stem of a part of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stem {
    folder: String,
    stem: String,
}

impl Stem {
    /// Those of `part` on the server at `address`.
    pub(super) fn of(engine: Engine, address: &str, part: &Part) -> Result<Self> {
        let table = part.table();
        let schema = table.schema.as_ref().map(clusterkeep_core::sql::Ident::as_str);
        let whole = match schema {
            Some(schema) => format!("{schema}_{}", table.name.as_str()),
            None => table.name.as_str().to_owned(),
        };
        let folder = named(&whole, &(engine, address, schema, table.name.as_str()))?;
        let shown = match (part.partition_name(), part.bounds(), part.span()) {
            (Some(name), ..) => name,
            (None, Some((start, end)), _) => {
                format!("{}_{}", start.format("%Y%m%dT%H%M%SZ"), end.format("%Y%m%dT%H%M%SZ"))
            }
            (None, None, Some(_)) => "span".to_owned(),
            (None, None, None) => "whole".to_owned(),
        };
        // A whole partition goes by its name alone: what is known of its span may be more or less.
        let span = part.span().filter(|_| part.partition_name().is_none());
        let stem = named(&shown, &(part.partition_name(), span))?;
        Ok(Self { folder, stem })
    }

    /// What all archives and attempts of the part begin with.
    pub(super) fn prefix(&self) -> String {
        format!("{}/{}.", self.folder, self.stem)
    }

    /// The folder of the table.
    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    /// The name of one archive of the part.
    pub(super) fn archive(&self, number: u32) -> String {
        format!("{}/{}.{number:04}", self.folder, self.stem)
    }
}

/// The number of an archive by its name.
pub(super) fn number(name: &str) -> Option<u32> {
    name.rsplit_once('.').and_then(|(_, number)| number.parse().ok())
}

/// Where the manifest of an archive is.
pub(super) fn manifest_key(name: &str) -> String {
    format!("{name}.json")
}

/// Where a new attempt at an archive puts its file.
pub(super) fn file_key(name: &str) -> String {
    format!("{name}.{}.parquet", Uuid::now_v7().simple())
}

/// The name of the archive that an object belongs to, and whether it is its manifest; nothing for what is of others.
pub(super) fn read_key(key: &str) -> Option<(&str, Object)> {
    let key_without = key.strip_suffix(".partial").unwrap_or(key);
    let (name, object) = match key_without.strip_suffix(".json") {
        Some(rest) if key_without.len() == key.len() => (rest, Object::Manifest),
        Some(rest) => (rest.rsplit_once('.')?.0, Object::Rest),
        None => (key_without.strip_suffix(".parquet")?.rsplit_once('.')?.0, Object::Rest),
    };
    let (folder, file) = name.split_once('/')?;
    let (stem, number) = file.rsplit_once('.')?;
    let ours = |text: &str| text.rsplit_once('-').is_some_and(|(_, hash)| hash.len() == 32 && is_hex(hash));
    let numbered = number.len() >= 4 && number.bytes().all(|b| b.is_ascii_digit());
    (ours(folder) && ours(stem) && numbered).then_some((name, object))
}

/// What an object in a location is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    /// What makes an archive complete.
    Manifest,
    /// Its file, or what an attempt has left.
    Rest,
}

/// Whether `name` is one that archives have: it can't lead out of its location.
pub(super) fn check(name: &str) -> Result<()> {
    match read_key(&manifest_key(name)) {
        Some((read, Object::Manifest)) if read == name => Ok(()),
        _ => Err(Error::input(format!("`{name}` is no name of an archive"))
            .with_hint("`retention restore list` shows the names")),
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// As much of `shown` as every store takes, and a hash of `key`.
fn named(shown: &str, key: &impl serde::Serialize) -> Result<String> {
    let key = serde_json::to_vec(key).map_err(|e| Error::caused(format!("name an archive of `{shown}`"), e))?;
    let mut name: String = shown
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    name.push('-');
    name.push_str(&hex::digits(Sha256::digest(&key).iter().take(16)));
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clusterkeep_core::sql::{Ident, TableName};

    use super::*;

    fn name(schema: Option<&str>, table: &str) -> String {
        let ident = |text: &str| Ident::new(text).unwrap();
        let table = TableName { schema: schema.map(ident), name: ident(table) };
        Stem::of(Engine::Postgres, "postgres://db/weather", &Part::whole(table)).unwrap().archive(1)
    }

    #[test]
    fn no_two_tables_meet() {
        let names: Vec<_> = [
            (Some("a.b"), "c"),
            (Some("a"), "b.c"),
            (None, "a.b.c"),
            (Some("a"), "B.c"),
            (None, "T"),
            (None, "t"),
            (None, "\"; DROP TABLE x; --"),
            (None, "../../etc/passwd"),
            (None, "naïve 🦀"),
            (None, "naïve 🐙"),
            (None, "CON"),
        ]
        .map(|(schema, table)| name(schema, table))
        .into();
        let lower: HashSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(lower.len(), names.len());
        for name in &names {
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_./".contains(&b)),
                "{name}"
            );
            assert!(!name.contains("..") && name.split('/').all(|part| part.len() < 200), "{name}");
            check(name).unwrap();
        }
    }

    #[test]
    fn a_name_is_the_same_each_time_and_long_ones_are_cut() {
        assert_eq!(name(Some("s"), "t"), name(Some("s"), "t"));
        let long = "x".repeat(500);
        assert_ne!(name(None, &long), name(None, &format!("{long}y")));
        assert!(name(None, &long).len() < 200);
    }

    #[test]
    fn objects_are_known_by_their_keys() {
        let name = name(None, "t");
        assert_eq!(read_key(&manifest_key(&name)), Some((name.as_str(), Object::Manifest)));
        let file = file_key(&name);
        assert_eq!(read_key(&file), Some((name.as_str(), Object::Rest)));
        assert_eq!(read_key(&format!("{file}.partial")), Some((name.as_str(), Object::Rest)));
        assert_eq!(read_key(&format!("{name}.0f.json.partial")), Some((name.as_str(), Object::Rest)));
        for foreign in ["notes.json", "a/b.json", "t-0/x.0001.parquet", "../x-0.0001.json"] {
            assert_eq!(read_key(foreign), None, "{foreign}");
            assert!(check(foreign).is_err());
        }
    }
}
