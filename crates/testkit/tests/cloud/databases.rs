//! Tokens, and the databases that they open.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use clusterkeep_core::clock::SimulatedClock;
use clusterkeep_testkit::cloud::{Fixture, LocalCloud};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::caller::Caller;

/// Something that answers with what it was asked, head and body.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let (mut head, mut length) = (String::new(), 0);
                while stream.read_line(&mut head).await.unwrap_or(0) > 2 {
                    let line = head.lines().last().unwrap().to_ascii_lowercase();
                    length = line.strip_prefix("content-length: ").map_or(length, |value| value.parse().unwrap());
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).await.unwrap();
                let echo = json!({"head": head, "body": String::from_utf8(body).unwrap()}).to_string();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{echo}",
                    echo.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
        }
    });
    format!("http://real:pw@{address}")
}

async fn token(cloud: &LocalCloud, id: Uuid) -> Value {
    Caller::of(cloud).get(&format!("/clusters/{id}/jwt/")).await
}

async fn query(cloud: &LocalCloud, id: Uuid, token: &str) -> reqwest::Result<reqwest::Response> {
    let url = format!("{}/_sql?types", cloud.cluster(id)["url"].as_str().unwrap());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(url).bearer_auth(token).json(&json!({"stmt": "SELECT 1"})).send().await
}

#[tokio::test]
async fn a_token_opens_its_cluster_until_it_expires() {
    let clock = SimulatedClock::at("2026-07-10T10:00:00Z".parse().unwrap());
    let cloud = LocalCloud::builder().clock(Arc::new(clock.clone())).backed_by(&echo().await).start().await.unwrap();
    let (id, other) =
        (cloud.add_cluster(Fixture::named("one")).unwrap(), cloud.add_cluster(Fixture::named("two")).unwrap());
    let issued = token(&cloud, id).await;
    assert_eq!(issued["expiry"], "2026-07-10T11:00:00.000000+00:00");
    let text = issued["token"].as_str().unwrap();

    let answer: Value = query(&cloud, id, text).await.unwrap().json().await.unwrap();
    let head = answer["head"].as_str().unwrap();
    assert!(head.starts_with("POST /_sql?types HTTP/1.1"), "{head}");
    // The token stays here; what the real database wants to see goes there.
    assert!(!head.contains(text) && head.to_ascii_lowercase().contains("authorization: basic cmvhbdpwdw=="), "{head}");
    assert_eq!(answer["body"], r#"{"stmt":"SELECT 1"}"#);
    assert_eq!(query(&cloud, other, text).await.unwrap().status(), 401);
    assert_eq!(query(&cloud, id, "a.b.c").await.unwrap().status(), 401);

    clock.advance(TimeDelta::hours(1));
    assert_eq!(query(&cloud, id, text).await.unwrap().status(), 401);
    let body = json!({"refresh_token": issued["refresh"]});
    let (status, next) = Caller::of(&cloud).call("POST", "/meta/jwt/refresh/", body.clone()).await;
    assert_eq!(status, 200, "{next}");
    assert_eq!(query(&cloud, id, next["token"].as_str().unwrap()).await.unwrap().status(), 200);
    cloud.forget_refresh_tokens();
    assert_eq!(Caller::of(&cloud).call("POST", "/meta/jwt/refresh/", body).await.0, 401);
}

#[tokio::test]
async fn anybody_can_verify_a_token() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("one")).unwrap();
    let issued = token(&cloud, id).await;
    let keys: Value = Caller::of(&cloud).anonymous("/meta/jwk/").send().await.unwrap().json().await.unwrap();
    let key: jsonwebtoken::jwk::JwkSet = serde_json::from_value(keys).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(key.find("local-cloud").unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_audience(&[id.to_string()]);
    validation.set_issuer(&[format!("{}/api/v2/meta/jwk/", cloud.endpoint())]);
    let token = jsonwebtoken::decode::<Value>(issued["token"].as_str().unwrap(), &key, &validation).unwrap();
    assert_eq!(token.claims["username"], "gc_admin");
}

#[tokio::test]
async fn the_first_user_comes_in_with_his_password() {
    let cloud = LocalCloud::builder().backed_by(&echo().await).start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("one").user("me", "open sesame")).unwrap();
    let url = format!("{}/_sql", cloud.cluster(id)["url"].as_str().unwrap());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (password, status) in [("open sesame", 200), ("open barley", 401)] {
        let answer = client.post(&url).basic_auth("me", Some(password)).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    assert_eq!(client.post(&url).body("{}").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn nobody_answers_while_the_cluster_sleeps() {
    let cloud = LocalCloud::builder().operation_time(Duration::ZERO).backed_by(&echo().await).start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("one")).unwrap();
    let token = token(&cloud, id).await["token"].as_str().unwrap().to_owned();
    assert_eq!(query(&cloud, id, &token).await.unwrap().status(), 200);
    let caller = Caller::of(&cloud);
    let path = format!("/clusters/{id}/suspend/");
    caller.call("PUT", &path, json!({"suspended": true})).await;
    query(&cloud, id, &token).await.unwrap_err();
    caller.call("PUT", &path, json!({"suspended": false})).await;
    assert_eq!(query(&cloud, id, &token).await.unwrap().status(), 200);
    let url = cloud.cluster(id)["url"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    caller.call("DELETE", &format!("/clusters/{id}/"), Value::Null).await;
    // The door is closed by the thread of the Cloud, a moment later.
    let begun = std::time::Instant::now();
    while tokio::net::TcpStream::connect(&url).await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the port of a deleted cluster stays open");
    }
}
