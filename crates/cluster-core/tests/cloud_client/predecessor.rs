//! What the Python tool before this one gets wrong, each by its name, and how it goes here.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use clusterkeep_core::ExitCode;
use clusterkeep_core::cloud::{
    CloudClient, CloudErrorKind, CloudSettings, CloudSources, ClusterToken, Credentials, NewCluster,
};
use clusterkeep_core::secret::Secret;
use clusterkeep_testkit::cloud::{Fault, Fixture, Kind, LocalCloud};

use super::support::{client, cloud_error, new_cluster, operations, soon};

/// It takes the first cluster of an equal name, across organizations and projects.
#[tokio::test]
async fn the_first_of_several_equal_names_is_not_taken() {
    let cloud = LocalCloud::start().await.unwrap();
    let second = cloud.add_project(cloud.organization(), "second");
    let ids = [
        cloud.add_cluster(Fixture::named("staging")).unwrap(),
        cloud.add_cluster(Fixture::named("staging").project(second)).unwrap(),
    ];
    let error = client(&cloud).find_cluster(&"staging".parse().unwrap()).await.unwrap_err();
    assert!(ids.iter().all(|id| error.to_string().contains(&id.to_string())), "{error}");
    assert!(error.to_string().contains(&second.to_string()), "{error}");
    assert_eq!(ExitCode::from(&error).code(), 2);
}

/// It swallows "not found" and fails on the next line with something else.
#[tokio::test]
async fn an_unknown_name_is_not_found_and_nothing_else() {
    let cloud = LocalCloud::start().await.unwrap();
    cloud.add_cluster(Fixture::named("staging")).unwrap();
    let error = client(&cloud).find_cluster(&"stagging".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), "cluster not found: `stagging`");
    assert_eq!(error.hint().as_deref(), Some("did you mean `staging`?"));
}

/// It reports success where the operation has failed.
#[tokio::test]
async fn a_failed_operation_is_no_success() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    cloud.fail_next_operation(Kind::Suspend, None);
    let error = client(&cloud).suspend(id, &soon()).await.unwrap_err();
    assert_eq!(error.to_string(), "suspend cluster staging: the operation has failed");
    assert_eq!(ExitCode::from(&error).code(), 1);
}

/// It says "failed retrieving operation status" and reports success where the list of operations is empty.
#[tokio::test]
async fn a_missing_list_of_operations_is_no_success() {
    let cloud = LocalCloud::builder().operation_time(Duration::from_secs(3600)).start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    cloud.inject(Fault::on("GET", "*/operations/").always().no_operations());
    let wait = soon().timeout(Duration::from_millis(500));
    let error = cloud_error(client(&cloud).suspend(id, &wait).await.unwrap_err());
    assert_eq!(error.kind, CloudErrorKind::Timeout);
}

/// It waits for ever.
#[tokio::test]
async fn waiting_has_an_end() {
    let cloud = LocalCloud::builder().operation_time(Duration::from_secs(3600)).start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let error = cloud_error(client(&cloud).suspend(id, &soon().timeout(Duration::from_millis(500))).await.unwrap_err());
    assert_eq!(error.kind, CloudErrorKind::Timeout);
    assert!(error.to_string().contains("not done in time"), "{error}");
}

/// What it shows after starting and stopping is what was there before.
#[tokio::test]
async fn nothing_stale_is_returned() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging").suspended(true)).unwrap();
    let cluster = client(&cloud).resume(id, &soon()).await.unwrap();
    assert_eq!(serde_json::to_value(&cluster).unwrap()["suspended"], cloud.cluster(id)["suspended"]);
    assert_eq!(cluster.suspended, Some(false));
}

/// A second start while one is going on fails with "another cluster operation is currently in progress".
#[tokio::test]
async fn a_concurrent_resume_is_joined() {
    let cloud = LocalCloud::builder().operation_time(Duration::from_millis(300)).start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging").suspended(true)).unwrap();
    let client = client(&cloud);
    client.set_suspended(id, false).await.unwrap();
    assert_eq!(client.resume(id, &soon()).await.unwrap().suspended, Some(false));
    assert_eq!(operations(&cloud, id, "SUSPEND"), 1);
}

