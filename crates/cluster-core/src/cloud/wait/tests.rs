//! Waiting, on a clock that tests move.

mod others;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::testing::{Reply, Server};
use super::super::{CloudError, CloudErrorKind};
use super::*;
use crate::clock::SimulatedClock;
use crate::error::Error;
use crate::event::Event;

const ID: Uuid = Uuid::from_u128(7);

/// A cluster that is what its script makes of it: called on each request with its number of operations requests so far.
struct World {
    suspended: bool,
    operations: Vec<Value>,
    running: &'static str,
    lists: u32,
    calls: u32,
}

impl World {
    fn cluster(&self) -> Value {
        json!({"id": ID, "name": "staging", "suspended": self.suspended,
               "health": {"running_operation": self.running, "status": "GREEN", "last_seen": ""}})
    }

    fn operation(&mut self, id: &str, status: &str, message: &str) {
        self.operations.retain(|one| one["id"] != id);
        let one = json!({"id": id, "type": "SUSPEND", "status": status, "feedback_data": {"message": message}});
        self.operations.insert(0, one);
    }
}

/// A server over a world; `script` gets the world before each request is answered, and may answer itself.
async fn serve(script: impl Fn(&mut World, &str, &str) -> Option<Reply> + Send + Sync + 'static) -> Server {
    let old = json!({"id": "old", "type": "SUSPEND", "status": "FAILED", "feedback_data": {"message": "long ago"}});
    let world = World { suspended: true, operations: vec![old], running: "", lists: 0, calls: 0 };
    let world = Mutex::new(world);
    Server::start(move |request| {
        let mut world = world.lock().unwrap();
        let list = request.path.contains("/operations/");
        world.lists += u32::from(list);
        world.calls += u32::from(request.method == "PUT");
        if let Some(reply) = script(&mut world, &request.method, &request.path) {
            return reply;
        }
        Reply::json(if list { json!({"operations": world.operations}) } else { world.cluster() })
    })
    .await
}

