//! Errors have the class that callers decide by, and give no secret away.

use std::time::{Duration, Instant};

use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Statement, sql};
use clusterkeep_core::{Error, ErrorClass};

use super::{Subject, chain, fail, must_be, table};

/// Text that does not parse.
pub async fn syntax(subject: &Subject) {
    let db = subject.connect().await;
    must_be(ErrorClass::Syntax, db.query(sql("SELEC 1")).await);
    must_be(ErrorClass::Syntax, db.execute(sql("CREATE TABLE t (")).await);
}

/// A table that is not there, read and written.
pub async fn missing_relation(subject: &Subject) {
    let db = subject.connect().await;
    must_be(ErrorClass::MissingRelation, db.query(sql("SELECT * FROM nowhere")).await);
    must_be(ErrorClass::MissingRelation, db.execute(sql("INSERT INTO nowhere (a) VALUES (1)")).await);
    must_be(ErrorClass::MissingRelation, db.execute(sql("DROP TABLE nowhere")).await);
    let mut session = db.session().await.unwrap();
    let many = session.execute_many(&sql("INSERT INTO nowhere (a) VALUES (?)"), &[vec![1.into()]]).await;
    must_be(ErrorClass::MissingRelation, many);
    assert_eq!(session.query(&sql("SELECT 1")).await.unwrap().len(), 1, "the session goes on");
}

/// A column that is not there.
pub async fn missing_column(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("t"), "a BIGINT").await;
    must_be(ErrorClass::MissingColumn, db.query(sql("SELECT b FROM t")).await);
}

/// A key that is taken.
pub async fn duplicate_key(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("t"), "a BIGINT PRIMARY KEY").await;
    let insert = || sql("INSERT INTO t (a) VALUES (?)").bind(1);
    db.execute(insert()).await.unwrap_or_else(|error| fail("the first", &error));
    must_be(ErrorClass::DuplicateKey, db.execute(insert()).await);
}

/// A table that is there already.
pub async fn duplicate_relation(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("t"), "a BIGINT").await;
    must_be(ErrorClass::DuplicateRelation, db.execute(sql("CREATE TABLE t (a BIGINT)")).await);
}

/// A user who may log in and nothing else.
pub async fn permission(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("private"), "a BIGINT").await;
    let setup: &[&'static str] = match subject.engine() {
        Engine::Postgres => &["CREATE ROLE guest LOGIN PASSWORD 'guest-secret'"],
        Engine::Mysql => &["CREATE USER guest IDENTIFIED BY 'guest-secret'", "GRANT CREATE ON *.* TO guest"],
        _ => &["CREATE USER guest WITH (password = 'guest-secret')"],
    };
    for statement in setup {
        db.execute(sql(statement)).await.unwrap_or_else(|error| fail(statement, &error));
    }
    let guest = as_user(subject, "guest", "guest-secret");
    let options = ConnectOptions::default();
    let guest =
        Db::connect_with(&guest.parse().unwrap(), options).await.unwrap_or_else(|error| fail("connect", &error));
    // CrateDB says of a table in a schema without rights that it is not there.
    let forbidden = match subject.engine() {
        Engine::Cratedb => sql("CREATE USER another"),
        _ => sql("SELECT * FROM private"),
    };
    let error = must_be(ErrorClass::Permission, guest.query(forbidden).await);
    assert!(error.hint().is_some_and(|hint| hint.contains("right")), "{error:?}");
    drop(guest);
    let drop = if subject.engine() == Engine::Postgres { sql("DROP ROLE guest") } else { sql("DROP USER guest") };
    db.execute(drop).await.unwrap_or_else(|error| fail("remove the user", &error));
}

