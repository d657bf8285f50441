//! A fault at every statement of an export and of a restore: what looks finished is, and a second run gets there.

use clusterkeep_core::sql::Engine;
use clusterkeep_retention::archive::{Part, State, Target, export, list, restore, verify};
use clusterkeep_testkit::conformance::Subject;
use clusterkeep_testkit::fault::{Fault, Trap, faulty};

use crate::kit::{Folder, Good as _, clear, context, exported, name, numbers, rows};

async fn walk(engine: Engine, fault: Fault) {
    let Some(subject) = Subject::new(engine).await else { return };
    let db = subject.connect().await;
    let table = name("t");
    numbers(&db, &table, 0..3_000).await;
    let before = rows(&db, &table, "at").await;
    let part = Part::whole(table.clone());

    for at in 1.. {
        let folder = Folder::new();
        let trap = Trap::at(at, fault);
        let outcome = export(&folder.location, &faulty(db.clone(), trap.clone()), &part, &context()).await;
        for one in list(&folder.location).await.unwrap() {
            match one.state {
                State::Complete(_) => drop(verify(&folder.location, &one.name).await.good("what looks finished")),
                State::Unfinished => {}
                State::Damaged(why) => panic!("{why}"),
            }
        }
        let archived = exported(&folder.location, &db, &part).await;
        verify(&folder.location, &archived.manifest.name).await.good("a second export");
        assert_eq!(folder.files().len(), 2);
        if !trap.sprung() {
            outcome.good("an export without a fault");
            assert!(at > 2, "it says only {at} statements");
            break;
        }
    }

    let folder = Folder::new();
    let archive = exported(&folder.location, &db, &part).await.manifest.name;
    for target in [Target::Own, Target::Table(name("beside"))] {
        for at in 1.. {
            let table = if target == Target::Own { table.clone() } else { name("beside") };
            if target == Target::Own {
                clear(&db, &table, 0..3_000).await;
            } else {
                let mut drop = clusterkeep_core::sql::SqlBuilder::new(engine);
                drop.push("DROP TABLE IF EXISTS ").table(&table);
                db.execute(drop.build()).await.unwrap();
            }
            let trap = Trap::at(at, fault);
            let outcome = restore(&folder.location, &archive, &faulty(db.clone(), trap.clone()), &target).await;
            restore(&folder.location, &archive, &db, &target).await.good("a second restore");
            assert_eq!(rows(&db, &table, "at").await, before, "{engine}: {:?}", trap.said());
            if !trap.sprung() {
                outcome.good("a restore without a fault");
                assert!(at > 5, "it says only {at} statements");
                break;
            }
        }
    }
}

macro_rules! walks {
    ($($name:ident $engine:ident $fault:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            walk(Engine::$engine, Fault::$fault).await;
        }
    )*};
}

walks! {
    lost_on_sqlite Sqlite Lost;
    answers_lost_on_sqlite Sqlite AnswerLost;
    lost_on_postgres Postgres Lost;
    answers_lost_on_postgres Postgres AnswerLost;
    lost_on_mariadb Mysql Lost;
    answers_lost_on_mariadb Mysql AnswerLost;
}
