//! Transactions are all or nothing, and others see them only then.

use clusterkeep_core::sql::{Engine, sql};

use super::{Subject, fail, table};

const INSERT: &str = "INSERT INTO t (a) VALUES (?)";

/// What is committed others see, what is rolled back nobody.
pub async fn commit_and_roll_back(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("t"), "a BIGINT").await;
    let mut session = db.session().await.unwrap();
    session.begin().await.unwrap_or_else(|error| fail("begin", &error));
    session.execute(&sql(INSERT).bind(1)).await.unwrap();
    assert_eq!(subject.count(&db, &table("t")).await, 0, "not before the commit");
    session.commit().await.unwrap_or_else(|error| fail("commit", &error));
    assert_eq!(subject.count(&db, &table("t")).await, 1);
    session.begin().await.unwrap();
    session.execute(&sql(INSERT).bind(2)).await.unwrap();
    session.rollback().await.unwrap_or_else(|error| fail("roll back", &error));
    session.execute(&sql(INSERT).bind(3)).await.unwrap();
    assert_eq!(subject.count(&db, &table("t")).await, 2, "outside of a transaction each statement is its own");
}

/// A session that is dropped in a transaction leaves nothing of it, and the next one starts outside of any.
pub async fn dropped_is_rolled_back(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("t"), "a BIGINT").await;
    for _ in 0..3 {
        let mut session = db.session().await.unwrap();
        session.begin().await.unwrap();
        session.execute(&sql(INSERT).bind(1)).await.unwrap();
        drop(session);
        let mut next = db.session().await.unwrap();
        next.begin().await.unwrap();
        next.rollback().await.unwrap();
    }
    assert_eq!(subject.count(&db, &table("t")).await, 0);
    db.execute(sql(INSERT).bind(2)).await.unwrap_or_else(|error| fail("no lock is left", &error));
    assert_eq!(subject.count(&db, &table("t")).await, 1);
}

/// Begin, then commit or roll back; anything else is an error.
pub async fn order_is_checked(subject: &Subject) {
    let db = subject.connect().await;
    let mut session = db.session().await.unwrap();
    assert!(session.commit().await.is_err(), "there is nothing to commit");
    session.begin().await.unwrap();
    assert!(session.begin().await.is_err(), "there is one already");
    session.commit().await.unwrap_or_else(|error| fail("commit", &error));
    assert!(session.commit().await.is_err());
    session.rollback().await.unwrap_or_else(|error| fail("rolling back nothing", &error));
}

/// After a statement that failed, a transaction never says that it was committed when it was not.
pub async fn failed_statement(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("t"), "a BIGINT PRIMARY KEY").await;
    let mut session = db.session().await.unwrap();
    session.begin().await.unwrap();
    session.execute(&sql(INSERT).bind(1)).await.unwrap();
    session.execute(&sql(INSERT).bind(1)).await.unwrap_err();
    let committed = session.commit().await;
    let expected = if subject.engine() == Engine::Postgres {
        assert!(committed.is_err(), "PostgreSQL rolls back what had an error, and answers with success");
        0
    } else {
        committed.unwrap_or_else(|error| fail("commit", &error));
        1
    };
    assert_eq!(subject.count(&db, &table("t")).await, expected);
    session.begin().await.unwrap_or_else(|error| fail("the session goes on", &error));
    session.execute(&sql(INSERT).bind(2)).await.unwrap();
    session.commit().await.unwrap();
    assert_eq!(subject.count(&db, &table("t")).await, expected + 1);
}
