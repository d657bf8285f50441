//! Every call, once, as it should go.

use clusterkeep_core::ExitCode;
use clusterkeep_core::cloud::{
    CloudErrorKind, ClusterFilter, OperationFilter, OperationStatus, PriceQuery, ProductFilter,
};
use clusterkeep_testkit::cloud::{Fixture, LocalCloud};
use uuid::Uuid;

use super::support::{client, cloud_error, soon};

#[tokio::test]
async fn what_there_is_can_be_read() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging").suspended(true)).unwrap();
    let client = client(&cloud);
    let cluster = client.cluster(id).await.unwrap();
    assert_eq!((cluster.name.as_str(), cluster.suspended), ("staging", Some(true)));
    assert!(cluster.other.is_empty(), "a field of the document is unknown: {:?}", cluster.other);
    assert_eq!(client.clusters(&ClusterFilter::default()).await.unwrap(), std::slice::from_ref(&cluster));
    let elsewhere = ClusterFilter { project: Some(Uuid::new_v4()), ..ClusterFilter::default() };
    assert!(client.clusters(&elsewhere).await.unwrap().is_empty());
    let (organization, project) = (cloud.organization(), cloud.project());
    assert_eq!(client.organization_clusters(organization, &ClusterFilter::default()).await.unwrap().len(), 1);
    assert_eq!(client.organizations().await.unwrap()[0].id, organization);
    assert_eq!(client.organization(organization).await.unwrap().id, organization);
    assert_eq!(client.projects().await.unwrap()[0].id, project);
    assert_eq!(client.organization_projects(organization).await.unwrap().len(), 1);
    assert_eq!(client.project(project).await.unwrap().organization_id, Some(organization));
    assert!(!client.regions().await.unwrap().is_empty());
    assert!(!client.subscriptions().await.unwrap().is_empty());
    let subscription = client.organization_subscriptions(organization).await.unwrap().remove(0);
    assert_eq!(client.subscription(&subscription.id).await.unwrap(), subscription);
    let none = OperationFilter { statuses: vec![OperationStatus::Failed], ..OperationFilter::default() };
    assert!(client.operations(id, &none).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_can_be_bought_has_a_price() {
    let cloud = LocalCloud::start().await.unwrap();
    let client = client(&cloud);
    let products =
        client.products(&ProductFilter { kind: Some("cluster".into()), ..Default::default() }).await.unwrap();
    let product = products.iter().find(|product| product.name == "cr1").unwrap();
    let region = client.regions().await.unwrap().remove(0).name;
    let tier = product.tier.clone().unwrap();
    let mut query =
        PriceQuery { product: "cr1".into(), tier, unit: 0, region, storage_bytes: Some(32 << 30), organization: None };
    let price = client.price(&query).await.unwrap().total_price.unwrap();
    assert!(price.price_per_month > price.price_per_hour);
    query.product = "none".into();
    assert_eq!(cloud_error(client.price(&query).await.unwrap_err()).kind, CloudErrorKind::NotFound);
}

#[tokio::test]
async fn projects_are_made_and_unmade() {
    let cloud = LocalCloud::start().await.unwrap();
    let client = client(&cloud);
    let region = client.regions().await.unwrap().remove(0).name;
    let project = client.create_project(cloud.organization(), "weather", &region).await.unwrap();
    assert_eq!(client.rename_project(project.id, "climate").await.unwrap().name, "climate");
    assert_eq!(client.project(project.id).await.unwrap().region.as_deref(), Some(region.as_str()));
    client.delete_project(project.id).await.unwrap();
    let error = cloud_error(client.project(project.id).await.unwrap_err());
    assert_eq!((error.kind, error.status), (CloudErrorKind::NotFound, Some(404)));
    assert_eq!(
        client.create_project(cloud.organization(), "a/b", "r").await.unwrap_err().to_string(),
        "`a/b` is no name of a project"
    );
}

#[tokio::test]
async fn what_says_who_and_which_is_read() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let client = client(&cloud);
    assert!(client.me().await.unwrap().email.is_some());
    assert!(client.meta().await.unwrap().crate_versions.unwrap().stable.is_some());
    assert!(client.cratedb_versions().await.unwrap().stable.unwrap().version.is_some());
    assert_eq!(client.ip_address().await.unwrap().ip, "127.0.0.1");
    assert!(!client.jwks().await.unwrap().keys.is_empty());
    let token = client.jwt(id).await.unwrap();
    let next = client.refresh_jwt(token.refresh.as_ref().unwrap()).await.unwrap();
    assert!(next.expiry >= token.expiry && next.expiry.is_some());
    assert!(!format!("{token:?}").contains(token.token.expose()));
    client.available_products(id).await.unwrap();
    client.available_upgrades(id).await.unwrap();
    client.cluster_metrics(id, "crate_cpu_seconds", &Default::default()).await.unwrap();
}

#[tokio::test]
async fn api_keys_come_and_go() {
    let cloud = LocalCloud::start().await.unwrap();
    let client = client(&cloud);
    let made = client.create_api_key().await.unwrap();
    assert!(!format!("{made:?}").contains(made.secret.expose()));
    assert_eq!(client.api_keys().await.unwrap().len(), 2);
    assert_eq!(client.set_api_key_active(&made.key.key, false).await.unwrap().active, Some(false));
    client.delete_api_key(&made.key.key).await.unwrap();
    assert_eq!(client.api_keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_cluster_is_found_by_name_and_by_id() {
    let cloud = LocalCloud::start().await.unwrap();
    let id = cloud.add_cluster(Fixture::named("staging")).unwrap();
    let client = client(&cloud);
    assert_eq!(client.find_cluster(&"staging".parse().unwrap()).await.unwrap().id, id);
    assert_eq!(client.find_cluster(&id.to_string().parse().unwrap()).await.unwrap().name, "staging");
    for unknown in ["stagin".to_owned(), Uuid::new_v4().to_string()] {
        let error = client.find_cluster(&unknown.parse().unwrap()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cluster not found: `{unknown}`"));
        assert_eq!(ExitCode::from(&error).code(), 2);
    }
    client.wait_until_idle(id, &soon()).await.unwrap();
}