/// A wait on a clock that moves by being waited on, and what is heard meanwhile.
fn waiting() -> (Wait, SimulatedClock, Arc<Mutex<Vec<String>>>) {
    let clock = SimulatedClock::at("2026-07-10T00:00:00Z".parse().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    let events = Events::to(move |event| {
        if let Event::Operation { what, status, message, .. } = event {
            ears.lock().unwrap().push(format!("{what} {status}: {}", message.unwrap_or_default()));
        }
    });
    (Wait::default().clock(Arc::new(clock.clone())).events(events), clock, heard)
}

fn cloud(error: Error) -> CloudError {
    match error {
        Error::Cloud(error) => *error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_operation_is_followed_to_its_end_and_the_cluster_read_again() {
    let server = serve(|world, method, path| {
        match (method, world.lists) {
            // Right after the call nothing has changed yet, nor for a while after its success.
            ("PUT", _) => world.operation("new", "REGISTERED", "Your request was received."),
            ("GET", 3) => world.operation("new", "SENT", ""),
            ("GET", 4) => world.operation("new", "IN_PROGRESS", "Starting cluster."),
            ("GET", 5..) => world.operation("new", "SUCCEEDED", ""),
            _ => {}
        }
        if world.lists >= 5 && path.ends_with(&format!("{ID}/")) {
            world.lists += 1;
            world.suspended = world.lists < 8;
        }
        None
    })
    .await;
    let (wait, _, heard) = waiting();
    let cluster = server.client().resume(ID, &wait).await.unwrap();
    assert_eq!(cluster.suspended, Some(false), "nothing stale is returned");
    let said = [
        "resume registered: Your request was received.",
        "resume sent: ",
        "resume in progress: Starting cluster.",
        "resume succeeded: ",
    ];
    assert_eq!(*heard.lock().unwrap(), said);
}

#[tokio::test]
async fn an_hour_of_waiting_costs_at_most_one_request_for_each_pause() {
    let server = serve(|world, method, _| {
        if method == "PUT" {
            world.operation("new", "IN_PROGRESS", "Waiting for node 1/1.");
        }
        None
    })
    .await;
    let (wait, clock, heard) = waiting();
    let start = crate::clock::Clock::now(&clock);
    let error = cloud(server.client().resume(ID, &wait.timeout(Duration::from_secs(3600))).await.unwrap_err());
    assert_eq!((error.kind, error.status), (CloudErrorKind::Timeout, None));
    assert_eq!(
        error.to_string(),
        "resume cluster staging: not done in time: after 3600 s it is in progress: Waiting for node 1/1."
    );
    assert!(error.hint().unwrap().contains("cluster operations --cluster staging"));
    assert_eq!((crate::clock::Clock::now(&clock) - start).num_seconds(), 3600);
    let requests = server.requests().len();
    assert!((3600 / 12..=3600 / 10 + 12).contains(&requests), "{requests}");
    assert_eq!(heard.lock().unwrap().len(), 1, "what is the same is said once");
}

#[tokio::test]
async fn a_service_without_operations_is_asked_no_more_often() {
    let server = serve(|_, _, path| path.contains("/operations/").then(|| Reply::json(json!({})))).await;
    let (wait, ..) = waiting();
    let error = cloud(server.client().resume(ID, &wait.timeout(Duration::from_secs(3600))).await.unwrap_err());
    assert_eq!(error.kind, CloudErrorKind::Timeout);
    assert!(server.requests().len() <= 3600 / 10 + 12, "{}", server.requests().len());
}

#[tokio::test]
async fn a_missing_list_of_operations_does_not_end_the_waiting() {
    let server = serve(|world, method, path| {
        if method == "GET" && path.ends_with(&format!("{ID}/")) && world.calls > 0 {
            world.calls += 1;
            world.suspended = world.calls < 4;
        }
        path.contains("/operations/").then(|| Reply::json(json!({"operations": []})))
    })
    .await;
    let (wait, ..) = waiting();
    assert_eq!(server.client().resume(ID, &wait).await.unwrap().suspended, Some(false));
    assert!(server.count("GET", "/operations/") > 1);
}

#[tokio::test]
async fn a_failed_operation_is_an_error_with_the_keepers_words_or_without() {
    for message in ["No capacity left.", ""] {
        let server = serve(move |world, method, _| {
            if method == "PUT" {
                world.operation("new", "FAILED", message);
            }
            None
        })
        .await;
        let (wait, ..) = waiting();
        let error = cloud(server.client().resume(ID, &wait).await.unwrap_err());
        assert_eq!(error.kind, CloudErrorKind::OperationFailed);
        assert_eq!(error.message.as_deref(), Some(message).filter(|text| !text.is_empty()));
        assert!(error.to_string().starts_with("resume cluster staging: the operation has failed"), "{error}");
    }
}

const CONFLICT: &str = r#"{"message": "Another cluster operation is currently in progress, please try again later."}"#;

#[tokio::test]
async fn a_conflict_joins_what_is_going_on() {
    let server = serve(|world, method, _| {
        if method == "PUT" {
            // Somebody else resumes it at this very moment.
            world.operation("theirs", "IN_PROGRESS", "Starting cluster.");
            return Some(Reply::status(400, CONFLICT));
        }
        if world.lists == 4 {
            world.operation("theirs", "SUCCEEDED", "");
            world.suspended = false;
        }
        None
    })
    .await;
    let (wait, ..) = waiting();
    assert_eq!(server.client().resume(ID, &wait).await.unwrap().suspended, Some(false));
    assert_eq!(server.count("PUT", "/suspend/"), 1, "what is there already is not asked for again");
}

#[tokio::test]
async fn after_a_conflict_that_leads_elsewhere_it_is_asked_for_again() {
    let server = serve(|world, method, _| {
        match (method, world.calls) {
            ("PUT", 1) => {
                world.operation("theirs", "IN_PROGRESS", "Suspending cluster.");
                return Some(Reply::status(409, CONFLICT));
            }
            ("PUT", _) => {
                world.operation("ours", "SUCCEEDED", "");
                world.suspended = false;
            }
            ("GET", 1) if world.lists == 3 => world.operation("theirs", "SUCCEEDED", ""),
            _ => {}
        }
        None
    })
    .await;
    let (wait, ..) = waiting();
    assert_eq!(server.client().resume(ID, &wait).await.unwrap().suspended, Some(false));
    assert_eq!(server.count("PUT", "/suspend/"), 2);
}

#[tokio::test]
async fn a_conflict_that_never_ends_is_waited_for_until_the_deadline() {
    let server = serve(|_, method, _| (method == "PUT").then(|| Reply::status(409, CONFLICT))).await;
    let (wait, ..) = waiting();
    let error = cloud(server.client().resume(ID, &wait.timeout(Duration::from_secs(600))).await.unwrap_err());
    assert_eq!(error.kind, CloudErrorKind::Timeout);
    assert!(server.count("PUT", "") < 600 / 10 + 12, "{}", server.count("PUT", ""));
}

#[tokio::test]
async fn a_lost_answer_does_not_lose_the_operation() {
    let server = serve(|world, method, _| {
        if method == "PUT" {
            world.operation("new", "SUCCEEDED", "");
            world.suspended = false;
            return Some(Reply::Drop);
        }
        None
    })
    .await;
    let (wait, ..) = waiting();
    server.client().resume(ID, &wait).await.unwrap();
    assert_eq!(server.count("PUT", "/suspend/"), 1);
}

#[tokio::test]
async fn what_is_there_already_is_not_asked_for() {
    let server = serve(|_, _, _| None).await;
    let (wait, ..) = waiting();
    server.client().suspend(ID, &wait).await.unwrap();
    assert_eq!(server.count("PUT", ""), 0);
}

#[tokio::test]
async fn a_service_that_is_away_for_a_while_is_borne_and_for_long_is_not() {
    let server = serve(|world, method, path| {
        if method == "PUT" {
            world.operation("new", "IN_PROGRESS", "");
        }
        if world.calls > 0 && path.contains("/operations/") && world.lists % 4 != 0 {
            return Some(Reply::status(500, "<html>"));
        }
        if world.lists > 16 {
            world.operation("new", "SUCCEEDED", "");
            world.suspended = false;
        }
        None
    })
    .await;
    let (wait, ..) = waiting();
    server.client().resume(ID, &wait).await.unwrap();
    let server = serve(|world, method, _| (method == "GET" && world.calls > 0).then(|| Reply::status(500, ""))).await;
    let (wait, ..) = waiting();
    let error = cloud(server.client().resume(ID, &wait).await.unwrap_err());
    assert_eq!(error.kind, CloudErrorKind::Server);
}

#[tokio::test]
async fn dropping_the_wait_stops_asking() {
    let server = serve(|world, method, _| {
        if method == "PUT" {
            world.operation("new", "IN_PROGRESS", "");
        }
        None
    })
    .await;
    let wait = Wait::default().pauses(Duration::from_millis(5), Duration::from_millis(5));
    let client = server.client();
    let cut = tokio::time::timeout(Duration::from_millis(300), client.resume(ID, &wait)).await;
    assert!(cut.is_err());
    let asked = server.requests().len();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(server.requests().len() <= asked + 1);
}
