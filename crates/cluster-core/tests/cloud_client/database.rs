//! A real CrateDB that lets its caller in by the Cloud's tokens.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clusterkeep_core::Result;
use clusterkeep_core::address::DatabaseUrl;
use clusterkeep_core::cloud::CloudClient;
use clusterkeep_core::error::ErrorClass;
use clusterkeep_core::managed::local::LocalServer;
use clusterkeep_core::secret::Secret;
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Statement, TokenSource, sql};
use clusterkeep_testkit::cloud::{Fixture, LocalCloud};
use clusterkeep_testkit::skip::skip;
use uuid::Uuid;

use super::support::client;

/// Asks for a token each time.
#[derive(Debug)]
struct Tokens(CloudClient, Uuid);

#[async_trait]
impl TokenSource for Tokens {
    async fn token(&self) -> Result<Secret> {
        Ok(self.0.jwt(self.1).await?.token)
    }
}

#[tokio::test]
async fn a_token_opens_a_real_cratedb() {
    if LocalServer::engine(Engine::Cratedb).installed().is_none() {
        skip(Engine::Cratedb, "no distribution is found");
        return;
    }
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let client = client(&cloud);
    let server = LocalServer::engine(Engine::Cratedb)
        .setting("auth.host_based.enabled", true)
        .setting("auth.host_based.config.0.user", "crate")
        .setting("auth.host_based.config.0.method", "trust")
        .setting("auth.host_based.config.1.method", "jwt")
        .setting("auth.host_based.config.1.protocol", "http")
        .start()
        .await
        .unwrap();
    // The claims of a token say for whom a user has to be made.
    let claims = claims(client.jwt(id).await.unwrap().token.expose());
    let user = format!(
        "CREATE USER owner WITH (jwt = {{\"iss\" = '{}', \"username\" = '{}', \"aud\" = '{}'}})",
        claims["iss"].as_str().unwrap(),
        claims["username"].as_str().unwrap(),
        claims["aud"].as_str().unwrap(),
    );
    let admin = server.connect().await.unwrap();
    admin.execute(Statement::assert_safe(user)).await.unwrap();

    let url: DatabaseUrl = server.url().parse().unwrap();
    let url = DatabaseUrl::cratedb(url.host(), url.port());
    let options = ConnectOptions::default().connect_timeout(Duration::from_secs(5));
    let db = Db::connect_as(&url, Arc::new(Tokens(client.clone(), id)), options.clone()).await.unwrap();
    let user = db.query(sql("SELECT current_user")).await.unwrap().scalar::<String>().unwrap();
    assert_eq!(user, "owner");
    assert!(db.server().await.unwrap().version.starts_with(char::is_numeric));

    let elsewhere = cloud.add_cluster(Fixture::named("other")).unwrap();
    let error = Db::connect_as(&url, Arc::new(Tokens(client, elsewhere)), options).await.unwrap_err();
    assert_eq!(error.class(), Some(ErrorClass::Authentication), "the token of another cluster: {error:?}");
    server.stop().await.unwrap();
}

/// The middle part of a token.
fn claims(token: &str) -> serde_json::Value {
    let middle = token.split('.').nth(1).unwrap();
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = middle.bytes().flat_map(|byte| {
        let six = alphabet.iter().position(|one| *one == byte).unwrap();
        (0..6).rev().map(move |bit| six >> bit & 1)
    });
    let bytes: Vec<u8> = std::iter::from_fn(|| {
        let eight: Vec<usize> = bits.by_ref().take(8).collect();
        (eight.len() == 8).then(|| eight.iter().fold(0, |byte, bit| byte << 1 | u8::try_from(*bit).unwrap()))
    })
    .collect();
    serde_json::from_slice(&bytes).unwrap()
}
