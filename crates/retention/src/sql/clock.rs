//! What time it is on the server: ages are counted by this machine's clock, rows are stamped by others.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::clock::Clock;
use clusterkeep_core::sql::{Engine, Session, Value, sql};

/// How far the server's clock is ahead of `clock`; `None` where the database has no clock but this machine's.
pub(crate) async fn clock_ahead(session: &mut dyn Session, clock: &dyn Clock) -> Result<Option<TimeDelta>> {
    let question = match session.engine() {
        Engine::Postgres => sql("SELECT clock_timestamp() AS now"),
        Engine::Mysql => sql("SELECT utc_timestamp(6) AS now"),
        Engine::Cratedb => sql("SELECT current_timestamp AS now"),
        // SQLite lives in this process.
        _ => return Ok(None),
    };
    let before = clock.now();
    let answer = session.query(&question).await?;
    let after = clock.now();
    Ok(instant(answer.one()?.value("now")?).map(|server| ahead(before, server, after)))
}

fn instant(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::DateTime(at) => Some(at.and_utc()),
        other => other.as_timestamp(),
    }
}

/// The least that the server can be ahead or behind, since its answer was made somewhere between the two looks.
fn ahead(before: DateTime<Utc>, server: DateTime<Utc>, after: DateTime<Utc>) -> TimeDelta {
    if server > after {
        server - after
    } else if server < before {
        server - before
    } else {
        TimeDelta::zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_is_no_difference_of_clocks() {
        let at = |seconds: i64| DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap();
        assert_eq!(ahead(at(0), at(5), at(10)), TimeDelta::zero());
        assert_eq!(ahead(at(0), at(15), at(10)), TimeDelta::seconds(5));
        assert_eq!(ahead(at(0), at(-7), at(10)), TimeDelta::seconds(-7));
    }
}