/// A read-only connection reads and does not write.
pub async fn read_only(subject: &Subject) {
    let db = subject.connect().await;
    subject.create(&db, &table("t"), "a BIGINT").await;
    db.close().await;
    let reader = subject.connect_with(ConnectOptions::default().read_only()).await;
    assert_eq!(subject.count(&reader, &table("t")).await, 0);
    must_be(ErrorClass::Permission, reader.execute(sql("INSERT INTO t (a) VALUES (1)")).await);
    must_be(ErrorClass::Permission, reader.execute(sql("CREATE TABLE u (a BIGINT)")).await);
    let mut session = reader.session().await.unwrap();
    session.execute_many(&sql("INSERT INTO t (a) VALUES (?)"), &[vec![1.into()]]).await.unwrap_err();
    assert_eq!(subject.count(&reader, &table("t")).await, 0);
}

/// Nothing listens: tried again until the time is over, and told so.
pub async fn refused(subject: &Subject) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = subject.url().replacen(&format!(":{}", subject.port().unwrap()), &format!(":{free}"), 1);
    let options = ConnectOptions::default().connect_timeout(Duration::from_secs(2));
    let start = Instant::now();
    let error = must_be(ErrorClass::Unreachable, Db::connect_with(&url.parse().unwrap(), options).await);
    let Error::Database { attempts, elapsed, .. } = &error else { panic!("{error:?}") };
    assert!(*attempts >= 3, "{attempts} attempts");
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert!(elapsed.as_millis() > 500 && error.to_string().contains("attempts in"), "{error}");
    hides_the_password(subject, &error);
}

/// A wrong password, and a user who is not there, are refused at once.
pub async fn wrong_password(subject: &Subject) {
    let db = subject.connect().await;
    let (create, drop) = match subject.engine() {
        Engine::Postgres => (sql("CREATE ROLE locked LOGIN PASSWORD 'right'"), sql("DROP ROLE locked")),
        Engine::Mysql => (sql("CREATE USER locked IDENTIFIED BY 'right'"), sql("DROP USER locked")),
        _ => (sql("CREATE USER locked WITH (password = 'right')"), sql("DROP USER locked")),
    };
    db.execute(create).await.unwrap_or_else(|error| fail("make a user", &error));
    for user in ["locked", "nobody_here"] {
        let wrong = as_user(subject, user, "wrong-horse");
        let error = must_be(ErrorClass::Authentication, Db::connect(&wrong).await);
        let Error::Database { attempts, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*attempts, 1, "trying again can't help");
        for shown in [chain(&error), format!("{error:?}")] {
            assert!(!shown.contains("wrong-horse"), "{shown}");
        }
    }
    db.execute(drop).await.unwrap_or_else(|error| fail("remove the user", &error));
}

/// A statement with a deadline of its own ends by it.
pub async fn timeout(subject: &Subject) {
    let db = subject.connect().await;
    let start = Instant::now();
    let error = must_be(ErrorClass::Timeout, db.query(subject.endless().timeout(Duration::from_millis(300))).await);
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(3), "{took:?}");
    assert!(!error.is_retryable(), "what timed out may still have happened");
    assert_eq!(db.query(sql("SELECT 1")).await.unwrap().len(), 1);
    hides_the_password(subject, &error);
    // The default is for statements that have none.
    let options = ConnectOptions::default().statement_timeout(Duration::from_millis(300));
    let impatient = subject.connect_with(options).await;
    must_be(ErrorClass::Timeout, impatient.query(Statement::clone(&subject.endless())).await);
}

fn hides_the_password(subject: &Subject, error: &Error) {
    let url: clusterkeep_core::address::DatabaseUrl = subject.url().parse().unwrap();
    let Some(password) = url.password() else { return };
    for shown in [chain(error), format!("{error:?}")] {
        assert!(!shown.contains(password.expose()), "a password is shown");
    }
}

/// The subject's address for another user.
fn as_user(subject: &Subject, user: &str, password: &str) -> String {
    let (scheme, rest) = subject.url().split_once("://").unwrap();
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{user}:{password}@{host}")
}
