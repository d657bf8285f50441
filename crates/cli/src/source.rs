//! Where `-f` files come from: this machine, and URLs whose content is known or whose place is trusted.
//!
//! What a URL gives is nobody's word: without a checksum that it matches, or a local file that lists it, it is not read.
//! No redirect is followed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clusterkeep_core::manifest::{self, MAX_BYTES};
use clusterkeep_core::{Error, Result, hex};
use clusterkeep_retention::archive::Location;
use clusterkeep_scheduler::{Permissions, remarks};
use reqwest::Url;
use sha2::{Digest, Sha256};

use crate::compose::ACTIONS;
use crate::files::Unknown;
use crate::output::{Colour, Printer};
use crate::{files, permissions};

/// How long fetching one may take.
const LONGEST: Duration = Duration::from_secs(60);

/// A text with manifests and timetables.
#[derive(Debug)]
pub(crate) struct Text {
    /// What messages call it: its path, or its URL.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Which texts, as the command line has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) files: &'a [PathBuf],
    pub(crate) checksums: &'a [String],
    pub(crate) allow: Option<&'a Path>,
}

/// Reads all of them.
pub(crate) async fn texts(asked: Asked<'_>) -> Result<Vec<Text>> {
    let checksums = asked.checksums.iter().map(|text| checksum(text)).collect::<Result<Vec<_>>>()?;
    let mut texts = Vec::new();
    for file in asked.files {
        let name = file.display().to_string();
        texts.push(match name.contains("://") {
            true => remote(&name, &checksums, asked.allow).await?,
            false => Text { text: manifest::read_text(file)?, name },
        });
    }
    Ok(texts)
}

/// Reads files of this machine, for commands that take no other.
pub(crate) fn local(files: &[PathBuf]) -> Result<Vec<Text>> {
    let read = |file: &PathBuf| {
        let name = file.display().to_string();
        if name.contains("://") {
            return Err(Error::input(format!("`{name}` is no file of this machine")).with_hint(
                "`run`, and `schedule validate`, `plan`, `diff` and `apply` read URLs; fetch it for this command",
            ));
        }
        Ok(Text { text: manifest::read_text(file)?, name })
    };
    files.iter().map(read).collect()
}

/// Says what may not be meant in texts that are gone on with; where unknown actions are taken, that they are unknown.
pub(crate) fn warn(texts: &[Text], unknown: Unknown, printer: &Printer) {
    for Text { name, text } in texts {
        // What a task file says of its job is read again, and was in order before.
        if let Some(task) = files::task(text, name).ok().flatten() {
            task.notes.iter().for_each(|note| printer.note(&format!("{}: {}", note.place, note.text)));
            continue;
        }
        let found = remarks(text, name, Some(&ACTIONS));
        let foreign = found.unknown.into_iter().filter(|_| unknown == Unknown::Taken).map(|error| {
            error.with_hint("the store takes it, for schedulers of another program; `clusterkeep run` has it not")
        });
        for warning in found.warnings.into_iter().chain(foreign) {
            let level = printer.paint_err(Colour::Act, "warning:");
            printer.alert(&format!("{level} {}", crate::errors::chain(&warning)));
            if let Some(hint) = warning.hint() {
                printer.alert(&format!("{} {hint}", printer.paint_err(Colour::Hint, "hint:")));
            }
        }
    }
}

/// The digits of a checksum.
fn checksum(text: &str) -> Result<String> {
    let digits = text.strip_prefix("sha256:").map(str::to_ascii_lowercase);
    digits.filter(|digits| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).ok_or_else(|| {
        Error::input(format!("`{text}` is no checksum"))
            .with_hint("write `sha256:` and 64 hexadecimal digits, as `sha256sum` prints them")
    })
}

/// The digits of the checksum behind the `#` of a URL.
fn of_fragment(fragment: &str) -> Result<String> {
    let sum = fragment.strip_prefix("sha256=").map(|digits| checksum(&format!("sha256:{digits}")));
    sum.unwrap_or_else(|| {
        Err(Error::input(format!("`#{fragment}` of a URL is no checksum"))
            .with_hint("write `#sha256=` and 64 hexadecimal digits, as `sha256sum` prints them"))
    })
}

