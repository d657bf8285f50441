//! Names are what the catalogue spells, whatever characters they hold.

use clusterkeep_core::sql::{Engine, Ident, SqlBuilder, TableName};

use super::{Subject, fail};

/// Names that have to be quoted, and that careless quoting breaks.
const NAMES: &[&str] = &[
    "select",
    "UPPER",
    "Mixed Case",
    "a.b",
    "it's",
    r#"a"b"#,
    "a`b",
    "a\\b",
    "a?b",
    "$1",
    "a--b",
    "/*",
    "[b]",
    "a;b",
    "%s",
    "ünïcödé",
    "a_name_of_sixty_three_bytes_which_is_the_most_that_postgres_take",
];

/// Characters that CrateDB refuses in names of tables and columns.
const REFUSED_BY_CRATEDB: &[char] = &['.', '"', '/', '*', '?', '<', '>', '|', ' ', ',', '#', '\\', '[', ']'];

/// A table and a column of each name, written to and read by that name.
pub async fn round_trip(subject: &Subject) {
    let db = subject.connect().await;
    let mut tried = 0;
    for name in NAMES {
        let cratedb = subject.engine() == Engine::Cratedb;
        if cratedb && (name.contains(REFUSED_BY_CRATEDB) || name.chars().any(char::is_uppercase)) {
            continue;
        }
        tried += 1;
        let column = Ident::new(name.get(..63).unwrap_or(name)).unwrap();
        let table = TableName::bare(column.clone());
        let what = column.as_str().to_owned();
        let statement = |build: &dyn Fn(&mut SqlBuilder)| {
            let mut builder = SqlBuilder::new(subject.engine());
            build(&mut builder);
            builder.build()
        };
        let create = statement(&|sql| {
            sql.push("CREATE TABLE ").table(&table).push(" (").ident(&column).push(" BIGINT)");
        });
        db.execute(create).await.unwrap_or_else(|error| fail(&what, &error));
        let insert = statement(&|sql| {
            sql.push("INSERT INTO ").table(&table).push(" (").ident(&column).push(") VALUES (").bind(7).push(")");
        });
        db.execute(insert).await.unwrap_or_else(|error| fail(&what, &error));
        let rows = [vec![8.into()], vec![9.into()]];
        let many = statement(&|sql| {
            sql.push("INSERT INTO ").table(&table).push(" (").ident(&column).push(") VALUES (?)");
        });
        let mut session = db.session().await.unwrap();
        session.execute_many(&many, &rows).await.unwrap_or_else(|error| fail(&what, &error));
        subject.refresh(&db, &table).await;
        let query = statement(&|sql| {
            sql.push("SELECT ").ident(&column).push(" FROM ").table(&table).push(" ORDER BY ").ident(&column);
        });
        let records = db.query(query).await.unwrap_or_else(|error| fail(&what, &error));
        assert_eq!(records.columns()[0].name, what);
        assert_eq!(records.deserialize::<i64>().unwrap(), [7, 8, 9], "{what}");
        let drop = statement(&|sql| {
            sql.push("DROP TABLE ").table(&table);
        });
        db.execute(drop).await.unwrap_or_else(|error| fail(&what, &error));
    }
    assert!(tried >= 7, "only {tried} names were tried");
}
