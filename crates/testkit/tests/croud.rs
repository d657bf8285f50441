//! The vendor's own command line client, unmodified, against the local Cloud.
//!
//! It is found at the path that `CLUSTERKEEP_CROUD` names, or on the `PATH`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clusterkeep_testkit::cloud::{Fixture, LocalCloud};
use clusterkeep_testkit::skip;
use serde_json::Value;
use uuid::Uuid;

/// The environment variable with the path of the client.
const CROUD: &str = "CLUSTERKEEP_CROUD";

fn installed() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(CROUD).filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("croud")).find(|program| program.is_file())
}

/// The client, with a profile for one Cloud.
struct Croud {
    program: PathBuf,
    home: tempfile::TempDir,
    cloud: LocalCloud,
}

/// The client and a Cloud whose operations take no time: the client looks at them every ten seconds only. None, and a
/// word about it, where there is no client.
fn croud() -> Option<Croud> {
    let Some(program) = installed() else {
        skip::skip_without("croud", &format!("no croud on the PATH, nor at {CROUD}"));
        return None;
    };
    let cloud = LocalCloud::builder().operation_time(Duration::ZERO).start_blocking().unwrap();
    let home = tempfile::tempdir().unwrap();
    let profile = format!(
        "current-profile: local\ndefault-format: json\nprofiles:\n  local:\n    auth-token: null\n    key: {}\n    \
         secret: {}\n    endpoint: {}\n    region: _any_\n    organization-id: {}\n",
        cloud.key(),
        cloud.secret(),
        cloud.endpoint(),
        cloud.organization()
    );
    std::fs::create_dir_all(home.path().join("Crate")).unwrap();
    std::fs::write(home.path().join("Crate/croud.yaml"), profile).unwrap();
    Some(Croud { program, home, cloud })
}

impl Croud {
    /// What the client prints, as text: the data, and what it says beside it.
    fn said(&self, words: &str) -> (String, String) {
        let output = Command::new(&self.program)
            .args(words.split_whitespace().map(|word| word.replace('~', " ")))
            .env("XDG_CONFIG_HOME", self.home.path())
            .env("HOME", self.home.path())
            .env("NO_PROXY", "127.0.0.1")
            .current_dir(self.home.path())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    }

    /// What the client prints when nothing is wrong, up to what is no JSON, as documents. `~` stands for a space.
    #[track_caller]
    fn run(&self, words: &str) -> Vec<Value> {
        let (out, err) = self.said(words);
        let is_wrong = err.contains("Error") || err.contains("Traceback") || err.contains("usage:");
        assert!(!is_wrong, "croud {words}:\n{out}\n{err}");
        serde_json::Deserializer::from_str(&out).into_iter().map_while(Result::ok).collect()
    }

    /// The last document.
    #[track_caller]
    fn last(&self, words: &str) -> Value {
        self.run(words).pop().unwrap_or_else(|| panic!("croud {words}: no document"))
    }

    /// What the client says when the Cloud refuses.
    #[track_caller]
    fn refused(&self, words: &str) -> String {
        let (out, err) = self.said(words);
        assert!(err.contains("Error") && !err.contains("Traceback"), "croud {words}:\n{out}\n{err}");
        format!("{err}{out}")
    }
}

/// The id of a document.
#[track_caller]
fn id(document: &Value) -> String {
    document["id"].as_str().unwrap_or_else(|| panic!("{document}")).to_owned()
}

#[test]
fn projects_and_organizations() {
    let Some(croud) = croud() else { return };
    let project = id(&croud.last("projects create --name new"));
    assert_eq!(croud.last("projects list").as_array().unwrap().len(), 2);
    assert_eq!(croud.last(&format!("projects get {project}"))["name"], "new");
    assert_eq!(croud.last(&format!("projects edit --project-id {project} --name newer"))["name"], "newer");
    let on = format!("--project-id {project}");
    croud.run(&format!("projects users add {on} --user member@example.org --role project_member"));
    assert_eq!(croud.last(&format!("projects users list {on}"))[0]["email"], "member@example.org");
    croud.run(&format!("projects users remove {on} --user member@example.org"));
    croud.run(&format!("projects delete {on} -y"));
    assert!(croud.refused(&format!("projects get {project}")).contains("Resource not found."));

    let other = id(&croud.last("organizations create --name Other --plan-type 2"));
    assert_eq!(croud.last("organizations list").as_array().unwrap().len(), 2);
    assert_eq!(croud.last(&format!("organizations edit --org-id {other} --name Another"))["name"], "Another");
    assert_eq!(croud.last(&format!("organizations get {other}"))["role_fqn"], "org_admin");
    croud.run(&format!("organizations delete --org-id {other} -y"));
    croud.run("organizations users add --user member@example.org --role org_member");
    assert_eq!(croud.last("organizations users list").as_array().unwrap().len(), 2);
    croud.run("organizations users remove --user member@example.org");
    let actions = croud.last("organizations auditlogs list");
    assert!(
        actions.as_array().unwrap().iter().any(|entry| entry["action"] == "organization.users.create"),
        "{actions}"
    );
}

