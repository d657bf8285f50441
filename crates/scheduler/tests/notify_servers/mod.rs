//! Servers that are told something: one that speaks HTTP, one that speaks SMTP (with Python), and another opinion of what
//! a signature is (openssl).

#![allow(unreachable_pub, reason = "a part of a test is no library")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use clusterkeep_testkit::skip::skip_without;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A request, as it came.
#[derive(Debug, Clone)]
pub struct Request {
    headers: HashMap<String, String>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).cloned().unwrap_or_default()
    }
}

/// Answers with one status after the other.
pub struct Http {
    pub port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Http {
    pub async fn start(statuses: impl IntoIterator<Item = u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (kept, mut statuses) = (requests.clone(), statuses.into_iter().collect::<Vec<_>>().into_iter());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut text = Vec::new();
                let (head, length) = loop {
                    let mut part = [0; 4096];
                    let read = stream.read(&mut part).await.unwrap();
                    text.extend_from_slice(&part[..read]);
                    let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
                    let head = String::from_utf8(text[..end].to_vec()).unwrap();
                    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
                    let headers: HashMap<_, _> =
                        lines.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
                    let length: usize = headers["content-length"].parse().unwrap();
                    break (headers, end + 4 + length);
                };
                while text.len() < length {
                    let mut part = [0; 4096];
                    let read = stream.read(&mut part).await.unwrap();
                    text.extend_from_slice(&part[..read]);
                }
                let begin = text.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
                let body = String::from_utf8(text[begin..].to_vec()).unwrap();
                kept.lock().unwrap().push(Request { headers: head, body });
                let status = statuses.next().unwrap_or(200);
                let answer = format!(
                    "HTTP/1.1 {status} x\r\nlocation: http://127.0.0.1:{port}/elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { port, requests }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// What openssl says; `None` where there is none.
pub fn openssl_hmac(secret: &str, text: &str) -> Option<String> {
    let child = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", secret])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        skip_without("openssl", "it is not on the PATH: signatures were not compared");
        return None;
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    Some(said.trim().rsplit(' ').next().unwrap().to_owned())
}

/// A mail that was taken.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Mail {
    pub to: Vec<String>,
    pub user: String,
    pub password: String,
    pub tls: bool,
    /// What was said before TLS.
    pub before: Vec<String>,
    pub subject: String,
    pub text: String,
}

/// The name of this machine.
pub fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map_or("unknown".to_owned(), |name| name.trim().to_owned())
}

/// A server of mail.
pub struct Smtp {
    pub port: u16,
    pub certificate: PathBuf,
    child: Child,
    mails: Arc<Mutex<Vec<Mail>>>,
    _folder: tempfile::TempDir,
}

impl Smtp {
    /// Starts it; `None`, and a word about it, where Python or openssl are missing.
    pub async fn start(tls: bool) -> Option<Self> {
        Self::start_with(tls, &[]).await
    }

    /// The same, where a client has to turn to TLS, and is reached by the name of this machine: by `localhost` it speaks
    /// without.
    pub async fn starting_tls() -> Option<Self> {
        if !(host(), 25).to_socket_addrs().is_ok_and(|mut all| all.any(|address| address.is_ipv4())) {
            skip_without("the name of this machine", "it has no address: turning to TLS was not tried");
            return None;
        }
        Self::start_with(true, &["starttls"]).await
    }

    async fn start_with(tls: bool, more: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, both) = (folder.path().join("certificate.pem"), folder.path().join("both.pem"));
        if tls {
            let key = folder.path().join("key.pem");
            let made = Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:prime256v1",
                    "-nodes",
                    "-days",
                    "2",
                ])
                .args(["-subj", "/CN=localhost", "-addext", &format!("subjectAltName=DNS:localhost,DNS:{}", host())])
                .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(&certificate)
                .output();
            if !made.is_ok_and(|made| made.status.success()) {
                skip_without("openssl", "it is not on the PATH: mail with TLS was not tried");
                return None;
            }
            let text = [std::fs::read(&key).unwrap(), std::fs::read(&certificate).unwrap()].concat();
            std::fs::write(&both, text).unwrap();
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/notify_servers/smtp.py");
        let mut command = Command::new("python3");
        command.arg(script).args(tls.then_some(&both)).args(more).stdout(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            skip_without("python3", "it is not on the PATH: mail was not tried");
            return None;
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let mails: Arc<Mutex<Vec<Mail>>> = Arc::default();
        let kept = mails.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Some(Self { port, certificate, child, mails, _folder: folder })
    }

    pub fn mails(&self) -> Vec<Mail> {
        // What was said before the server has ended its answer may be on its way.
        std::thread::sleep(std::time::Duration::from_millis(200));
        self.mails.lock().unwrap().clone()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
