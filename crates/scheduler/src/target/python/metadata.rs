//! What a Python file says in comments about what it needs (PEP 723, "Inline script metadata"), as far as it matters here.
//!
//! uv reads it in earnest; here it is only looked whether there is something to install, and which Python is asked for.

use std::path::Path;

use clusterkeep_core::{Error, Result};

/// What a file needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) requires_python: Option<String>,
    pub(super) has_dependencies: bool,
}

impl Metadata {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
        Ok(Self::of(&String::from_utf8_lossy(&bytes)))
    }

    fn of(text: &str) -> Self {
        let block = text
            .lines()
            .skip_while(|line| line.trim_end() != "# /// script")
            .skip(1)
            .take_while(|line| line.starts_with('#') && line.trim_end() != "# ///")
            .map(|line| line.trim_start_matches('#').trim());
        let mut found = Self::default();
        let mut in_list = false;
        for line in block {
            if in_list {
                found.has_dependencies |= line.starts_with(['"', '\'']);
                in_list = !line.contains(']');
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let value = value.trim();
            match key.trim() {
                "requires-python" => found.requires_python = Some(value.trim_matches(['"', '\'']).to_owned()),
                "dependencies" => {
                    found.has_dependencies = value.contains(['"', '\'']);
                    in_list = !value.contains(']');
                }
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_needs_is_seen() {
        let with = |block: &str| Metadata::of(&format!("#!/usr/bin/env python\n# /// script\n{block}# ///\nx = 1\n"));
        let one = with("# requires-python = \">=3.11\"\n# dependencies = [\"requests<3\"]\n");
        assert_eq!((one.requires_python.as_deref(), one.has_dependencies), (Some(">=3.11"), true));
        assert!(with("# dependencies = [\n#   'rich',\n# ]\n").has_dependencies);
        assert!(!with("# dependencies = []\n").has_dependencies);
        assert!(!with("# dependencies = [\n# ]\n# [tool.x]\n# y = \"z\"\n").has_dependencies);
        assert_eq!(Metadata::of("# dependencies = ['x']\n"), Metadata::default(), "outside of a block");
    }
}
