//! Tokens in place of a password.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use serde_json::json;

use crate::ExitCode;
use crate::address::DatabaseUrl;
use crate::cloud::testing::{Reply, Server};
use crate::error::{Error, ErrorClass, Result};
use crate::secret::Secret;
use crate::sql::{ConnectOptions, Db, TokenSource, sql};

/// Gives `one1`, `one2`, and so on.
#[derive(Debug)]
struct Counting(&'static str, AtomicU32);

#[async_trait]
impl TokenSource for Counting {
    async fn token(&self) -> Result<Secret> {
        let number = self.1.fetch_add(1, Ordering::Relaxed) + 1;
        if self.0.is_empty() { Err(Error::failed("no token")) } else { Ok(Secret::new(format!("{}{number}", self.0))) }
    }
}

fn tokens(name: &'static str) -> Arc<dyn TokenSource> {
    Arc::new(Counting(name, AtomicU32::new(0)))
}

async fn server() -> Server {
    let answer = json!({"cols": ["x"], "col_types": [9], "rows": [[1]], "rowcount": 1, "duration": 0.1});
    Server::start(move |_| Reply::json(answer.clone())).await
}

async fn connect(url: &str, name: &'static str) -> Result<Db> {
    Db::connect_as(&url.parse::<DatabaseUrl>()?, tokens(name), ConnectOptions::default()).await
}

#[tokio::test]
async fn each_request_has_a_token_of_its_own_database() {
    let server = server().await;
    let (one, two) = (connect(&server.endpoint, "one").await.unwrap(), connect(&server.endpoint, "two").await.unwrap());
    one.query(sql("SELECT 1")).await.unwrap();
    two.query(sql("SELECT 1")).await.unwrap();
    let mut sent: Vec<String> =
        server.requests().iter().filter_map(|request| request.header("authorization").map(str::to_owned)).collect();
    sent.sort();
    assert_eq!(sent, ["Bearer one1", "Bearer one2", "Bearer two1", "Bearer two2"]);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let server = server().await;
    let error = connect(&server.endpoint, "").await.unwrap_err();
    assert_eq!(error.class(), Some(ErrorClass::Authentication));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn tokens_are_for_cratedb_alone_and_never_travel_in_plain_text() {
    for (url, code) in [
        ("sqlite::memory:", 2),
        ("postgres://127.0.0.1", 2),
        ("https://crate@127.0.0.1:4200", 2),
        ("http://db.example.org:4200", 4),
    ] {
        let error = connect(url, "one").await.unwrap_err();
        assert_eq!(ExitCode::from(&error).code(), code, "{url}: {error}");
    }
}