/// An expired session ends the process from within the library.
#[tokio::test]
async fn an_expired_session_is_an_error_of_one_line() {
    let cloud = LocalCloud::start().await.unwrap();
    let session = Credentials::Session(Secret::new(cloud.session()));
    let client = CloudClient::builder().endpoint(cloud.endpoint()).credentials(session).build().unwrap();
    client.me().await.unwrap();
    cloud.expire_sessions();
    let error = client.me().await.unwrap_err();
    assert_eq!(error.to_string(), "ask who the caller is: HTTP status 302: the session has expired");
    assert!(error.hint().is_some());
}

/// Wrong credentials end in a stack trace.
#[tokio::test]
async fn wrong_credentials_are_an_error_of_one_line() {
    let cloud = LocalCloud::start().await.unwrap();
    let credentials = Credentials::key("wrong", "hunter2");
    let client = CloudClient::builder().endpoint(cloud.endpoint()).credentials(credentials).build().unwrap();
    for plain in [false, true] {
        if plain {
            cloud.inject(Fault::on("GET", "*").plain_401());
        }
        let error = client.projects().await.unwrap_err();
        assert!(error.to_string().starts_with("list projects: HTTP status 401: "), "{error}");
        assert!(!error.to_string().contains('\n') && !format!("{error:?}").contains("hunter2"));
        assert!(error.hint().unwrap().contains("https://console.cratedb.cloud"));
        assert_eq!(ExitCode::from(&error).code(), 1);
    }
}

/// It takes a token for good up to five minutes after it has expired.
#[test]
fn an_expired_token_is_not_good() {
    let expiry = "2026-07-10T10:00:00Z".parse().unwrap();
    let token = ClusterToken::new(Secret::new("a.b.c"), None, Some(expiry));
    for (seconds, good) in [(-120, true), (-60, false), (0, false), (240, false)] {
        assert_eq!(token.is_good_at(expiry + TimeDelta::seconds(seconds), TimeDelta::minutes(1)), good, "{seconds}");
    }
}

/// It never uses the refresh token.
#[tokio::test]
async fn a_token_is_refreshed() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let client = client(&cloud);
    let token = client.jwt(id).await.unwrap();
    client.refresh_jwt(&token.refresh.unwrap()).await.unwrap();
    assert!(cloud.requests().iter().any(|request| request.path.ends_with("/meta/jwt/refresh/")));
}

/// There is no variable for the endpoint, and what a profile says goes together with the key of the environment.
#[tokio::test]
async fn the_endpoint_comes_from_where_the_key_comes_from() {
    let cloud = LocalCloud::start().await.unwrap();
    let environment: BTreeMap<String, String> = [
        ("CRATEDB_CLOUD_ENDPOINT", cloud.endpoint()),
        ("CRATEDB_CLOUD_API_KEY", cloud.key()),
        ("CRATEDB_CLOUD_API_SECRET", cloud.secret()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("croud.yaml");
    std::fs::write(&profile, "current-profile: x\nprofiles: {x: {endpoint: 'https://example.org', region: r}}")
        .unwrap();
    let settings = CloudSettings::resolve(&CloudSources::new().environment(environment).profile(profile)).unwrap();
    assert_eq!(settings.endpoint, cloud.endpoint());
    settings.client().unwrap().me().await.unwrap();
}

/// The organization that is configured is not passed on when a project is made.
#[tokio::test]
async fn a_project_is_made_in_the_organization_that_is_meant() {
    let cloud = LocalCloud::start().await.unwrap();
    let second = cloud.add_organization("second");
    let client = client(&cloud);
    let region = client.regions().await.unwrap().remove(0).name;
    let project = client.create_project(second, "weather", &region).await.unwrap();
    assert_eq!(project.organization_id, Some(second));
}

/// The free tier can't be asked for.
#[tokio::test]
async fn the_free_tier_can_be_asked_for() {
    let cloud = LocalCloud::start().await.unwrap();
    let free = new_cluster(&cloud, "free").free_tier();
    let cluster = client(&cloud).create(cloud.organization(), &free, &soon()).await.unwrap();
    assert_eq!(cluster.product_name.as_deref(), Some(NewCluster::FREE_PRODUCT));
}

/// The password of a new cluster is passed on where every user of the machine can read it.
#[tokio::test]
async fn a_password_is_in_no_text() {
    let cloud = LocalCloud::start().await.unwrap();
    let mut new = new_cluster(&cloud, "staging");
    new.tier = "none".into();
    let error = client(&cloud).create_cluster(cloud.organization(), &new).await.unwrap_err();
    assert!(!format!("{error:?} {error} {new:?}").contains("correct horse"));
}
