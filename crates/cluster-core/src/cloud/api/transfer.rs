//! Moving the content of files, straight from and to the disk, in bounded memory.
//!
//! Content goes to and comes from a store that the service names in a URL. Whoever has that URL may write or read: it is
//! shown nowhere, and the caller's credentials are never sent along.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::TryStreamExt as _;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Response};
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::io::ReaderStream;
use url::Url;

use super::super::answer::{self, refusal};
use super::super::loopback::is_loopback;
use super::super::transport::{Failed, jitter, unanswered};
use super::super::{CloudClient, CloudError, CloudErrorKind, CloudFile, SignedUrl};
use crate::error::{Error, Result};
use crate::event::{Event, Events};

/// The largest file that the service imports, in bytes.
const LARGEST: u64 = 10 << 30;
/// How much is read from the disk at once, in bytes.
const PIECE: usize = 256 << 10;
/// How often an upload is tried.
const ATTEMPTS: u32 = 3;
/// The pause after an upload that failed.
const PAUSE: Duration = Duration::from_secs(1);

impl CloudClient {
    /// Uploads the content of a file that was registered with [`create_file`](Self::create_file).
    ///
    /// It may take as long as it takes, as long as it goes on: a standstill of one attempt's time ends it.
    ///
    /// # Errors
    ///
    /// There is no such file on the disk, it is larger than 10 GiB, or the store refuses it or stands still.
    pub async fn upload(&self, file: &CloudFile, path: &Path) -> Result<()> {
        self.upload_with(file, path, &Events::none()).await
    }

