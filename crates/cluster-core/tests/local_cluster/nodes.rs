//! A CrateDB of several nodes.

use clusterkeep_core::managed::local::LocalWish;
use clusterkeep_core::sql::{Db, Engine, sql};

use super::process::{ENDED, Folder, is_there, read, signal, write};

#[tokio::test]
async fn three_nodes_make_one_cluster_twice() {
    if !is_there(Engine::Cratedb) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let wish = LocalWish::new(Engine::Cratedb).nodes(3).configure(|server| server.env("CRATE_HEAP_SIZE", "300m"));
    let cluster = clusters.start("dev", &wish).await.unwrap();
    assert_eq!(cluster.nodes().len(), 3);
    for node in cluster.nodes() {
        let db = Db::connect(node.url()).await.unwrap();
        assert_eq!(db.query(sql("SELECT count(*) FROM sys.nodes")).await.unwrap().scalar::<i64>().unwrap(), 3);
        db.close().await;
    }
    let db = cluster.db().await.unwrap();
    let heap = db.query(sql("SELECT max(heap['max']) FROM sys.nodes")).await.unwrap().scalar::<i64>().unwrap();
    assert!(heap < 400 << 20, "{heap}");
    // By its default it would put no shard on a disk that is 90 % full, of which a tenth may be much.
    let high = sql("SELECT settings['cluster']['routing']['allocation']['disk']['watermark']['high'] FROM sys.cluster");
    assert_eq!(db.query(high).await.unwrap().scalar::<String>().unwrap(), "1gb");
    db.close().await;
    write(&cluster, 7).await;
    assert_eq!(cluster.stop().await.unwrap(), ENDED);
    folder.is_quiet();

    let cluster = clusters.resume("dev").await.unwrap();
    assert_eq!(read(&cluster).await, 7);
    assert_eq!(clusters.find("dev").unwrap().unwrap().nodes, 3);
    // One that dies is said to have, and the others go on.
    signal("KILL", cluster.nodes()[2].pid().unwrap());
    super::process::eventually("an end", || cluster.check().is_err());
    let error = cluster.check().unwrap_err().to_string();
    assert!(error.starts_with("node 2 of local cluster `dev` (CrateDB) has ended with exit status: 1"), "{error}");
    let error = clusters.attach("dev").await.unwrap_err().to_string();
    assert!(error.starts_with("start local cluster `dev` (CrateDB): node 2 ended with exit status: 1"), "{error}");
    assert!(cluster.stop().await.is_err());
    folder.is_quiet();
}
