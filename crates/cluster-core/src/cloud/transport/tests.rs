//! What is sent, what is tried again, and what ends when.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use uuid::Uuid;

use super::super::testing::{Reply, Server};
use super::*;
use crate::cloud::{ClusterFilter, OperationFilter};

fn cloud(error: Error) -> CloudError {
    match error {
        Error::Cloud(error) => *error,
        other => panic!("{other:?}"),
    }
}

/// A server that gives each of these answers in turn, then the last one for ever.
async fn in_turn(replies: Vec<Reply>) -> Server {
    let turn = AtomicU32::new(0);
    Server::start(move |_| {
        let turn = usize::try_from(turn.fetch_add(1, Ordering::Relaxed)).unwrap();
        replies[turn.min(replies.len() - 1)].clone()
    })
    .await
}

async fn fails(reply: Reply) -> CloudError {
    let server = in_turn(vec![reply]).await;
    cloud(server.client().clusters(&ClusterFilter::default()).await.unwrap_err())
}

#[tokio::test]
async fn a_request_says_who_asks_and_for_what() {
    let server = in_turn(vec![Reply::json(json!([]))]).await;
    let project = Some(Uuid::nil());
    server
        .client()
        .clusters(&ClusterFilter { project, product: Some("c r".into()), ..Default::default() })
        .await
        .unwrap();
    server.builder().sudo(true).region("r1").build().unwrap().regions().await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].path, format!("/api/v2/clusters/?project_id={}&product_name=c+r", Uuid::nil()));
    assert_eq!(requests[0].header("authorization"), Some("Basic a2V5Omh1bnRlcjI="));
    assert_eq!(requests[0].header("x-region"), Some("_any_"));
    assert_eq!(requests[0].header("accept"), Some("application/json"));
    assert_eq!(requests[0].header("user-agent"), Some(concat!("clusterkeep/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(requests[0].header("x-auth-sudo"), None);
    assert_eq!((requests[1].header("x-region"), requests[1].header("x-auth-sudo")), (Some("r1"), Some("1")));
}

#[tokio::test]
async fn a_part_of_a_path_stays_one() {
    let server = in_turn(vec![Reply::json(json!({"id": "x"}))]).await;
    server.client().subscription("a/../b?c#d").await.unwrap();
    assert_eq!(server.requests()[0].path, "/api/v2/subscriptions/a%2F..%2Fb%3Fc%23d/");
}

#[tokio::test]
async fn reading_is_tried_again_where_the_server_is_busy_or_breaks_off() {
    let server = in_turn(vec![Reply::status(503, "<html>"), Reply::Drop, Reply::json(json!([]))]).await;
    assert!(server.client().clusters(&ClusterFilter::default()).await.unwrap().is_empty());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn changing_is_never_sent_twice() {
    for reply in [Reply::status(503, ""), Reply::Drop, Reply::status(500, "")] {
        let server = in_turn(vec![reply]).await;
        server.client().set_suspended(Uuid::nil(), true).await.unwrap_err();
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn giving_up_says_how_often_it_was_tried() {
    let error = fails(Reply::status(503, r#"{"message": "Come back later."}"#)).await;
    assert_eq!((error.kind, error.attempts, error.status), (CloudErrorKind::Busy, ATTEMPTS, Some(503)));
    assert!(error.elapsed > Duration::from_secs(1), "{:?}", error.elapsed);
    let text = error.to_string();
    assert!(text.starts_with("list clusters: HTTP status 503: Come back later. (5 attempts in "), "{text}");
}

#[tokio::test]
async fn nothing_there_is_found_out_soon() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = CloudClient::builder().endpoint(endpoint).credentials(Credentials::key("k", "s")).build().unwrap();
    let start = Instant::now();
    // Nothing was sent, so that even what changes something can be tried again.
    let error = cloud(client.set_suspended(Uuid::nil(), true).await.unwrap_err());
    assert_eq!((error.kind, error.attempts), (CloudErrorKind::Unreachable, ATTEMPTS));
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_server_that_accepts_and_never_answers_ends_at_the_deadline() {
    for reply in [Reply::Hang, Reply::HangInBody] {
        let server = in_turn(vec![reply]).await;
        let (attempt, all) = (Duration::from_millis(150), Duration::from_millis(700));
        let client = server.builder().timeout(attempt).deadline(all).build().unwrap();
        let id = Uuid::nil();
        let start = Instant::now();
        let error = cloud(client.cluster(id).await.unwrap_err());
        assert_eq!(error.kind, CloudErrorKind::Timeout);
        assert!(error.attempts > 1 && start.elapsed() < Duration::from_millis(1500), "{error} {:?}", start.elapsed());
        let start = Instant::now();
        let error = cloud(client.delete_cluster(id).await.unwrap_err());
        assert_eq!((error.kind, error.attempts), (CloudErrorKind::Timeout, 1));
        assert!(start.elapsed() < Duration::from_millis(600), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_page_of_html_is_not_of_the_api() {
    let page = "<!doctype html><title>Welcome to the corporate proxy</title>";
    let error = fails(Reply::status(200, page)).await;
    assert_eq!((error.kind, error.status, error.body.as_str()), (CloudErrorKind::Nonsense, Some(200), page));
    assert!(error.to_string().starts_with("list clusters: HTTP status 200: the answer is not of the API"), "{error}");
    let other = fails(Reply::status(200, r#"[{"no": "id"}]"#)).await;
    assert_eq!(other.kind, CloudErrorKind::Nonsense);
}

#[tokio::test]
async fn a_refusal_that_is_plain_text_is_one_line_with_a_hint() {
    let error = fails(Reply::status(401, "401 - Unauthorized")).await;
    assert_eq!(error.to_string(), "list clusters: HTTP status 401: 401 - Unauthorized");
    assert!(error.hint().unwrap().contains("CRATEDB_CLOUD_API_KEY"));
}

#[tokio::test]
async fn an_expired_session_is_an_error_and_no_redirect_is_followed() {
    let server = Server::start(|request| match request.path.as_str() {
        "/elsewhere/" => Reply::json(json!([])),
        _ => Reply::Text(302, "location: /?rd=%2Fapi%2Fv2%2Fclusters%2F\r\n", String::new()),
    })
    .await;
    let error = cloud(server.client().clusters(&ClusterFilter::default()).await.unwrap_err());
    assert_eq!((error.kind, error.status), (CloudErrorKind::Unauthorized, Some(302)));
    assert!(error.to_string().contains("the session has expired"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_session_goes_on_with_the_token_that_the_server_sends() {
    let cookie = "set-cookie: other=1; Path=/\r\nset-cookie: session=n3xt; Path=/; HttpOnly\r\n";
    let server = Server::start(move |_| Reply::Text(200, cookie, "[]".into())).await;
    let client = server.builder().credentials(Credentials::Session(Secret::new("f1rst"))).build().unwrap();
    let identity = client.identity();
    client.regions().await.unwrap();
    client.clone().regions().await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].header("cookie"), Some("session=f1rst"));
    assert_eq!(requests[1].header("cookie"), Some("session=n3xt"));
    assert_eq!(requests[1].header("authorization"), None);
    assert_eq!(client.identity(), identity);
}

#[tokio::test]
async fn the_body_of_a_refusal_is_kept_in_part_and_that_of_a_secret_not_at_all() {
    let error = fails(Reply::status(400, &"x".repeat(100 << 10))).await;
    assert_eq!(error.body.len(), 64 << 10);
    for reply in [r#"{"token": 1, "refresh": "hunter2"}"#, "hunter2"] {
        let server = in_turn(vec![Reply::status(200, reply)]).await;
        let error = cloud(server.client().jwt(Uuid::nil()).await.unwrap_err());
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let server = in_turn(vec![Reply::status(200, &format!("[{}", " ".repeat(65 << 20)))]).await;
    let error = cloud(server.client().clusters(&ClusterFilter::default()).await.unwrap_err());
    assert_eq!(error.kind, CloudErrorKind::Nonsense);
    assert!(error.body.is_empty());
}

#[tokio::test]
async fn a_list_that_the_server_leaves_out_is_empty() {
    for reply in [Reply::json(json!({})), Reply::json(json!(null)), Reply::status(204, ""), Reply::status(200, "")] {
        let server = in_turn(vec![reply]).await;
        assert!(server.client().operations(Uuid::nil(), &OperationFilter::default()).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_server_says_when_to_come_back() {
    let server = in_turn(vec![Reply::Text(429, "retry-after: 1\r\n", String::new()), Reply::json(json!([]))]).await;
    let start = Instant::now();
    server.client().regions().await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_server_that_repeats_what_it_was_sent_shows_no_secret() {
    let server = Server::start(|request| {
        let echo = String::from_utf8_lossy(&request.body).into_owned();
        let said = json!({"message": format!("Not {echo}, hunter2"), "errors": {"password": [echo]}});
        Reply::status(400, &said.to_string())
    })
    .await;
    let password = Secret::new("correct horse battery staple");
    let error = cloud(server.client().set_password(Uuid::nil(), &password).await.unwrap_err());
    let text = format!("{error:?} {error}");
    assert!(text.contains("***") && !text.contains("correct horse") && !text.contains("hunter2"), "{text}");
}
