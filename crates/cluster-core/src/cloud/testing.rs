//! The smallest server that answers what a test wants, for faults that no real server makes at will.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{CloudClient, CloudClientBuilder, Credentials};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// The headers as they came, names in lower case.
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Status, further header lines, body.
    Text(u16, &'static str, String),
    /// The connection is closed without a word.
    Drop,
    /// Nothing ever comes.
    Hang,
    /// The head of an answer comes, and never its body.
    HangInBody,
}

impl Reply {
    pub(crate) fn json(body: serde_json::Value) -> Self {
        Self::Text(200, "", body.to_string())
    }

    pub(crate) fn status(status: u16, body: &str) -> Self {
        Self::Text(status, "", body.into())
    }
}

/// A server, and what it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// A server that answers by `reply`.
    pub(crate) async fn start(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let server = Self { endpoint, requests: Arc::clone(&requests) };
        let reply = Arc::new(reply);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&reply), Arc::clone(&requests)));
            }
        });
        server
    }

    pub(crate) fn builder(&self) -> CloudClientBuilder {
        CloudClient::builder().endpoint(&self.endpoint).credentials(Credentials::key("key", "hunter2"))
    }

    pub(crate) fn client(&self) -> CloudClient {
        self.builder().build().unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests had this method and path.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        self.requests().iter().filter(|one| one.method == method && one.path.contains(part)).count()
    }
}

async fn serve(
    mut stream: TcpStream,
    reply: Arc<impl Fn(&Request) -> Reply>,
    requests: Arc<Mutex<Vec<Request>>>,
) -> Option<()> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let (first, headers) = text.split_once("\r\n")?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut request = Request { method, path, headers: headers.replace('\r', ""), body: bytes.split_off(head) };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut rest = vec![0; length - request.body.len()];
    stream.read_exact(&mut rest).await.ok()?;
    request.body.append(&mut rest);
    let answer = reply(&request);
    requests.lock().unwrap().push(request);
    match answer {
        Reply::Text(status, headers, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
            stream.write_all(head.as_bytes()).await.ok()?;
            stream.write_all(body.as_bytes()).await.ok()
        }
        Reply::Drop => Some(()),
        Reply::Hang => std::future::pending().await,
        Reply::HangInBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n[").await.ok()?;
            std::future::pending().await
        }
    }
}