/// The text at a URL. A checksum of its own stands behind it: `https://example.org/jobs.yaml#sha256=HEX`.
async fn remote(address: &str, checksums: &[String], allow: Option<&Path>) -> Result<Text> {
    let (name, own) = match address.split_once('#') {
        Some((name, fragment)) => (name, Some(vec![of_fragment(fragment)?])),
        None => (address, None),
    };
    let checksums = own.as_deref().unwrap_or(checksums);
    // A task file is refused for what it is, before anything is fetched.
    files::task("", name)?;
    // The text may hold a password, so that no error shows it.
    let url: Url = name.parse().map_err(|error| Error::caused("read the URL of a timetable", error))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::input("the URL of a timetable holds a user or password")
            .with_hint("keep it where no password is needed, or fetch it yourself and name the file"));
    }
    if checksums.is_empty() && !is_listed(&url, &permissions::load(allow)?) {
        return Err(Error::refused(format!("{url} has no checksum, and no local file lists it")).with_hint(
            "write `#sha256=HEX` behind it, give --checksum sha256:HEX, or list its address under `timetables:` in the \
             file that --allow names",
        ));
    }
    let bytes = match url.scheme() {
        "http" | "https" => tokio::time::timeout(LONGEST, by_http(&url)).await,
        "s3" | "az" | "gs" => tokio::time::timeout(LONGEST, object(name, &url)).await,
        other => {
            return Err(Error::input(format!("a timetable can't be read from `{other}://`")).with_hint(
                "name a file by its path, or a URL that begins with https://, http://, s3://, az:// or gs://",
            ));
        }
    };
    let bytes =
        bytes.map_err(|_| Error::failed(format!("fetch {url}: no answer within {} s", LONGEST.as_secs())))??;
    let sum = hex::digits(&Sha256::digest(&bytes));
    if !checksums.is_empty() && !checksums.contains(&sum) {
        return Err(Error::refused(format!("what {url} gives has another checksum than was said: sha256:{sum}"))
            .with_hint("look at what has changed there before you give the new one"));
    }
    Ok(Text { text: manifest::decode(bytes, name)?, name: name.to_owned() })
}

/// Whether a local file lists the address, as whoever fetches it understands it: `..` in it is resolved already.
fn is_listed(url: &Url, permissions: &Permissions) -> bool {
    let text = url.as_str();
    // What comes by plain HTTP may come from anybody between here and there.
    url.scheme() != "http"
        && permissions.timetables.iter().any(|listed| match listed.strip_suffix('/') {
            Some(_) => text.starts_with(listed) && url.query().is_none(),
            None => text == listed,
        })
}

async fn by_http(url: &Url) -> Result<Vec<u8>> {
    let failed = |error: reqwest::Error| Error::caused(format!("fetch {url}"), error.without_url());
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
    let mut answer = client.map_err(failed)?.get(url.clone()).send().await.map_err(failed)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(Error::failed(format!("fetch {url}: the answer is {}", answer.status()))
            .with_hint("no redirect is followed: name the place where it is"));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Error::input(format!("what {url} gives is more than a timetable needs")));
        }
    }
    Ok(bytes)
}

/// An object by the URL of its place: its last part is its name there.
async fn object(name: &str, url: &Url) -> Result<Vec<u8>> {
    let (address, query) = name.split_once('?').map_or((name, None), |(address, query)| (address, Some(query)));
    let (folder, key) = address.rsplit_once('/').unwrap_or_default();
    if key.is_empty() || folder.ends_with('/') {
        return Err(Error::input(format!("{url} names no object"))
            .with_hint("write the bucket, and the name of the object in it: s3://bucket/jobs/weather.yaml"));
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let place: Location = format!("{folder}{query}").parse()?;
    place.read(key).await?.ok_or_else(|| Error::input(format!("there is no object at {url}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_trusted() {
        let listed = Permissions {
            timetables: vec!["https://example.org/jobs/".into(), "s3://bucket/weather.yaml".into()],
            ..Permissions::default()
        };
        for (url, is) in [
            ("https://example.org/jobs/weather.yaml", true),
            ("https://example.org/jobs/more/weather.yaml", true),
            ("https://example.org/jobs/../evil.yaml", false),
            ("https://example.org/jobs/%2e%2e/evil.yaml", false),
            ("https://example.org/jobs", false),
            ("https://example.org.evil.org/jobs/weather.yaml", false),
            ("http://example.org/jobs/weather.yaml", false),
            ("s3://bucket/weather.yaml", true),
            ("s3://bucket/weather.yaml?endpoint=http://evil.org", false),
            ("https://example.org/jobs/weather.yaml?x=y", false),
        ] {
            assert_eq!(is_listed(&url.parse().unwrap(), &listed), is, "{url}");
        }
    }

    #[test]
    fn a_checksum_is_read_strictly() {
        assert!(checksum(&format!("sha256:{}", "A".repeat(64))).is_ok());
        for text in ["sha256:00", "md5:00", &"0".repeat(64), &format!("sha256:{}", "g".repeat(64))] {
            assert!(checksum(text).is_err(), "{text}");
        }
        assert_eq!(of_fragment(&format!("sha256={}", "A".repeat(64))).unwrap(), "a".repeat(64));
        for text in ["", "sha256=00", "top", &"0".repeat(64)] {
            assert!(of_fragment(text).is_err(), "{text}");
        }
    }
}