#[test]
fn what_organizations_keep() {
    let Some(croud) = croud() else { return };
    let of = format!("--org-id {}", croud.cloud.organization());
    std::fs::write(croud.home.path().join("data.csv"), "a,b\n1,2\n").unwrap();
    let file = croud.last(&format!("organizations files create {of} --name data --file-path data.csv"));
    assert_eq!(file[0]["status"], "UPLOADED");
    let file = id(&file[0]);
    assert_eq!(croud.last(&format!("organizations files get {of} --file-id {file}"))["file_size"], 8);
    croud.run(&format!("organizations files list {of}"));
    croud.run(&format!("organizations files delete {of} --file-id {file}"));
    let secret = "--name s3 --type AWS --access-key a --secret-key b";
    let secret = id(&croud.last(&format!("organizations secrets create {of} {secret}")));
    croud.run(&format!("organizations secrets list {of}"));
    croud.run(&format!("organizations secrets delete {of} --secret-id {secret}"));
    let credit = "--amount 10 --expiration-date 2030-01-01T00:00:00 --comment thanks";
    let credit = id(&croud.last(&format!("organizations credits create {of} {credit} --sudo")));
    croud.run(&format!("organizations credits edit {of} --credit-id {credit} --comment many~thanks --sudo"));
    assert_eq!(croud.last(&format!("organizations credits list {of}"))[0]["comment"], "many thanks");
    croud.run(&format!("organizations credits expire {of} --credit-id {credit} -y --sudo"));
    let customer = "--name We --email we@example.org --phone 0 --country AT --city Dornbirn --line1 x --postal-code 1";
    croud.run(&format!("organizations customer edit {of} {customer}"));
    assert_eq!(croud.last(&format!("organizations customer get {of}"))["address"]["city"], "Dornbirn");
}

#[test]
fn products_regions_and_subscriptions() {
    let Some(croud) = croud() else { return };
    let products = croud.last("products list");
    let names = products.as_array().unwrap().iter().map(|product| product["name"].as_str().unwrap());
    assert!(names.collect::<Vec<_>>().contains(&"cr1"), "{products}");
    assert_eq!(croud.last("products list --kind storage").as_array().unwrap().len(), 1);
    croud.run("products list -o table");
    let of = format!("--org-id {}", croud.cloud.organization());
    assert_eq!(croud.last("regions list").as_array().unwrap().len(), 4);
    croud.run(&format!("regions list {of}"));
    let region = croud.last(&format!("regions create --description Ours {of} -y"));
    croud.run(&format!("regions delete --name {} -y", region["name"].as_str().unwrap()));
    assert_eq!(croud.last("subscriptions list").as_array().unwrap().len(), 1);
    assert!(croud.refused(&format!("subscriptions create --type contract {of}")).contains("Permission denied"));
    let subscription = id(&croud.last(&format!("subscriptions create --type contract {of} --sudo")));
    assert_eq!(croud.last(&format!("subscriptions get {subscription}"))["state"], "active");
    assert_eq!(croud.last(&format!("subscriptions delete --subscription-id {subscription} -y"))["state"], "canceled");
    assert_eq!(croud.last("me")["email"], "admin@example.org");
    let key = croud.last("api-keys create")["key"]["key"].as_str().unwrap().to_owned();
    croud.run(&format!("api-keys edit --api-key {key} --active false"));
    croud.run("api-keys list");
    croud.run(&format!("api-keys delete --api-key {key} -y"));
}

