//! The project that cargo builds a Rust file from.

use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use clusterkeep_core::{Error, Result, hex};
use sha2::{Digest, Sha256};

use crate::inline;

/// What cargo's scripts can't say: it is about projects of several files.
const WHOLE: [&str; 6] = ["workspace", "lib", "bin", "example", "test", "bench"];

/// Tables whose entries may name a folder, relative to the file.
const DEPENDENCIES: [&str; 6] =
    ["dependencies", "dev-dependencies", "build-dependencies", "target", "patch", "replace"];

/// The edition of files that name none.
const EDITION: &str = "2024";

/// A project of one file.
#[derive(Debug)]
pub(super) struct Project {
    folder: PathBuf,
    manifest: String,
    source: String,
}

impl Project {
    /// The project of a file, in a folder of its own in `cache`. Nothing is written yet.
    pub(super) fn of(file: &Path, cache: &Path) -> Result<Self> {
        let unreadable = |error| Error::io("read", file, error);
        let path = file.canonicalize().map_err(unreadable)?;
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        let name = file.display().to_string();
        let (block, source) = inline::rust(&text, &name)?;
        let table = block.map(|block| block.table(&name)).transpose()?.unwrap_or_default();
        let stem = plain(path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default());
        let manifest = manifest(table, &stem, path.parent().unwrap_or(&path))?;
        let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
        let digits = hex::digits(digest.iter().take(8));
        Ok(Self { folder: cache.join(format!("{stem}-{digits}")), manifest, source })
    }

    /// The project's manifest.
    pub(super) fn manifest(&self) -> PathBuf {
        self.folder.join("Cargo.toml")
    }

    /// Where it is built.
    pub(super) fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// Writes what is not there yet: what stays as it was is not built again. Only this user gets at it.
    pub(super) fn write(&self) -> Result<()> {
        let folder = self.folder.join("src");
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| Error::io("create", &folder, error))?;
        for (path, text) in [(self.manifest(), &self.manifest), (folder.join("main.rs"), &self.source)] {
            let there = match std::fs::read(&path) {
                Ok(there) => Some(there),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(Error::io("read", &path, error)),
            };
            if there.is_some_and(|there| there == text.as_bytes()) {
                continue;
            }
            // Another run may be building: it sees the old file or the new one.
            let new = path.with_extension(format!("new-{}", uuid::Uuid::new_v4().simple()));
            std::fs::write(&new, text).map_err(|error| Error::io("write", &new, error))?;
            std::fs::rename(&new, &path).map_err(|error| Error::io("write", &path, error))?;
        }
        Ok(())
    }
}

/// The manifest of a project, made of what the frontmatter says; folders in it are relative to `beside`.
fn manifest(mut table: toml::Table, stem: &str, beside: &Path) -> Result<String> {
    if let Some(key) = WHOLE.iter().find(|key| table.contains_key(**key)) {
        return Err(Error::input(format!("its frontmatter has `{key}`, which is for projects of several files"))
            .with_hint("say `[package]`, `[dependencies]`, `[features]` and `[profile]` there"));
    }
    let package = table.entry("package").or_insert_with(|| toml::Table::new().into());
    let package = package.as_table_mut().ok_or_else(|| Error::input("`package` of its frontmatter is no table"))?;
    for (key, value) in [("name", format!("task-{stem}")), ("edition", EDITION.to_owned())] {
        package.entry(key).or_insert_with(|| value.into());
    }
    package.entry("publish").or_insert(false.into());
    for key in DEPENDENCIES {
        if let Some(entry) = table.get_mut(key) {
            whole_paths(entry, beside);
        }
    }
    // It belongs to no workspace that the cache may lie in.
    table.insert("workspace".into(), toml::Table::new().into());
    toml::to_string(&table).map_err(|error| Error::caused("write the manifest of a Rust file", error))
}

/// Makes folders of dependencies such that they are found from elsewhere.
fn whole_paths(value: &mut toml::Value, beside: &Path) {
    let Some(table) = value.as_table_mut() else { return };
    for (key, value) in table.iter_mut() {
        match value {
            toml::Value::String(path) if key == "path" => *path = beside.join(&*path).display().to_string(),
            value => whole_paths(value, beside),
        }
    }
}

/// A name that cargo takes.
fn plain(stem: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    stem.chars().map(word).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(front: &str) -> Result<toml::Table> {
        manifest(front.parse().unwrap(), "x-y", Path::new("/srv/tasks")).map(|text| text.parse().unwrap())
    }

    #[test]
    fn what_is_not_said_is_added_and_folders_are_found() {
        let made = made(
            "[dependencies]\na = { path = \"../a\" }\nb = \"1\"\nc.path = \"/c\"\n[target.'cfg(unix)'.dependencies]\n\
             d = { path = \"d\" }\n[package]\nedition = \"2021\"\n",
        )
        .unwrap();
        let package = &made["package"];
        assert_eq!((package["name"].as_str(), package["edition"].as_str()), (Some("task-x-y"), Some("2021")));
        assert_eq!(made["dependencies"]["a"]["path"].as_str(), Some("/srv/tasks/../a"));
        assert_eq!(made["dependencies"]["c"]["path"].as_str(), Some("/c"));
        assert_eq!(made["target"]["cfg(unix)"]["dependencies"]["d"]["path"].as_str(), Some("/srv/tasks/d"));
        assert!(made["workspace"].as_table().is_some_and(toml::Table::is_empty));
    }

    #[test]
    fn what_is_for_whole_projects_is_refused() {
        for front in ["[workspace]\n", "[[bin]]\nname = \"a\"\n", "package = 1\n"] {
            assert!(made(front).is_err(), "{front}");
        }
    }

    #[test]
    fn a_project_is_written_once_and_in_a_folder_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Clean up.rs");
        std::fs::write(&file, "---\n[dependencies]\n---\nfn main() {}\n").unwrap();
        let project = Project::of(&file, &folder.path().join("cache")).unwrap();
        project.write().unwrap();
        let source = project.folder.join("src/main.rs");
        assert_eq!(std::fs::read_to_string(&source).unwrap(), "\n\n\nfn main() {}\n");
        let written = || source.metadata().unwrap().modified().unwrap();
        let first = written();
        project.write().unwrap();
        assert_eq!(written(), first, "what did not change is not written again");
        assert!(project.folder.file_name().unwrap().to_str().unwrap().starts_with("clean-up-"));
        assert!(Project::of(&folder.path().join("none.rs"), folder.path()).is_err());
    }
}