    /// Uploads as [`upload`](Self::upload) does, and says how many bytes are on their way.
    ///
    /// # Errors
    ///
    /// As for [`upload`](Self::upload).
    pub async fn upload_with(&self, file: &CloudFile, path: &Path, events: &Events) -> Result<()> {
        let operation = format!("upload `{}`", path.display());
        let url = self.store(&operation, file.upload_url.as_ref())?;
        let size = tokio::fs::metadata(path).await.map_err(|cause| Error::io("read", path, cause))?.len();
        if size > LARGEST {
            return Err(Error::input(format!("`{}` is larger than {} GiB", path.display(), LARGEST >> 30))
                .with_hint("split it, or put it into a bucket and import it from there"));
        }
        let (start, mut attempts) = (Instant::now(), 0);
        loop {
            attempts += 1;
            let Failed { mut error, .. } = match self.put_file(&operation, &url, path, size, events).await? {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            let may_pass = matches!(error.kind, CloudErrorKind::Busy | CloudErrorKind::Unreachable);
            if !may_pass || attempts == ATTEMPTS {
                (error.attempts, error.elapsed) = (attempts, start.elapsed());
                return Err(error.into());
            }
            sleep(PAUSE.mul_f64(1.0 + jitter())).await;
        }
    }

    /// Sends the content once; the outer error is one of this machine's disk.
    async fn put_file(
        &self,
        operation: &str,
        url: &Url,
        path: &Path,
        size: u64,
        events: &Events,
    ) -> Result<Result<(), Failed>> {
        let opened = tokio::fs::File::open(path).await.map_err(|cause| Error::io("read", path, cause))?;
        let sent = Arc::new(AtomicU64::new(0));
        let (counter, telling, what) = (Arc::clone(&sent), events.clone(), operation.to_owned());
        // A file that grows meanwhile ends where it did when it was measured.
        let pieces = ReaderStream::with_capacity(opened.take(size), PIECE).inspect_ok(move |piece| {
            let piece = u64::try_from(piece.len()).unwrap_or_default();
            let done = counter.fetch_add(piece, Ordering::Relaxed) + piece;
            telling.emit(Event::Progress { what: what.clone(), done, total: Some(size) });
        });
        // Stores for objects take nothing of unknown length.
        let request = self.content()?.put(url.clone()).header(CONTENT_LENGTH, size);
        let request = request.header(CONTENT_TYPE, "application/octet-stream").body(Body::wrap_stream(pieces));
        let mut sending = Box::pin(request.send());
        let mut seen = 0;
        let response = loop {
            match timeout(self.deadline_of_attempt(), &mut sending).await {
                Ok(Ok(response)) => break response,
                Ok(Err(cause)) => return Ok(Err(unanswered(operation, cause))),
                Err(_) => {
                    let now = sent.load(Ordering::Relaxed);
                    if now == seen {
                        return Ok(Err(self.standstill(operation).into()));
                    }
                    seen = now;
                }
            }
        };
        Ok(self.judge(operation, response).await.map(drop).map_err(Failed::from))
    }

    /// Downloads the content of a file to `path`, and returns how many bytes these are.
    ///
    /// What is at `path` is never half of a file, and never written over. It may take as long as it takes, as long as it goes
    /// on.
    ///
    /// # Errors
    ///
    /// Something is at `path` already or can't be written, the file has no content yet, or the store refuses it or stands
    /// still.
    pub async fn download(&self, file: &CloudFile, path: &Path) -> Result<u64> {
        self.download_with(file, path, &Events::none()).await
    }

    /// Downloads as [`download`](Self::download) does, and says how many bytes have come.
    ///
    /// # Errors
    ///
    /// As for [`download`](Self::download).
    pub async fn download_with(&self, file: &CloudFile, path: &Path, events: &Events) -> Result<u64> {
        let operation = format!("download `{}`", path.display());
        let url = self.store(&operation, file.download_url.as_ref())?;
        if tokio::fs::symlink_metadata(path).await.is_ok() {
            return Err(Error::input(format!("`{}` is there already", path.display())).with_hint("give another name"));
        }
        let sending = self.content()?.get(url).send();
        let response = match timeout(self.deadline_of_attempt(), sending).await {
            Ok(Ok(response)) => self.judge(&operation, response).await?,
            Ok(Err(cause)) => return Err(unanswered(&operation, cause).error.into()),
            Err(_) => return Err(self.standstill(&operation).into()),
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let written = |cause| Error::io("write", path, cause);
        let mut part = tempfile::Builder::new()
            .prefix(".clusterkeep-")
            .suffix(".part")
            // As any other program would create it; what the user's mask takes away is taken away.
            .permissions(std::fs::Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(written)?;
        let bytes = self.receive(&operation, response, &mut part, path, events).await?;
        let target: PathBuf = path.into();
        // The disk may take its time.
        let kept = tokio::task::spawn_blocking(move || {
            part.as_file().sync_all()?;
            part.persist_noclobber(target).map(drop).map_err(|failed| failed.error)
        });
        kept.await.map_err(|cause| Error::caused(operation, cause))?.map_err(written)?;
        Ok(bytes)
    }

    async fn receive(
        &self,
        operation: &str,
        mut response: Response,
        part: &mut tempfile::NamedTempFile,
        path: &Path,
        events: &Events,
    ) -> Result<u64> {
        let (mut done, total) = (0, response.content_length());
        loop {
            let piece = match timeout(self.deadline_of_attempt(), response.chunk()).await {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => return Ok(done),
                Ok(Err(cause)) => return Err(unanswered(operation, cause).error.into()),
                Err(_) => return Err(self.standstill(operation).into()),
            };
            part.write_all(&piece).map_err(|cause| Error::io("write", path, cause))?;
            done += u64::try_from(piece.len()).unwrap_or_default();
            events.emit(Event::Progress { what: operation.into(), done, total });
        }
    }

    /// The URL of the store, where content may go there.
    fn store(&self, operation: &str, url: Option<&SignedUrl>) -> Result<Url> {
        let failed = |message: &str| -> Error {
            CloudError::new(operation, CloudErrorKind::Nonsense).with_message(message).into()
        };
        let url = url.ok_or_else(|| failed("the service says no URL for it"))?;
        let url = Url::parse(url.expose()).map_err(|_| failed("the service says no usable URL for it"))?;
        let within = is_loopback(&url) && is_loopback(&self.0.endpoint);
        match url.scheme() {
            "https" if url.has_host() => Ok(url),
            "http" if within => Ok(url),
            _ => Err(failed("the service says a URL for it that is not safe on its way")),
        }
    }

    /// An answer of success, or why it is none.
    async fn judge(&self, operation: &str, response: Response) -> Result<Response, CloudError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = timeout(self.deadline_of_attempt(), answer::read(response, 64 << 10)).await;
        let body = body.ok().and_then(Result::ok).map(|(body, _)| body).unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        let mut error = refusal(operation, status, None, &body);
        if matches!(error.kind, CloudErrorKind::Unauthorized | CloudErrorKind::Forbidden) {
            // It is not the caller's key that was refused but the URL.
            error.kind = CloudErrorKind::Invalid;
        }
        error.message = error.message.or_else(|| element(&body, "Message"));
        Err(error)
    }

    fn deadline_of_attempt(&self) -> Duration {
        self.0.timeout
    }

    fn standstill(&self, operation: &str) -> CloudError {
        let waited = self.0.timeout.as_secs_f64();
        CloudError::new(operation, CloudErrorKind::Timeout).with_message(format!("nothing has moved for {waited:.1} s"))
    }
}

/// The text of the first element of this name in a store's answer.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
