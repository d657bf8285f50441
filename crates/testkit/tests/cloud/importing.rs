//! Jobs on a real CrateDB behind a cluster: what is imported is there, what is exported is what is there.

use clusterkeep_core::sql::{Engine, sql};
use clusterkeep_testkit::cloud::{Fixture, LocalCloud};
use clusterkeep_testkit::servers;
use serde_json::{Value, json};

use crate::caller::Caller;

async fn ended(caller: &Caller, path: &str) -> Value {
    let begun = std::time::Instant::now();
    loop {
        let job = caller.get(path).await;
        if ["SUCCEEDED", "FAILED"].contains(&job["status"].as_str().unwrap()) {
            return job;
        }
        assert!(begun.elapsed().as_secs() < 60, "{job}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn rows_go_in_and_come_out() {
    let Some(database) = servers::cratedb().await else { return };
    assert_eq!(database.engine(), Engine::Cratedb);
    let url = format!("http://127.0.0.1:{}", database.server().port());
    let cloud = LocalCloud::builder().backed_by(&url).start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let caller = Caller::of(&cloud);

    let files = format!("/organizations/{}/files/", cloud.organization());
    let (_, file) = caller.call("POST", &files, json!({"name": "readings.csv"})).await;
    let upload = reqwest::Client::new().put(file["upload_url"].as_str().unwrap());
    upload.body("place,value\nhere,1.5\nthere,2.5\n").send().await.unwrap();
    let jobs = format!("/clusters/{id}/import-jobs/");
    let table = format!("{}.readings", database.name());
    let import = json!({
        "type": "file", "format": "csv", "file": {"id": file["id"]}, "destination": {"table": table, "create_table": true},
    });
    let (status, job) = caller.call("POST", &jobs, import.clone()).await;
    assert_eq!(status, 201, "{job}");
    let job = ended(&caller, &format!("{jobs}{}/", job["id"].as_str().unwrap())).await;
    assert_eq!((&job["status"], &job["progress"]["records"]), (&json!("SUCCEEDED"), &json!(2)), "{job}");
    assert_eq!(job["progress"]["message"], "Import succeeded");
    let db = database.connect().await;
    let rows = db.query(sql("SELECT place, value FROM readings ORDER BY place")).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows.iter().next().unwrap().get::<String>(0).unwrap(), "here");

    let exports = format!("/clusters/{id}/export-jobs/");
    let export = json!({"source": {"table": table}, "destination": {"format": "json"}});
    let (_, job) = caller.call("POST", &exports, export).await;
    let job = ended(&caller, &format!("{exports}{}/", job["id"].as_str().unwrap())).await;
    let url = job["destination"]["file"]["download_url"].as_str().unwrap_or_else(|| panic!("{job}"));
    let mut lines: Vec<Value> = reqwest::get(url)
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines.sort_by_key(|line| line["place"].to_string());
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["place"], "here");

    let export = json!({"source": {"table": "doc.nowhere"}, "destination": {"format": "csv"}});
    let (_, job) = caller.call("POST", &exports, export).await;
    let job = ended(&caller, &format!("{exports}{}/", job["id"].as_str().unwrap())).await;
    assert_eq!(job["status"], "FAILED");
    assert!(job["progress"]["message"].as_str().unwrap().contains("nowhere"), "{job}");

    let token = caller.get(&format!("/clusters/{id}/jwt/")).await["token"].as_str().unwrap().to_owned();
    let sql = format!("{}/_sql", cloud.cluster(id)["url"].as_str().unwrap());
    let answer = reqwest::Client::new().post(sql).bearer_auth(token).json(&json!({"stmt": "SELECT 42"})).send().await;
    assert_eq!(answer.unwrap().json::<Value>().await.unwrap()["rows"], json!([[42]]));
}
