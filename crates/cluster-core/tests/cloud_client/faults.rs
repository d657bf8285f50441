//! What the client makes of a Cloud that has a bad day.

use std::time::{Duration, Instant};

use clusterkeep_core::cloud::{CloudErrorKind, ClusterFilter};
use clusterkeep_testkit::cloud::{Fault, Fixture, LocalCloud};

use super::support::{client, cloud_error, new_cluster, operations, soon};

#[tokio::test]
async fn every_bad_answer_has_its_kind() {
    let cloud = LocalCloud::start().await.unwrap();
    let client = client(&cloud);
    let on = || Fault::on("GET", "/clusters/");
    for (fault, kind) in [
        (on().status(500), CloudErrorKind::Server),
        (on().html(), CloudErrorKind::Nonsense),
        (on().html_with(404), CloudErrorKind::NotFound),
        (on().plain_401(), CloudErrorKind::Unauthorized),
        (on().status(403), CloudErrorKind::Forbidden),
        (on().redirect(), CloudErrorKind::Unauthorized),
    ] {
        cloud.inject(fault.clone());
        let error = cloud_error(client.clusters(&ClusterFilter::default()).await.unwrap_err());
        assert_eq!(error.kind, kind, "{fault:?}");
        assert!(!error.to_string().contains('\n') && error.to_string().starts_with("list clusters: "), "{error}");
    }
}

#[tokio::test]
async fn reading_gets_over_what_passes() {
    let cloud = LocalCloud::start().await.unwrap();
    let client = client(&cloud);
    for fault in
        [Fault::on("GET", "*").status(503), Fault::on("GET", "*").drop_connection(), Fault::on("GET", "*").truncate()]
    {
        cloud.inject(fault.clone());
        assert!(client.clusters(&ClusterFilter::default()).await.is_ok(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_cloud_that_never_answers_ends_every_call_at_its_deadline() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging").suspended(true)).unwrap();
    cloud.inject(Fault::on("*", "*").always().hang());
    let client = clusterkeep_core::cloud::CloudClient::builder()
        .endpoint(cloud.endpoint())
        .credentials(clusterkeep_core::cloud::Credentials::key(cloud.key(), cloud.secret()))
        .timeout(Duration::from_millis(100))
        .deadline(Duration::from_millis(300))
        .build()
        .unwrap();
    let start = Instant::now();
    let kinds = [
        cloud_error(client.cluster(id).await.unwrap_err()).kind,
        cloud_error(client.set_suspended(id, false).await.unwrap_err()).kind,
        cloud_error(client.resume(id, &soon()).await.unwrap_err()).kind,
        cloud_error(client.create(cloud.organization(), &new_cluster(&cloud, "other"), &soon()).await.unwrap_err())
            .kind,
        cloud_error(client.delete(id, &soon()).await.unwrap_err()).kind,
        cloud_error(client.jwt(id).await.unwrap_err()).kind,
    ];
    assert_eq!(kinds, [CloudErrorKind::Timeout; 6]);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_made_once() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging").suspended(true)).unwrap();
    let client = client(&cloud);
    cloud.inject(Fault::on("PUT", "/clusters/*/suspend/").lose_answer());
    assert_eq!(client.resume(id, &soon()).await.unwrap().suspended, Some(false));
    assert_eq!(operations(&cloud, id, "SUSPEND"), 1);
    cloud.inject(Fault::on("POST", "*/clusters/").lose_answer());
    let created = client.create(cloud.organization(), &new_cluster(&cloud, "other"), &soon()).await.unwrap();
    assert_eq!((created.name.as_str(), cloud.clusters().len()), ("other", 2));
    cloud.inject(Fault::on("DELETE", "*").lose_answer());
    client.delete(created.id, &soon()).await.unwrap();
    assert_eq!(cloud.clusters().len(), 1);
}

#[tokio::test]
async fn waiting_gets_over_what_passes() {
    let cloud = LocalCloud::builder().operation_time(Duration::from_millis(300)).start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging").suspended(true)).unwrap();
    for fault in [
        Fault::on("GET", "*/operations/").after(1).times(2).status(500),
        Fault::on("GET", "*/operations/").after(1).times(2).html(),
        Fault::on("GET", "*/operations/").after(1).always().no_operations(),
        Fault::on("GET", "*").always().no_offsets(),
    ] {
        cloud.inject(fault.clone());
        let suspended = cloud.cluster(id)["suspended"] == true;
        let client = client(&cloud);
        let changed = if suspended { client.resume(id, &soon()).await } else { client.suspend(id, &soon()).await };
        assert_eq!(changed.unwrap().suspended, Some(!suspended), "{fault:?}");
        cloud.clear_faults();
    }
}

#[tokio::test]
async fn a_conflict_is_waited_out_whatever_its_status() {
    for status in [400, 409, 423] {
        let cloud = LocalCloud::start().await.unwrap();
        let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
        cloud.inject(Fault::on("PUT", "*").times(2).conflict(status));
        assert_eq!(client(&cloud).suspend(id, &soon()).await.unwrap().suspended, Some(true));
    }
}
