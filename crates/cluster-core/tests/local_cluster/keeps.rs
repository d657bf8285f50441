//! What a cluster is stays, whether it runs or not.

use clusterkeep_core::Error;
use clusterkeep_core::managed::local::{LocalClusters, LocalState, LocalWish};
use clusterkeep_core::sql::Engine;

use super::process::{ENDED, Folder, engines, is_there, postgres, read, write};

#[tokio::test]
async fn a_stopped_one_comes_back_with_its_data_and_its_password() {
    for engine in engines() {
        let folder = Folder::new();
        let clusters = folder.clusters();
        assert_eq!(clusters.list().unwrap(), []);
        let wish = LocalWish::new(engine).configure(|server| server.database("weather"));
        let cluster = clusters.start("dev", &wish).await.unwrap();
        assert!(!cluster.found_running(), "{engine}");
        cluster.check().unwrap();
        write(&cluster, 7).await;
        let password = secret_of(cluster.url());
        assert!(!format!("{cluster:?}").contains(&password), "{engine}");
        let record = clusters.find("dev").unwrap().unwrap();
        assert_eq!((record.state, record.holders, record.kept), (LocalState::Running, 1, false), "{engine}");
        let shown = serde_json::to_string(&record).unwrap();
        assert!(!shown.contains(&password) && shown.contains("/weather"), "{engine}: {shown}");
        assert_eq!(cluster.stop().await.unwrap(), ENDED, "{engine}");
        folder.is_quiet();

        let record = clusters.find("dev").unwrap().unwrap();
        assert_eq!((record.state, record.url, record.engine), (LocalState::Stopped, None, engine));
        assert!(clusters.attach("dev").await.unwrap().is_none(), "nothing is started");
        let cluster = clusters.resume("dev").await.unwrap();
        assert_eq!(read(&cluster).await, 7, "{engine}");
        assert_eq!(secret_of(cluster.url()), password, "{engine}");
        cluster.stop().await.unwrap();
        folder.is_quiet();
    }
}

fn secret_of(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap();
    let user = rest.split_once('@').unwrap().0;
    user.split_once(':').map_or_else(|| "\0".into(), |(_, password)| password.into())
}

#[tokio::test]
async fn settings_and_a_port_are_remembered() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let wish = postgres().configure(|server| server.setting("work_mem", "7MB").port(port));
    clusters.start("dev", &wish).await.unwrap().stop().await.unwrap();
    let cluster = clusters.start("dev", &postgres().configure(|server| server.setting("jit", "off"))).await.unwrap();
    assert_eq!(cluster.nodes()[0].port(), port);
    let show = async |name: &'static str| {
        let db = cluster.db().await.unwrap();
        let statement = clusterkeep_core::sql::sql("SELECT current_setting(?)").bind(name);
        db.query(statement).await.unwrap().scalar::<String>().unwrap()
    };
    assert_eq!((show("work_mem").await, show("jit").await), ("7MB".into(), "off".into()));
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_scratch_one_goes_with_its_guard() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let wish = postgres().configure(|server| server.durable(false));
    let cluster = LocalClusters::scratch(&wish).await.unwrap();
    write(&cluster, 1).await;
    let directory = cluster.directory().to_owned();
    cluster.stop().await.unwrap();
    assert!(!directory.exists());
    let cluster = LocalClusters::scratch(&wish).await.unwrap();
    let directory = cluster.directory().to_owned();
    drop(cluster);
    assert!(!directory.exists());
}

#[tokio::test]
async fn deleting_takes_the_data_and_nothing_else() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let cluster = clusters.start("dev", &postgres()).await.unwrap();
    let error = clusters.delete("dev").await.unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error:?}");
    assert_eq!(error.to_string(), "locked: local cluster `dev` runs");
    cluster.stop().await.unwrap();

    let outside = folder.path().parent().unwrap().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("precious"), "").unwrap();
    std::fs::copy(folder.path().join("dev/cluster.json"), outside.join("cluster.json")).unwrap();
    std::os::unix::fs::symlink(&outside, folder.path().join("dev/n0/link")).unwrap();
    std::os::unix::fs::symlink(&outside, folder.path().join("link")).unwrap();
    std::fs::create_dir(folder.path().join("other")).unwrap();
    std::fs::write(folder.path().join("other/precious"), "").unwrap();
    for (name, complaint) in [
        ("link", "local cluster not found: `link`"),
        ("other", "local cluster not found: `other`"),
        ("..", "a server of this machine can't have this name"),
        ("dev/..", "a server of this machine can't have this name"),
    ] {
        let error = clusters.delete(name).await.unwrap_err();
        assert!(matches!(error, Error::Input { .. }), "{error:?}");
        assert_eq!(error.to_string(), complaint);
    }
    let error = clusters.start("other", &postgres()).await.unwrap_err().to_string();
    assert!(error.ends_with("holds something else"), "{error}");
    let names = |clusters: &LocalClusters| clusters.list().unwrap().into_iter().map(|record| record.name).collect();
    let found: Vec<String> = names(&clusters);
    assert_eq!(found, ["dev"]);
    clusters.delete("dev").await.unwrap();
    assert_eq!(clusters.list().unwrap(), []);
    assert!(outside.join("precious").exists() && folder.path().join("other/precious").exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "what is not ours, and nothing of ours");
    let error = clusters.delete("dev").await.unwrap_err();
    assert_eq!(error.to_string(), "local cluster not found: `dev`");
}

#[tokio::test]
async fn one_that_is_not_there_is_said_to_be_near_to_another() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    clusters.start("staging", &postgres()).await.unwrap().stop().await.unwrap();
    for error in [
        clusters.resume("stagign").await.unwrap_err(),
        clusters.stop("stagign").await.unwrap_err(),
        clusters.attach("stagign").await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Input { .. }), "{error:?}");
        assert_eq!(error.hint().unwrap(), "did you mean `staging`?");
    }
    let error = clusters.start("staging", &LocalWish::new(Engine::Mysql)).await.unwrap_err();
    assert!(error.to_string().starts_with("local cluster `staging` is PostgreSQL, not MariaDB"), "{error}");
}
