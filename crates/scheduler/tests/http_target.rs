//! Requests as jobs, to a server of this machine.

#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{any, get};
use chrono::Utc;
use clusterkeep_scheduler::deploy::Timetables;
use clusterkeep_scheduler::{
    Event, Job, MemoryStore, Permissions, Retry, RunQuery, RunRecord, RunState, Scheduler, Store, Target, Targets,
    Timetable, Triggered,
};

async fn once(target: &str) -> RunRecord {
    let target: Target = serde_json::from_str(target).unwrap();
    let job = Job::named("it").target(target).at("2100-01-01T00:00:00Z".parse().unwrap());
    let triggered = Scheduler::builder().targets(Targets::local()).job(job).trigger("it").await.unwrap();
    let Triggered::Ran(run) = triggered else { panic!("it ran elsewhere") };
    *run
}

/// What it is asked, as an answer.
async fn echo(headers: HeaderMap, request: Request) -> String {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let said = serde_json::json!({
        "method": method.as_str(), "uri": uri.to_string(), "body": String::from_utf8_lossy(&body),
        "type": header("content-type"), "authorization": header("authorization"), "key": header("x-key"),
        "referer": header("referer"),
    });
    said.to_string()
}

async fn serve() -> String {
    let tried = Arc::new(AtomicUsize::new(0));
    let flaky = get(move || async move {
        if tried.fetch_add(1, Ordering::SeqCst) < 2 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    });
    let endless = get(|| async {
        let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 8192])));
        Body::from_stream(chunks).into_response()
    });
    let slow = get(|| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        "late"
    });
    let status = get(|uri: Uri| async move {
        let code = StatusCode::from_bytes(uri.query().unwrap().as_bytes()).unwrap();
        (code, "first line\nsecond")
    });
    let app = Router::new()
        .route("/echo", any(echo))
        .route("/flaky", flaky)
        .route("/endless", endless)
        .route("/slow", slow)
        .route("/status", status)
        .route("/here", any(|| async { Redirect::temporary("/echo") }))
        .route("/loop", any(|| async { Redirect::temporary("/loop") }))
        .route("/away", any(|uri: Uri| async move { Redirect::temporary(uri.query().unwrap()) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test]
async fn a_request_is_sent_as_it_is_said() {
    let base = serve().await;
    let run = once(&format!(r#"{{"http": "{base}/echo?a=1"}}"#)).await;
    let result = run.result.unwrap();
    assert_eq!(
        (run.state, &result["method"], &result["uri"]),
        (RunState::Succeeded, &"GET".into(), &"/echo?a=1".into())
    );
    assert!(run.message.unwrap().starts_with("200 OK, "));

    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "s3cret\n").unwrap();
    let run = once(&format!(
        r#"{{"http": "{base}/echo", "method": "POST", "body": {{"a": [1]}},
            "headers": {{"Authorization": "Bearer file:{}", "X-Key": "plain"}}}}"#,
        token.display()
    ))
    .await;
    let result = run.result.unwrap();
    assert_eq!(result["body"], "{\"a\":[1]}");
    assert_eq!(result["type"], "application/json");
    assert_eq!((&result["authorization"], &result["key"]), (&"Bearer s3cret".into(), &"plain".into()));
    let run = once(&format!(r#"{{"http": "{base}/echo", "method": "PUT", "body": "as it is"}}"#)).await;
    assert_eq!(run.result.unwrap()["body"], "as it is");
}

#[tokio::test]
async fn a_status_means_what_the_job_says() {
    let base = serve().await;
    let run = once(&format!(r#"{{"http": "{base}/status?404&secret=1"}}"#)).await;
    assert_eq!(run.state, RunState::Failed);
    let run = once(&format!(r#"{{"http": "{base}/status?404"}}"#)).await;
    assert_eq!(
        run.error.unwrap(),
        format!("GET {base}/status answered 404 Not Found: first line"),
        "the query is not shown"
    );
    assert_eq!(run.output.as_deref(), Some("first line\nsecond"));
    let run = once(&format!(r#"{{"http": "{base}/status?404", "expect": [404, 410]}}"#)).await;
    assert_eq!(run.state, RunState::Succeeded);
    let run = once(&format!(r#"{{"http": "{base}/status?204", "expect": [200]}}"#)).await;
    assert_eq!(run.state, RunState::Failed);
}

/// Runs a job by a scheduler until its run is final; returns how it ended, and after how many attempts.
async fn with_retries(target: &str) -> (RunState, u32) {
    let (ends, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let target: Target = serde_json::from_str(target).unwrap();
    let retry = Retry::times(5).first("10ms".parse().unwrap()).most("20ms".parse().unwrap());
    let job = Job::named("it").target(target).retry(retry).at("2100-01-01T00:00:00Z".parse().unwrap());
    let scheduler = Scheduler::builder()
        .targets(Targets::local())
        .job(job)
        .on_event(move |event| {
            if let Event::Finished(run) = event
                && run.state.is_final()
            {
                ends.send((run.state, run.attempt)).ok();
            }
        })
        .start()
        .await
        .unwrap();
    scheduler.trigger("it").await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(30), ended.recv()).await.unwrap().unwrap();
    scheduler.drain().await.unwrap();
    end
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let base = serve().await;
    assert_eq!(with_retries(&format!(r#"{{"http": "{base}/flaky"}}"#)).await, (RunState::Succeeded, 3));
    assert_eq!(with_retries(&format!(r#"{{"http": "{base}/status?400"}}"#)).await, (RunState::Dead, 1));
    let said = format!(r#"{{"http": "{base}/status?400", "retry_on": [400]}}"#);
    assert_eq!(with_retries(&said).await, (RunState::Dead, 5));
    // Nobody is there.
    assert_eq!(with_retries(r#"{"http": "http://127.0.0.1:1/"}"#).await, (RunState::Dead, 5));
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut() {
    let base = serve().await;
    let began = Instant::now();
    let run = once(&format!(r#"{{"http": "{base}/endless"}}"#)).await;
    assert_eq!((run.state, run.result), (RunState::Succeeded, None));
    assert_eq!(run.output.unwrap().len(), 64 << 10);
    assert!(run.message.unwrap().contains("more than 65536 bytes"));
    let run = once(&format!(r#"{{"http": "{base}/slow", "within": "200ms"}}"#)).await;
    assert_eq!(run.state, RunState::Failed);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_is_said_and_secrets_stay_at_home() {
    let (base, other) = (serve().await, serve().await);
    let run = once(&format!(r#"{{"http": "{base}/here"}}"#)).await;
    assert_eq!(run.state, RunState::Failed, "a redirect is an answer that is not expected");
    let run = once(&format!(r#"{{"http": "{base}/here", "redirects": 1, "headers": {{"X-Key": "k"}}}}"#)).await;
    assert_eq!(run.result.unwrap()["key"], "k");
    let run = once(&format!(r#"{{"http": "{base}/loop", "redirects": 3}}"#)).await;
    assert_eq!(run.state, RunState::Failed);
    let run = once(&format!(r#"{{"http": "{base}/away?{other}/echo", "redirects": 3}}"#)).await;
    assert_eq!(run.state, RunState::Succeeded, "{:?}", run.error);
    assert_eq!(run.result.unwrap()["referer"], serde_json::Value::Null, "what stands in a query may be secret");
    let run =
        once(&format!(r#"{{"http": "{base}/away?{other}/echo", "redirects": 3, "headers": {{"X-Key": "k"}}}}"#)).await;
    assert_eq!(run.state, RunState::Failed, "what was meant for one host is not sent to another");
}

#[tokio::test]
async fn those_of_stored_jobs_go_where_this_machine_lets_them_and_no_redirect_leads_elsewhere() {
    let (base, other) = (serve().await, serve().await);
    let job = |name: &str, url: &str| {
        let run = serde_json::json!({ "http": url, "redirects": 3 });
        serde_json::from_value(serde_json::json!({ "name": name, "when": "@every 1s", "run": run })).unwrap()
    };
    let jobs = vec![
        job("listed", &format!("{base}/echo")),
        job("within", &format!("{base}/here")),
        job("away", &format!("{base}/away?{other}/echo")),
        job("unlisted", &format!("{other}/echo")),
    ];
    let store: Arc<dyn Store> = MemoryStore::new().into();
    let folder = tempfile::tempdir().unwrap();
    let timetables = Timetables::new(store.clone(), "memory", folder.path());
    let plan = timetables.plan(&[Timetable::of("weather", jobs)], Utc::now()).await.unwrap();
    timetables.apply(&plan, plan.hash.into()).await.unwrap();
    let allow = serde_json::json!({ "namespaces": { "weather": { "targets": ["http"], "origins": [base] } } });
    let allow: Permissions = serde_json::from_value(allow).unwrap();
    let builder = Scheduler::builder().store(store.clone()).namespace("weather").targets(Targets::local());
    let scheduler = builder.stored().permissions(allow).start().await.unwrap();
    let mut states = Vec::new();
    while states.len() < 4 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let runs = store.runs(&RunQuery::within("weather")).await.unwrap();
        let ended = runs.into_iter().filter(|run| run.state.is_final());
        states = ended.map(|run| (run.key.job, run.state)).collect();
        states.sort_by(|a: &(String, RunState), b| a.0.cmp(&b.0));
        states.dedup_by(|a, b| a.0 == b.0);
    }
    scheduler.drain().await.unwrap();
    let of = |job: &str| states.iter().find(|(name, _)| name == job).unwrap().1;
    assert_eq!((of("listed"), of("within")), (RunState::Succeeded, RunState::Succeeded));
    assert_eq!((of("away"), of("unlisted")), (RunState::Failed, RunState::Refused));
}
