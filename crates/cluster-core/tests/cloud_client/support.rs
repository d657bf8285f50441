//! A local Cloud, a client of it, and a clock that goes as fast as it is waited for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use clusterkeep_core::Error;
use clusterkeep_core::cloud::{CloudClient, CloudError, Credentials, NewCluster, Wait};
use clusterkeep_core::event::{Event, Events};
use clusterkeep_core::secret::Secret;
use clusterkeep_testkit::cloud::LocalCloud;
use uuid::Uuid;

/// A client of `cloud`, as its owner.
pub(super) fn client(cloud: &LocalCloud) -> CloudClient {
    let credentials = Credentials::key(cloud.key(), cloud.secret());
    CloudClient::builder().endpoint(cloud.endpoint()).credentials(credentials).build().unwrap()
}

/// A wait in milliseconds, as the operations of the local Cloud are.
pub(super) fn soon() -> Wait {
    Wait::default().pauses(Duration::from_millis(10), Duration::from_millis(50)).timeout(Duration::from_secs(20))
}

/// The same wait, and what is heard of operations meanwhile.
pub(super) fn listening() -> (Wait, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    let events = Events::to(move |event| {
        if let Event::Operation { cluster, what, status, message } = event {
            ears.lock().unwrap().push(format!("{what} {cluster}: {status}: {}", message.unwrap_or_default()));
        }
    });
    (soon().events(events), heard)
}

pub(super) fn password() -> Secret {
    Secret::new("correct horse battery staple")
}

/// A cluster that the local Cloud takes.
pub(super) fn new_cluster(cloud: &LocalCloud, name: &str) -> NewCluster {
    NewCluster::new(name, "admin", password(), "6.1.2")
        .project(cloud.project())
        .subscription(cloud.subscription().to_string())
}

/// How many operations of this kind a cluster has seen.
pub(super) fn operations(cloud: &LocalCloud, cluster: Uuid, kind: &str) -> usize {
    cloud.operations(cluster).iter().filter(|operation| operation["type"] == kind).count()
}

/// The Cloud's own error.
pub(super) fn cloud_error(error: Error) -> CloudError {
    match error {
        Error::Cloud(error) => *error,
        other => panic!("{other:?}"),
    }
}
