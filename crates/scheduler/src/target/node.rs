//! JavaScript and TypeScript by Node.js: TypeScript where Node strips types by itself, else it is refused.

use std::ffi::OsString;
use std::path::Path;

use async_trait::async_trait;
use clusterkeep_core::{Error, Result};

use super::process::{self, Echo, Start};
use super::programs::{Programs, settings};
use super::{Node, Runner, Target};
use crate::run::Run;

/// Runs files by Node.js.
#[derive(Debug, Clone, Default)]
pub struct NodeRunner {
    programs: Programs,
    echo: Echo,
}

settings!(NodeRunner, "`node`");

impl NodeRunner {
    /// Runs them by the `node` that PATH has.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Runner for NodeRunner {
    async fn run(&self, run: Run) -> Result<()> {
        let Target::Node(Node { node: file, args, process }) = run.target() else {
            return Err(Error::input(format!("job `{}` runs nothing for node", run.job())));
        };
        let program = self.programs.find("node").ok_or_else(|| Error::failed("there is no `node` in PATH"))?;
        let mut words = vec![program.clone().into_os_string()];
        if matches!(run.target(), Target::Node(node) if node.is_typescript()) {
            words.extend(strips(&version(&program).await?)?.map(OsString::from));
        }
        words.push(file.into());
        words.extend(args.iter().map(OsString::from));
        process::run(&Start { words, stdin: None, process: process.clone() }, &run, &self.echo).await
    }
}

/// What a `node` says that it is, such as `v22.18.0`.
async fn version(program: &Path) -> Result<String> {
    let said = tokio::process::Command::new(program).arg("--version").kill_on_drop(true).output().await;
    let said = said.map_err(|error| Error::io("start", program, error))?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// The flag with which this version strips types, where it needs one. It does so from 22.6 on, and without a flag from 22.18
/// and 23.6 on (Node.js documentation, "Modules: TypeScript").
fn strips(version: &str) -> Result<Option<&'static str>> {
    let mut parts = version.trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    match (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) {
        (22, 18..) | (23, 6..) | (24.., _) => Ok(None),
        (22, 6..18) | (23, _) => Ok(Some("--experimental-strip-types")),
        _ => Err(Error::failed(format!("node {version} runs no TypeScript: it strips types from 22.6 on"))
            .with_hint("use a newer node, or compile the file to JavaScript")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_versions_strip_types() {
        for version in ["v22.18.0", "v23.6.0", "v24.0.0", "v100.1.2"] {
            assert_eq!(strips(version).unwrap(), None, "{version}");
        }
        for version in ["v22.6.0", "v22.17.1", "v23.0.0"] {
            assert_eq!(strips(version).unwrap(), Some("--experimental-strip-types"), "{version}");
        }
        for version in ["v20.20.2", "v22.5.1", "v18.0.0", "", "x"] {
            assert!(strips(version).unwrap_err().to_string().contains("TypeScript"), "{version}");
        }
    }
}
