//! A command in a container.

use std::collections::BTreeMap;

use clusterkeep_core::age::Age;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::process::variables;
use super::{Size, some_text, text};
use crate::model::when::fixed;

/// A command in a container of its own, which is removed afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// The image.
    pub container: String,
    /// What it runs; without, what the image says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Entry>,
    /// What takes the place of the image's entry point.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// Variables that it is given. A value `env:NAME` or `file:PATH` is fetched from there when it is started.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Its working directory, in the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The account that it runs under, in the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The network that it joins; without, the engine's default; `none` for no network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// What it sees of this machine: `/here:/there` or `/here:/there:ro`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<String>,
    /// How much memory it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Which program runs it; without, the first of docker, podman and nerdctl that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<ContainerEngine>,
    /// How long it has between being asked to end and being killed; 5 seconds, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Age>,
}

/// A command: a line for the shell of the container, or words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a line for the shell, or a list of words")]
pub enum Entry {
    /// A line for `/bin/sh -c`.
    Shell(String),
    /// A program and its arguments.
    Exec(Vec<String>),
}

/// A program that runs containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContainerEngine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// containerd's nerdctl.
    Nerdctl,
}

impl ContainerEngine {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::Docker, Self::Podman, Self::Nerdctl];

    /// The name of the program.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Nerdctl => "nerdctl",
        }
    }
}

impl Container {
    /// What this image runs by itself.
    pub fn of(image: impl Into<String>) -> Self {
        Self {
            container: image.into(),
            command: None,
            entrypoint: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
            user: None,
            network: None,
            mounts: Vec::new(),
            memory: None,
            engine: None,
            grace: None,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        some_text("the image", &self.container)?;
        // What begins like an option would be taken for one.
        if self.container.starts_with('-') || self.container.contains(char::is_whitespace) {
            return Err(Error::input(format!("`{}` is no image", self.container))
                .with_hint("write its name, such as `docker.io/library/alpine:3`"));
        }
        match &self.command {
            Some(Entry::Shell(line)) => some_text("the command", line)?,
            Some(Entry::Exec(words)) if words.is_empty() => {
                return Err(Error::input("the command of the container is empty")
                    .with_hint("leave `command` out to run what the image says"));
            }
            Some(Entry::Exec(words)) => words.iter().try_for_each(|word| text("a word of the command", word))?,
            None => {}
        }
        for (what, value) in [("cwd", &self.cwd), ("user", &self.user), ("network", &self.network)] {
            value.as_deref().map_or(Ok(()), |value| some_text(&format!("`{what}` of the container"), value))?;
        }
        for mount in &self.mounts {
            let parts: Vec<&str> = mount.split(':').collect();
            let sound = matches!(parts[..], [from, to] | [from, to, "ro" | "rw"] if from.starts_with('/') && to.starts_with('/'));
            if !sound {
                return Err(Error::input(format!("`{mount}` is no mount"))
                    .with_hint("write whole paths, such as `/srv/data:/data:ro`"));
            }
        }
        self.entrypoint.iter().try_for_each(|word| text("a word of the entry point", word))?;
        variables(&self.env)?;
        self.grace.map(fixed).transpose().map(drop)
    }
}
