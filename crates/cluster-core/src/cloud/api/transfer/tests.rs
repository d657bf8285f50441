//! Content on its way.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::super::super::testing::{Reply, Server};
use super::*;

fn file(server: &Server) -> CloudFile {
    let url = format!("{}/bucket/x?signature=hunter2", server.endpoint);
    serde_json::from_value(json!({"id": Uuid::nil(), "upload_url": url, "download_url": url})).unwrap()
}

fn cloud(error: Error) -> CloudError {
    match error {
        Error::Cloud(error) => *error,
        other => panic!("{other:?}"),
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[tokio::test]
async fn content_goes_up_as_it_is_with_its_length_and_without_the_key() {
    let server = Server::start(|_| Reply::status(200, "")).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv.gz");
    let content: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(&path, &content).unwrap();
    server.client().upload(&file(&server), &path).await.unwrap();
    let request = server.requests().remove(0);
    assert_eq!(request.header("content-length"), Some("4000000"));
    assert_eq!((request.header("authorization"), request.header("cookie")), (None, None));
    assert_eq!(request.method, "PUT");
    assert!(request.body == content);
}

#[tokio::test]
async fn content_comes_down_whole_or_not_at_all() {
    let server = Server::start(|_| Reply::Text(200, "content-encoding: gzip\r\n", "no gzip at all".into())).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    assert_eq!(server.client().download(&file(&server), &path).await.unwrap(), 14);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "no gzip at all");
    let error = server.client().download(&file(&server), &path).await.unwrap_err();
    assert!(error.to_string().ends_with("is there already"), "{error}");
    assert_eq!(server.requests()[0].header("authorization"), None);
    std::fs::remove_file(&path).unwrap();
    let server = Server::start(|_| Reply::HangInBody).await;
    let client = server.builder().timeout(Duration::from_millis(100)).build().unwrap();
    let error = cloud(client.download(&file(&server), &path).await.unwrap_err());
    assert_eq!(error.kind, CloudErrorKind::Timeout);
    assert!(is_empty(folder.path()), "nothing is left behind");
}

#[tokio::test]
async fn a_store_that_stands_still_or_refuses_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, "a").unwrap();
    let server = Server::start(|_| Reply::Hang).await;
    let client = server.builder().timeout(Duration::from_millis(100)).build().unwrap();
    assert_eq!(cloud(client.upload(&file(&server), &path).await.unwrap_err()).kind, CloudErrorKind::Timeout);
    let xml = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    let server = Server::start(move |_| Reply::status(403, xml)).await;
    let error = cloud(server.client().upload(&file(&server), &path).await.unwrap_err());
    assert_eq!(error.kind, CloudErrorKind::Invalid);
    assert!(error.to_string().ends_with("HTTP status 403: Request has expired"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn content_goes_nowhere_that_is_not_safe() {
    let server = Server::start(|_| Reply::status(200, "")).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, "a").unwrap();
    for url in [json!(null), json!("http://example.org/x"), json!("file:///etc/passwd"), json!("x")] {
        let file: CloudFile =
            serde_json::from_value(json!({"id": Uuid::nil(), "upload_url": url, "download_url": url})).unwrap();
        assert_eq!(cloud(server.client().upload(&file, &path).await.unwrap_err()).kind, CloudErrorKind::Nonsense);
        let target = folder.path().join("b");
        assert_eq!(cloud(server.client().download(&file, &target).await.unwrap_err()).kind, CloudErrorKind::Nonsense);
    }
    let missing = server.client().upload(&file(&server), &folder.path().join("none")).await.unwrap_err();
    assert!(matches!(missing, Error::Io { .. }));
    assert!(server.requests().is_empty());
}
