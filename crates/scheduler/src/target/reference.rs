//! References to values that are kept elsewhere: `env:NAME` and `file:PATH`, fetched when they are needed.

use clusterkeep_core::secret::Secret;
use clusterkeep_core::{Error, Result};

use crate::model::secret::is_reference;

/// The value that is meant: the text itself, or what it refers to. The line end after what a file holds does not count.
pub(super) fn fetch(text: &str) -> Result<Secret> {
    if !is_reference(text) {
        return Ok(Secret::new(text));
    }
    let found = match text.split_once(':') {
        Some(("env", name)) => std::env::var(name).map_err(|_| {
            Error::failed(format!("environment variable {name}, which the job refers to, is not set"))
                .with_hint(format!("set {name} where the scheduler runs"))
        })?,
        _ => {
            let path = text.strip_prefix("file:").unwrap_or(text);
            std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?
        }
    };
    let found = found.strip_suffix('\n').unwrap_or(&found);
    let found = found.strip_suffix('\r').unwrap_or(found);
    if found.is_empty() {
        return Err(Error::failed(format!("`{text}`, which the job refers to, is empty")));
    }
    Ok(Secret::new(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_text_is_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "s3cret\r\n").unwrap();
        assert_eq!(fetch(&format!("file:{}", path.display())).unwrap().expose(), "s3cret");
        assert_eq!(fetch("file:///x").unwrap().expose(), "file:///x", "a URL is itself");
        assert_eq!(fetch("plain").unwrap().expose(), "plain");
        assert!(fetch("env:CLUSTERKEEP_NO_SUCH_VARIABLE").unwrap_err().to_string().contains("is not set"));
    }
}
