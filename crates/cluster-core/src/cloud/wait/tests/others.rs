//! Waiting for what is no change of a cluster that is there.

use std::sync::Mutex;

use serde_json::json;
use uuid::Uuid;

use super::super::super::testing::{Reply, Server};
use super::super::super::{Cluster, NewCluster};
use super::{ID, waiting};
use crate::secret::Secret;

#[tokio::test]
async fn a_cluster_is_never_created_twice() {
    let created = Mutex::new(false);
    let server = Server::start(move |request| {
        let mut created = created.lock().unwrap();
        if request.method == "POST" {
            *created = true;
            return Reply::Drop;
        }
        let same_name = json!({"id": Uuid::from_u128(1), "name": "staging"});
        let ours = json!({"id": ID, "name": "staging"});
        Reply::json(if *created { json!([same_name, ours]) } else { json!([same_name]) })
    })
    .await;
    let password = Secret::new("correct horse battery staple");
    let new = NewCluster::new("staging", "admin", password, "6.1.2").project(Uuid::nil()).free_tier();
    let (wait, ..) = waiting();
    let cluster: Cluster = server.client().create_once(Uuid::nil(), &new, &wait).await.unwrap();
    assert_eq!(cluster.id, ID);
    assert_eq!(server.count("POST", ""), 1);
}

#[tokio::test]
async fn a_job_reports_what_it_refused() {
    let turn = Mutex::new(0);
    let server = Server::start(move |_| {
        let mut turn = turn.lock().unwrap();
        *turn += 1;
        if *turn == 1 {
            return Reply::status(404, r#"{"message": "Resource not found."}"#);
        }
        let (status, records) = [("REGISTERED", 0), ("IN_PROGRESS", 5), ("SUCCEEDED", 9)][(*turn - 2).min(2)];
        Reply::json(json!({"id": ID, "status": status, "progress": {"records": records, "failed_records": 1,
            "total_records": 10, "message": "x", "percent": "unknown"}}))
    })
    .await;
    let (wait, _, heard) = waiting();
    let job = server.client().wait_for_import(ID, ID, &wait).await.unwrap();
    assert_eq!(job.failed_records(), 1);
    assert_eq!(*heard.lock().unwrap(), ["import registered: x", "import in progress: x", "import succeeded: x"]);
}
