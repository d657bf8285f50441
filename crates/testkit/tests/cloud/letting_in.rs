//! Who is let in, who is not, and who is sent to log in.

use clusterkeep_testkit::cloud::{Fault, Fixture, LocalCloud};
use serde_json::{Value, json};

use crate::caller::Caller;

#[tokio::test]
async fn a_key_with_its_secret_is_let_in_and_others_are_not() {
    let cloud = LocalCloud::start().await.unwrap();
    let (status, body) = Caller::of(&cloud).call("GET", "/clusters/", Value::Null).await;
    assert_eq!((status, body), (200, json!([])));
    let (status, body) = Caller::with(&cloud, cloud.key(), "wrong").call("GET", "/clusters/", Value::Null).await;
    assert_eq!(status, 401);
    assert_eq!(body, json!({"success": false, "message": "Authentication required."}));
    let anonymous = Caller::of(&cloud).anonymous("/clusters/").send().await.unwrap();
    assert_eq!(anonymous.status(), 401);
}

#[tokio::test]
async fn a_session_is_let_in_until_it_expires() {
    let cloud = LocalCloud::start().await.unwrap();
    let caller = Caller::of(&cloud);
    let cookie = format!("session={}", cloud.session());
    let answer = caller.anonymous("/projects/").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    cloud.expire_sessions();
    let answer = caller.anonymous("/projects/").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["location"], "/?rd=/api/v2/projects/");
}

#[tokio::test]
async fn a_session_may_be_replaced_by_another() {
    let cloud = LocalCloud::start().await.unwrap();
    cloud.inject(Fault::on("GET", "/projects/").rotate_session());
    let caller = Caller::of(&cloud);
    let with = |cookie: &str| caller.anonymous("/projects/").header("cookie", cookie).send();
    let old = format!("session={}", cloud.session());
    let answer = with(&old).await.unwrap();
    assert_eq!(answer.status(), 200);
    let new = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(with(&old).await.unwrap().status(), 302);
    assert_eq!(with(&new).await.unwrap().status(), 200);
}

#[tokio::test]
async fn members_look_and_strangers_do_not() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let (key, secret) = cloud.add_member(cloud.organization(), "member@example.org");
    let member = Caller::with(&cloud, &key, &secret);
    assert_eq!(member.get(&format!("/clusters/{id}/")).await["name"], "staging");
    let suspended = json!({"suspended": true});
    let (status, body) = member.call("PUT", &format!("/clusters/{id}/suspend/"), suspended).await;
    assert_eq!((status, &body["message"]), (403, &json!("Permission denied for user.")));

    let elsewhere = cloud.add_organization("elsewhere");
    let (key, secret) = cloud.add_member(elsewhere, "stranger@example.org");
    let stranger = Caller::with(&cloud, &key, &secret);
    assert_eq!(stranger.get("/clusters/").await, json!([]));
    assert_eq!(stranger.call("GET", &format!("/clusters/{id}/"), Value::Null).await.0, 403);
}

#[tokio::test]
async fn paths_end_with_a_slash() {
    let cloud = LocalCloud::start().await.unwrap();
    let (status, body) = Caller::of(&cloud).call("GET", "/clusters", Value::Null).await;
    assert_eq!((status, &body["message"]), (404, &json!("Resource not found.")));
}

#[tokio::test]
async fn requests_are_on_record_without_credentials() {
    let cloud = LocalCloud::start().await.unwrap();
    Caller::of(&cloud).get("/clusters/?product_name=cr1").await;
    let requests = cloud.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/api/v2/clusters/"));
    assert_eq!((request.query.as_str(), request.status), ("product_name=cr1", Some(200)));
    assert!(!format!("{request:?}").contains(cloud.secret()));
    assert!(request.headers.iter().all(|(name, _)| name != "authorization"));
}

#[test]
fn it_is_shared_among_threads() {
    fn can<T: Send + Sync>() {}
    can::<LocalCloud>();
}

#[tokio::test]
async fn its_port_is_free_when_it_has_stopped() {
    let cloud = LocalCloud::start().await.unwrap();
    let address: std::net::SocketAddr = cloud.endpoint().strip_prefix("http://").unwrap().parse().unwrap();
    cloud.stop();
    assert!(std::net::TcpStream::connect(address).is_err());
}
