//! Real data to try things on: hourly weather of three New York airports in 2013, bundled with its origin.
//!
//! The file's own `year`, `month` and `day` are local time of New York: an oracle for everything that goes by civil days.

use std::io::Read;

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Db, Engine, Value, sql};
use clusterkeep_core::{Error, Result};
use flate2::read::GzDecoder;

static DATA: &[u8] = include_bytes!("../../../examples/data/nyc-weather-2013.csv.gz");

/// The columns of numbers, in the order of [`Observation::numbers`].
pub const NUMBERS: [&str; 9] =
    ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"];

/// One hour at one airport.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The airport.
    pub origin: String,
    /// Year, month, day and hour, local time of New York.
    pub local: [i64; 4],
    /// What was measured, in the order of [`NUMBERS`].
    pub numbers: [Option<f64>; 9],
    /// The hour as an instant.
    pub time_hour: DateTime<Utc>,
}

/// The file as text.
///
/// # Errors
///
/// None, unless the program was built from a damaged file.
pub fn csv_text() -> Result<String> {
    let mut text = String::new();
    GzDecoder::new(DATA).read_to_string(&mut text).map_err(|e| Error::caused("unpack the bundled weather", e))?;
    Ok(text)
}

/// All observations, in the order of the file.
///
/// # Errors
///
/// None, unless the program was built from a damaged file.
pub fn observations() -> Result<Vec<Observation>> {
    let text = csv_text()?;
    let broken = |e: csv::Error| Error::caused("read the bundled weather", e);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut rows = Vec::with_capacity(26_115);
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let field = |at: usize| record.get(at).unwrap_or_default();
        let number = |at: usize| match field(at) {
            "NA" => Ok(None),
            text => text.parse().map(Some).map_err(|e| Error::caused(format!("read `{text}` of the weather"), e)),
        };
        let whole =
            |at: usize| field(at).parse().map_err(|e| Error::caused(format!("read `{}` of the weather", field(at)), e));
        let mut numbers = [None; 9];
        for (nth, value) in numbers.iter_mut().enumerate() {
            *value = number(5 + nth)?;
        }
        rows.push(Observation {
            origin: field(0).to_owned(),
            local: [whole(1)?, whole(2)?, whole(3)?, whole(4)?],
            numbers,
            time_hour: field(14).parse().map_err(|e| Error::caused("read a time of the weather", e))?,
        });
    }
    Ok(rows)
}

/// Creates the table `observations` with an index on its time, and loads all rows; returns how many.
///
/// `time_hour` is whole seconds since 1970 on SQLite, `timestamptz` on PostgreSQL, and `TIMESTAMP` on MariaDB/MySQL.
///
/// # Errors
///
/// The table is there already, the user may not create it, or the engine has no form of it yet.
pub async fn load(db: &Db) -> Result<u64> {
    let mut session = db.session().await?;
    let create = match db.engine() {
        Engine::Sqlite => sql(
            "CREATE TABLE observations (origin TEXT NOT NULL, year INTEGER, month INTEGER, day INTEGER, hour INTEGER, \
             temp REAL, dewp REAL, humid REAL, wind_dir REAL, wind_speed REAL, wind_gust REAL, precip REAL, \
             pressure REAL, visib REAL, time_hour INTEGER NOT NULL)",
        ),
        Engine::Postgres => {
            sql("CREATE TABLE observations (origin text NOT NULL, year int, month int, day int, hour int, \
             temp float8, dewp float8, humid float8, wind_dir float8, wind_speed float8, wind_gust float8, \
             precip float8, pressure float8, visib float8, time_hour timestamptz NOT NULL)")
        }
        Engine::Mysql => sql(
            "CREATE TABLE observations (origin varchar(16) NOT NULL, year int, month int, day int, hour int, temp double, \
             dewp double, humid double, wind_dir double, wind_speed double, wind_gust double, precip double, \
             pressure double, visib double, time_hour timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP)",
        ),
        Engine::Cratedb => {
            sql("CREATE TABLE observations (origin TEXT NOT NULL, year INTEGER, month INTEGER, day INTEGER, \
             hour INTEGER, temp DOUBLE PRECISION, dewp DOUBLE PRECISION, humid DOUBLE PRECISION, \
             wind_dir DOUBLE PRECISION, wind_speed DOUBLE PRECISION, wind_gust DOUBLE PRECISION, \
             precip DOUBLE PRECISION, pressure DOUBLE PRECISION, visib DOUBLE PRECISION, \
             time_hour TIMESTAMP WITH TIME ZONE NOT NULL)")
        }
        other => return Err(Error::input(format!("the weather has no form for {other} yet"))),
    };
    session.execute(&create).await?;
    // CrateDB indexes each column by itself.
    if db.engine() != Engine::Cratedb {
        session.execute(&sql("CREATE INDEX observations_time ON observations (time_hour)")).await?;
    }
    let engine = db.engine();
    let rows: Vec<Vec<Value>> = observations()?.into_iter().map(|row| values(row, engine)).collect();
    let insert = sql(
        "INSERT INTO observations (origin, year, month, day, hour, temp, dewp, humid, wind_dir, wind_speed, \
                      wind_gust, precip, pressure, visib, time_hour) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    let loaded = session.execute_many(&insert, &rows).await?;
    if db.engine() == Engine::Cratedb {
        session.execute(&sql("REFRESH TABLE observations")).await?;
    }
    Ok(loaded)
}

fn values(row: Observation, engine: Engine) -> Vec<Value> {
    let mut values = vec![row.origin.into()];
    values.extend(row.local.map(Value::from));
    values.extend(row.numbers.map(Value::from));
    values.push(match engine {
        Engine::Sqlite => row.time_hour.timestamp().into(),
        _ => row.time_hour.into(),
    });
    values
}
