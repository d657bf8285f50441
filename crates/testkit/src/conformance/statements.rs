//! What a statement is, and what comes back from one.

use clusterkeep_core::sql::{Engine, SqlBuilder, Statement, sql};
use clusterkeep_core::{Error, ExitCode};

use super::{Subject, fail, table};

/// Question marks in strings, comments and operators are no placeholders.
pub async fn question_marks(subject: &Subject) {
    let db = subject.connect().await;
    let bound = db.query(sql("SELECT '?' AS a, 'it''s ?' AS b /* ? */ -- ?\n").bind_all(Vec::<i64>::new())).await;
    let records = bound.unwrap_or_else(|error| fail("question marks in strings", &error));
    assert_eq!(records.deserialize::<(String, String)>().unwrap(), [("?".to_owned(), "it's ?".to_owned())]);
    let statement = match subject.engine() {
        Engine::Postgres => {
            sql("SELECT count(*) FROM (VALUES ('{\"k\": 1}'::jsonb)) t (d) WHERE d ?? 'k' AND d ??| array[?]")
        }
        Engine::Cratedb => sql("SELECT count(*) FROM sys.cluster WHERE ? = 'k'"),
        _ => sql("SELECT count(*) FROM (SELECT 1) t WHERE ? = 'k'"),
    };
    let records = db.query(statement.bind("k")).await.unwrap_or_else(|error| fail("a placeholder", &error));
    assert_eq!(records.scalar::<i64>().unwrap(), 1);
}

/// Two statements in one text are bad input, and none of them runs.
pub async fn one_at_a_time(subject: &Subject) {
    let db = subject.connect().await;
    let name = table("kept");
    subject.create(&db, &name, "a BIGINT").await;
    for result in [
        db.execute(sql("SELECT 1; DROP TABLE kept")).await.map(drop),
        db.query(sql("SELECT 1; DROP TABLE kept")).await.map(drop),
        db.query(sql("SELECT ?")).await.map(drop),
        db.query(sql("SELECT 1").bind(1)).await.map(drop),
    ] {
        let error = result.unwrap_err();
        assert_eq!(ExitCode::from(&error), ExitCode::BadInput, "{error}");
    }
    assert_eq!(subject.count(&db, &name).await, 0);
}

/// A result without rows still has its columns.
pub async fn empty_results_have_columns(subject: &Subject) {
    let db = subject.connect().await;
    let name = table("empty");
    subject.create(&db, &name, "a BIGINT, b TEXT").await;
    let mut query = SqlBuilder::new(subject.engine());
    query.push("SELECT a, b AS other FROM ").table(&name).push(" WHERE a > ").bind(0);
    let records = db.query(query.build()).await.unwrap_or_else(|error| fail("an empty result", &error));
    assert!(records.is_empty());
    assert_eq!(records.columns().iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a", "other"]);
}

/// Counts are of rows that this very statement changed.
pub async fn changed_rows(subject: &Subject) {
    let db = subject.connect().await;
    let name = table("counted");
    subject.create(&db, &name, "a BIGINT").await;
    let mut session = db.session().await.unwrap();
    let rows: Vec<_> = (0..10).map(|n| vec![n.into()]).collect();
    assert_eq!(session.execute_many(&sql("INSERT INTO counted (a) VALUES (?)"), &rows).await.unwrap(), 10);
    subject.refresh(&db, &name).await;
    assert_eq!(session.execute(&sql("UPDATE counted SET a = a + 100 WHERE a >= ?").bind(7)).await.unwrap(), 3);
    assert_eq!(session.execute(&sql("CREATE TABLE counted_too (a BIGINT)")).await.unwrap(), 0);
    assert_eq!(session.execute(&sql("SELECT 1")).await.unwrap(), 0);
    subject.refresh(&db, &name).await;
    assert_eq!(session.execute(&sql("DELETE FROM counted WHERE a < ?").bind(2)).await.unwrap(), 2);
    assert_eq!(session.execute(&sql("DELETE FROM counted WHERE a < ?").bind(2 - 10)).await.unwrap(), 0);
}

/// A script runs all of its statements, and takes no parameters.
pub async fn scripts(subject: &Subject) {
    let db = subject.connect().await;
    let mut session = db.session().await.unwrap();
    let script = "CREATE TABLE a (n BIGINT); -- one; and\nINSERT INTO a VALUES (1), (2);\n\nINSERT INTO a VALUES (3);";
    session.execute_script(&sql(script)).await.unwrap_or_else(|error| fail("a script", &error));
    assert_eq!(subject.count(&db, &table("a")).await, 3);
    let failing = session.execute_script(&sql("INSERT INTO a VALUES (4); INSERT INTO nowhere VALUES (5)")).await;
    assert!(matches!(failing, Err(Error::Database { .. })), "{failing:?}");
    let with_params: Statement = sql("INSERT INTO a VALUES (?)").bind(1);
    assert!(session.execute_script(&with_params).await.is_err());
}
