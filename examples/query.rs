//! One code for four engines: queries with bound values, and identifiers that nobody has to quote by hand.
//!
//!     cargo run -p clusterkeep-examples --example query
//!     cargo run -p clusterkeep-examples --example query -- postgres://me@localhost/weather
//!     cargo run -p clusterkeep-examples --example query -- crate://localhost:4200

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Db, Ident, Session, SqlBuilder, TableName, sql};
use serde::Deserialize;

/// Rows can be taken as a type of your own: columns go by name.
#[derive(Debug, Deserialize)]
struct Observation {
    origin: String,
    temp: f64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "sqlite::memory:".to_owned());
    let db = Db::connect(&address).await?;
    let server = db.server().await?;
    println!("{} {} at {}", server.product, server.version, db.address());

    // The name of a table may come from anywhere. As an `Ident` it is quoted by the engine's own rules, and stays one
    // name, whatever is in it.
    let table = TableName::bare(Ident::new("Weather-of;DROP-TABLE")?);
    let mut create = SqlBuilder::new(db.engine());
    create.push("CREATE TABLE ").table(&table).push(" (origin VARCHAR(3), temp DOUBLE PRECISION)");
    db.execute(create.build()).await?;

    // From here on there is something to take away again, also where something goes wrong.
    let shown = fill_and_show(&db, &table).await;
    let mut remove = SqlBuilder::new(db.engine());
    remove.push("DROP TABLE ").table(&table);
    db.execute(remove.build()).await?;
    db.close().await;
    shown
}

async fn fill_and_show(db: &Db, table: &TableName) -> Result<()> {
    // One conversation with the database: a transaction belongs to its session.
    let mut session = db.session().await?;
    // Ask what an engine can do, not which one it is: CrateDB has no transactions.
    if db.capabilities().transactions {
        session.begin().await?;
        insert(&mut *session, table).await?;
        session.commit().await?;
    } else {
        insert(&mut *session, table).await?;
        // There what was written can be read after a refresh.
        let mut refresh = SqlBuilder::new(db.engine());
        refresh.push("REFRESH TABLE ").table(table);
        session.execute(&refresh.build()).await?;
    }

    let mut warm = SqlBuilder::new(db.engine());
    warm.push("SELECT origin, temp FROM ").table(table).push(" WHERE temp > ").bind(38.0).push(" ORDER BY temp");
    let records = session.query(&warm.build()).await?;
    println!("{records}");
    print!("{}", records.json()?);
    for Observation { origin, temp } in records.deserialize()? {
        println!("{origin}: {:.1} °C", (temp - 32.0) / 1.8);
    }

    // Text of the program itself needs no builder.
    let sum = session.query(&sql("SELECT ? + 1 AS next").bind(41)).await?.scalar::<i64>()?;
    println!("41 + 1 = {sum}");
    Ok(())
}

/// Many rows go in by the engine's fastest way, whatever it is.
async fn insert(session: &mut dyn Session, table: &TableName) -> Result<()> {
    let mut insert = SqlBuilder::new(session.engine());
    insert.push("INSERT INTO ").table(table).push(" (origin, temp) VALUES (?, ?)");
    let rows = [("JFK", 39.02), ("LGA", 39.92), ("EWR", 37.94)].map(|(origin, temp)| vec![origin.into(), temp.into()]);
    session.execute_many(&insert.build(), &rows).await?;
    Ok(())
}
