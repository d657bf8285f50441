//! Clusters of one name: created at once by several, and found again by the sweep.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::cloud::{NewCluster, Wait};
use clusterkeep_core::managed::sweep::{Decision, Reason, Sweep};
use clusterkeep_core::managed::{Deploy, Left, ManagedClusterBuilder};
use clusterkeep_core::registry::{Cause, ClusterKey, Registry};
use clusterkeep_core::secret::Secret;
use clusterkeep_testkit::cloud::{Fault, LocalCloud};

use crate::child::Holder;
use crate::world::{REGION, World, until};

const PASSWORD: &str = "correct-horse-battery-staple";

fn deploying(world: &World, name: &str) -> ManagedClusterBuilder {
    world.builder(name).deploy(Deploy::new().region(REGION).product("cr1").admin("admin", PASSWORD))
}

fn sweep(world: &World) -> Sweep {
    Sweep::open(world.settings().client().unwrap(), world.folder.path()).unwrap()
}

fn creations(world: &World) -> usize {
    world.cloud.requests().iter().filter(|request| request.method == "POST").count()
}

/// A process that is killed once the Cloud has accepted its cluster, and before it knows.
fn killed_while_creating(world: &World) -> uuid::Uuid {
    world.cloud.inject(Fault::on("POST", "*/clusters/").hang_after());
    let mut holder = Holder::spawn_with(world, world.folder.path(), "fresh", true);
    until("it is being created", || !world.cloud.clusters().is_empty());
    holder.kill();
    let id = world.cloud.clusters()[0]["id"].as_str().unwrap().parse().unwrap();
    world.settled(id);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_create_it_on_two_machines_leave_each_others_alone() {
    let world = World::new();
    let elsewhere = tempfile::tempdir().unwrap();
    world.cloud.inject(Fault::on("POST", "*/clusters/").slow(Duration::from_millis(500)));
    let late = tokio::spawn(deploying(&world, "fresh").start());
    until("the first has asked", || creations(&world) == 1);
    let guard = deploying(&world, "fresh").state_folder(elsewhere.path()).start().await.unwrap();
    let error = late.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("taken"), "{error}");
    assert!(world.records().is_empty(), "{:?}", world.records());
    let id = guard.info().await.unwrap().address.parse().unwrap();
    assert!(!world.settled(id).is_suspended(id), "it is suspended under who created it");
    assert_eq!(guard.stop().await.unwrap(), Left::Suspended);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_create_it_on_one_machine_share_one() {
    let world = World::new();
    world.cloud.inject(Fault::on("POST", "*/clusters/").slow(Duration::from_millis(300)));
    let (one, other) = tokio::join!(deploying(&world, "fresh").start(), deploying(&world, "fresh").start());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((world.cloud.clusters().len(), creations(&world)), (1, 1));
    let id = one.info().await.unwrap().address.parse().unwrap();
    assert_eq!(one.stop().await.unwrap(), Left::Held { others: 1 });
    assert!(!world.settled(id).is_suspended(id));
    assert_eq!(other.stop().await.unwrap(), Left::Suspended);
    world.ends_suspended(id);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_one_project_make_it_once() {
    let world = World::new();
    world.cloud.inject(Fault::on("POST", "*/clusters/").slow(Duration::from_millis(300)));
    let in_project = |name: &str| {
        let deploy = Deploy::new().region(REGION).product("cr1").project("shared").admin("admin", PASSWORD);
        world.builder(name).deploy(deploy).start()
    };
    let (one, other) = tokio::join!(in_project("one"), in_project("other"));
    drop((one.unwrap(), other.unwrap()));
    let projects = world.settings().client().unwrap().projects().await.unwrap();
    assert_eq!(projects.iter().filter(|project| project.name == "shared").count(), 1);
}

#[tokio::test]
async fn what_a_killed_process_created_is_not_swept_from_under_a_guard() {
    let world = World::new();
    let id = killed_while_creating(&world);
    let before = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!(before.verdicts[0].verdict, Decision::Suspend, "{before}");
    let guard = deploying(&world, "fresh").start().await.unwrap();
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert!(plan.verdicts.iter().all(|verdict| verdict.verdict == Decision::Keep), "{plan}");
    sweep(&world).apply(&before, before.hash.into()).await.unwrap_err();
    assert!(!world.settled(id).is_suspended(id));
    guard.stop().await.unwrap();
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    if !plan.is_empty() {
        sweep(&world).apply(&plan, plan.hash.into()).await.unwrap();
    }
    world.ends_suspended(id);
}

#[tokio::test]
async fn several_of_the_name_are_no_reason_to_forget_the_one_that_was_created() {
    let world = World::new();
    killed_while_creating(&world);
    let client = world.settings().client().unwrap();
    let new = NewCluster::new("fresh", "admin", Secret::new(PASSWORD), "6.4.3")
        .product("cr1", "default", 0)
        .subscription(world.cloud.subscription().to_string())
        .new_project("another", "aks1.eastus2.azure");
    client.create(world.cloud.organization(), &new, &Wait::default()).await.unwrap();
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].verdict, Decision::Keep, "{plan}");
    assert!(!matches!(plan.verdicts[0].reason, Reason::Gone), "{plan}");
}

/// A clock that is an hour behind.
#[derive(Debug)]
struct Behind;

#[async_trait::async_trait]
impl Clock for Behind {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() - TimeDelta::hours(1)
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        SystemClock.sleep_until(instant + TimeDelta::hours(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_are_hours_apart_lose_no_cluster() {
    let cloud = LocalCloud::builder().clock(Arc::new(Behind)).operation_time(Duration::from_millis(30));
    let world = World { cloud: cloud.start_blocking().unwrap(), folder: tempfile::tempdir().unwrap() };
    world.cloud.inject(Fault::on("POST", "*/clusters/").hang_after());
    let error = deploying(&world, "fresh").timeout(Duration::from_millis(500)).start().await.unwrap_err();
    assert!(error.to_string().contains("start cluster fresh"), "{error}");
    let id = world.cloud.clusters()[0]["id"].as_str().unwrap().parse().unwrap();
    world.ends_suspended(id);
    // A killed one's is named, though it can't be told for certain.
    let world = World { cloud: LocalCloud::builder().clock(Arc::new(Behind)).start_blocking().unwrap(), ..world };
    killed_while_creating(&world);
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!(plan.verdicts[0].reason, Reason::Uncertain { clusters: 1 }, "{plan}");
}

/// A process that is killed between its two records leaves both.
#[tokio::test]
async fn what_is_on_record_twice_is_suspended_once() {
    let world = World::new();
    let mut holder = Holder::spawn_with(&world, world.folder.path(), "fresh", true);
    assert_eq!(holder.says(), "started");
    let known = world.records().remove(0).cluster;
    {
        let registry = Registry::open(&world.folder.path().join("registry")).unwrap();
        let hold = registry.hold(&ClusterKey { id: None, ..known.clone() }).unwrap().unwrap();
        hold.oblige(Cause::Created).unwrap();
    }
    holder.kill();
    let plan = sweep(&world).plan(Utc::now()).await.unwrap();
    assert_eq!(plan.steps.len(), 2, "{plan}");
    let report = sweep(&world).apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!(report.exit_code, ExitCode::Done, "{report:?}");
    world.ends_suspended(known.id.unwrap());
    assert_eq!(world.suspend_calls(), 1);
}