#[test]
fn clusters_from_the_cradle_to_the_grave() {
    let Some(croud) = croud() else { return };
    let (project, subscription) = (croud.cloud.project(), croud.cloud.subscription());
    let deploy = format!(
        "clusters deploy --product-name cr2 --tier default -p {project} --cluster-name staging --version 6.3.2 \
         --username admin --subscription-id {subscription}"
    );
    assert!(croud.refused(&format!("{deploy} --password short")).contains("Shorter than minimum length 24."));
    let made = croud.last(&format!("{deploy} --password {}", "x".repeat(24)));
    let cluster = id(&made);
    let of = format!("--cluster-id {cluster}");
    let now = |key: &str| croud.cloud.cluster(cluster.parse::<Uuid>().unwrap())[key].clone();
    assert_eq!(croud.last("clusters list").as_array().unwrap().len(), 1);
    croud.run("clusters list -o wide");
    assert_eq!(croud.last(&format!("clusters get {cluster}"))["health"]["status"], "GREEN");
    assert_eq!(croud.last(&format!("clusters scale {of} --unit 2"))["num_nodes"], 3);
    assert_eq!(croud.last(&format!("clusters upgrade {of} --version 6.4.3"))["crate_version"], "6.4.3");
    assert_eq!(croud.last(&format!("clusters set-product {of} --product-name cr3"))["product_name"], "cr3");
    croud.run(&format!("clusters expand-storage {of} --disk-size-gb 64"));
    croud.run(&format!("clusters expand-storage {of} --disk-size-gb 128 -o table"));
    assert_eq!(now("hardware_specs")["disk_size_per_node_bytes"], 128_i64 << 30);
    croud.run(&format!("clusters set-ip-whitelist {of} --net 192.0.2.0/24,198.51.100.7/32 -y"));
    assert_eq!(now("ip_whitelist").as_array().unwrap().len(), 2);
    croud.run(&format!("clusters set-backup-schedule {of} --backup-hours 2,4,6"));
    assert_eq!(now("backup_schedule"), "55 2,4,6 * * *");
    assert_eq!(croud.last(&format!("clusters set-suspended-state {of} --value true"))["suspended"], true);
    assert_eq!(croud.last(&format!("clusters set-suspended-state {of} --value false"))["suspended"], false);
    croud.run(&format!("clusters restart-node {of} --ordinal 1"));
    let other = croud.cloud.add_subscription(croud.cloud.organization(), "other");
    let transfer = format!("--old-subscription-id {subscription} --new-subscription-id {other}");
    croud.run(&format!("clusters subscription update {of} {transfer} --sudo"));
    croud.run(&format!("clusters set-deletion-protection {of} --value true"));
    assert!(croud.refused(&format!("clusters delete {of} -y")).contains("protected"));
    croud.run(&format!("clusters set-deletion-protection {of} --value false"));
    croud.run(&format!("clusters delete {of} -y"));
    assert_eq!(croud.cloud.clusters(), Vec::<Value>::new());
}

#[test]
fn jobs_and_snapshots() {
    let Some(croud) = croud() else { return };
    let cluster = croud.cloud.add_cluster(Fixture::named("staging")).unwrap();
    let of = format!("--cluster-id {cluster}");
    std::fs::write(croud.home.path().join("data.csv"), "a,b\n1,2\n3,4\n").unwrap();
    let target = "--file-format csv --table doc.t --create-table true";
    croud.run(&format!("clusters import-jobs create from-file {of} --file-path data.csv {target}"));
    croud.run(&format!("clusters import-jobs create from-url {of} --url http://127.0.0.1/x.csv {target}"));
    let jobs = croud.last(&format!("clusters import-jobs list {of}"));
    let job = id(&jobs[1]);
    assert_eq!(jobs[1]["progress"]["records"], 2, "{jobs}");
    croud.run(&format!("clusters import-jobs list {of} -o table"));
    croud.run(&format!("clusters import-jobs progress {of} --import-job-id {job}"));
    croud.run(&format!("clusters import-jobs progress {of} --import-job-id {job} --summary true -o table"));
    croud.run(&format!("clusters import-jobs delete {of} --import-job-id {job}"));
    croud.run(&format!("clusters export-jobs create {of} --table doc.t --file-format csv --save-as out.csv"));
    assert!(Path::new(&croud.home.path().join("out.csv")).is_file());
    let jobs = croud.last(&format!("clusters export-jobs list {of}"));
    croud.run(&format!("clusters export-jobs list {of} -o table"));
    croud.run(&format!("clusters export-jobs delete {of} --export-job-id {}", id(&jobs[0])));
    let snapshots = croud.last(&format!("clusters snapshots list {of}"));
    let text = |key: &str| snapshots[0][key].as_str().unwrap().to_owned();
    let snapshot = format!("--snapshot {} --repository {}", text("snapshot"), text("repository"));
    croud.run(&format!("clusters snapshots restore {of} {snapshot} --type tables --tables doc.readings"));
    assert_eq!(croud.cloud.operations(cluster)[0]["type"], "RESTORE_SNAPSHOT");
}
