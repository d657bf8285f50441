//! References to values that are kept elsewhere: `env:NAME` and `file:PATH`, fetched when they are needed.

use clusterkeep_core::Result;
use clusterkeep_core::address::SecretRef;
use clusterkeep_core::secret::Secret;

use crate::model::secret::is_reference;

/// The value that a job means: the text itself, or what it refers to. The line end after what a file holds does not count.
///
/// # Errors
///
/// A variable that is not set; a file that can't be read.
pub fn fetch(text: &str) -> Result<Secret> {
    if !is_reference(text) {
        return Ok(Secret::new(text));
    }
    text.parse::<SecretRef>()?.load_here("the job refers to")
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
