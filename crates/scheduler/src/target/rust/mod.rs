//! Rust files, built by cargo from what their frontmatter says ("cargo script", RFC 3502 and 3503).
//!
//! cargo itself runs such files on nightly alone. Here a small project is made of one, in a folder of this user's cache, so
//! that stable builds it as well, and the next run finds it built. A task is one file: what lies beside it is no part of it.

mod project;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use clusterkeep_core::{Error, Result, folder};

use self::project::Project;
use super::process::{self, Echo, Start};
use super::programs::{Programs, settings};
use super::{Runner, Rust, Target};
use crate::run::Run;

/// Builds and runs Rust files.
#[derive(Debug, Clone, Default)]
pub struct RustRunner {
    programs: Programs,
    echo: Echo,
    cache: Option<PathBuf>,
}

settings!(RustRunner, "`cargo`");

impl RustRunner {
    /// Builds them by the `cargo` that PATH has, in the cache of this user.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps what is built in this folder. Whoever can write there decides what runs.
    #[must_use]
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(folder.into());
        self
    }
}

#[async_trait]
impl Runner for RustRunner {
    async fn run(&self, run: Run) -> Result<()> {
        let Target::Rust(Rust { rust: file, args, process }) = run.target() else {
            return Err(Error::input(format!("job `{}` runs no Rust", run.job())));
        };
        let cargo = self.programs.find("cargo").ok_or_else(|| {
            Error::failed(format!("there is no `cargo` in PATH, which builds `{file}`")).with_hint(
                "install Rust (https://rustup.rs), or build the file elsewhere and run the program by `exec`",
            )
        })?;
        let path = process.cwd.as_ref().map_or_else(|| PathBuf::from(file), |cwd| Path::new(cwd).join(file));
        let cache = match &self.cache {
            Some(folder) => folder.clone(),
            None => folder::cache()?.join("rust"),
        };
        let project = Project::of(&path, &cache)?;
        project.write()?;
        let mut words = vec![cargo.into_os_string()];
        words.extend(["run", "--quiet", "--manifest-path"].map(OsString::from));
        words.push(project.manifest().into());
        words.push("--target-dir".into());
        words.push(project.target().into());
        words.push("--".into());
        words.extend(args.iter().map(OsString::from));
        process::run(&Start { words, stdin: None, process: process.clone() }, &run, &self.echo).await
    }
}
