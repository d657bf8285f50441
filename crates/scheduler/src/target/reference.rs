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
            read(path).map_err(|error| Error::io("read", path, error))?
        }
    };
    let found = found.strip_suffix('\n').unwrap_or(&found);
    let found = found.strip_suffix('\r').unwrap_or(found);
    if found.is_empty() {
        return Err(Error::failed(format!("`{text}`, which the job refers to, is empty")));
    }
    Ok(Secret::new(found))
}

/// The largest file that a value is read from: what has no end is not read for ever.
const MAX_BYTES: u64 = 1 << 20;

fn read(path: &str) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_BYTES {
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    Ok(text)
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
        assert!(fetch("file:/dev/zero").unwrap_err().to_string().contains("/dev/zero"));
        assert_eq!(fetch("file:///x").unwrap().expose(), "file:///x", "a URL is itself");
        assert_eq!(fetch("plain").unwrap().expose(), "plain");
        assert!(fetch("env:CLUSTERKEEP_NO_SUCH_VARIABLE").unwrap_err().to_string().contains("is not set"));
    }
}
