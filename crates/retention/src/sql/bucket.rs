//! The bucket that an instant is in, as arithmetic that every engine is fast with.
//!
//! Boundaries are handed over as data, so that buckets mean the same on every engine, also on one without a zone
//! database. Civil days are 24 hours long but for two in a year: stretches of equal length become one division each, and
//! a balanced `CASE` finds the stretch.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::sql::{Engine, Ident, SqlBuilder, Value};

use super::TimeKind;

/// Boundaries, run-length encoded: stretches of buckets of one length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Runs(Vec<Run>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    from: DateTime<Utc>,
    width: TimeDelta,
    until: DateTime<Utc>,
}

impl Runs {
    /// The stretches between ascending `boundaries`; `None` where there is no bucket at all.
    pub(crate) fn of(boundaries: &[DateTime<Utc>]) -> Option<Self> {
        let mut runs: Vec<Run> = Vec::new();
        for pair in boundaries.windows(2) {
            let (from, until) = (pair[0], pair[1]);
            let width = until - from;
            match runs.last_mut() {
                Some(run) if run.width == width => run.until = until,
                _ => runs.push(Run { from, width, until }),
            }
        }
        (!runs.is_empty()).then_some(Self(runs))
    }

    /// The first boundary.
    pub(crate) fn from(&self) -> DateTime<Utc> {
        self.0[0].from
    }

    /// The last boundary.
    pub(crate) fn until(&self) -> DateTime<Utc> {
        self.0[self.0.len() - 1].until
    }

    /// Appends the expression for the start of the bucket that `column` is in, in the column's own kind.
    ///
    /// It means something only between the first and the last boundary.
    pub(crate) fn push(&self, sql: &mut SqlBuilder, column: &Ident, kind: &TimeKind) {
        match kind {
            // No engine computes with these: each bucket is compared with.
            TimeKind::Text(_) | TimeKind::Digits(_) => push(&self.single(), sql, column, kind),
            _ => push(&self.0, sql, column, kind),
        }
    }

    /// Each bucket as a stretch of its own.
    fn single(&self) -> Vec<Run> {
        let of = |run: &Run| {
            let (width, until) = (run.width, run.until);
            let bucket = move |from| Run { from, width, until: from + width };
            std::iter::successors(Some(run.from), move |at| Some(*at + width))
                .take_while(move |at| *at < until)
                .map(bucket)
        };
        self.0.iter().flat_map(of).collect()
    }
}

fn push(runs: &[Run], sql: &mut SqlBuilder, column: &Ident, kind: &TimeKind) {
    if let [run] = runs {
        return push_run(run, sql, column, kind);
    }
    let (left, right) = runs.split_at(runs.len() / 2);
    sql.push("CASE WHEN ").ident(column).push(" < ");
    push_instant(sql, right[0].from, kind);
    sql.push(" THEN ");
    push(left, sql, column, kind);
    sql.push(" ELSE ");
    push(right, sql, column, kind);
    sql.push(" END");
}

fn push_run(run: &Run, sql: &mut SqlBuilder, column: &Ident, kind: &TimeKind) {
    if let TimeKind::Count(count) = kind {
        // Within the run the difference is never negative: division rounds down on every engine.
        let width = run.width.num_microseconds().unwrap_or(i64::MAX) / count.unit.micros();
        push_instant(sql, run.from, kind);
        sql.push(" + (").ident(column).push(" - ");
        push_instant(sql, run.from, kind);
        // MariaDB's `/` makes decimals of integers.
        sql.push(if sql.engine() == Engine::Mysql { ") DIV " } else { ") / " });
        sql.number(width).push(" * ").number(width);
        return;
    }
    if sql.engine() == Engine::Cratedb {
        return push_millis(run, sql, column, kind);
    }
    if run.width == run.until - run.from {
        // One bucket: a day of 23 hours has 24 of them by a column that keeps civil time.
        return push_start(sql, run.from, kind);
    }
    if sql.engine() == Engine::Mysql {
        return push_run_mysql(run, sql, column, kind);
    }
    if matches!(kind, TimeKind::Date(_)) {
        // Dates are whole days apart: the difference of two is a number.
        let width = run.width.num_days().max(1);
        push_instant(sql, run.from, kind);
        sql.push(" + (").ident(column).push(" - ");
        push_instant(sql, run.from, kind);
        sql.push(") / ").number(width).push(" * ").number(width);
        return;
    }
    sql.push("date_bin(make_interval(secs => ").number(run.width.num_seconds()).push("), ").ident(column);
    sql.push(", ");
    push_instant(sql, run.from, kind);
    sql.push(")");
}

/// Whole microseconds, or days where the column has no time of day: neither is ever rounded.
fn push_run_mysql(run: &Run, sql: &mut SqlBuilder, column: &Ident, kind: &TimeKind) {
    let (width, difference, unit) = match kind {
        TimeKind::Date(_) => (run.width.num_days().max(1), "TIMESTAMPDIFF(DAY, ", " DAY"),
        _ => {
            let micros = run.width.num_microseconds().unwrap_or(i64::MAX);
            (micros, "TIMESTAMPDIFF(MICROSECOND, ", " MICROSECOND")
        }
    };
    push_start(sql, run.from, kind);
    sql.push(" + INTERVAL ").push(difference);
    push_start(sql, run.from, kind);
    sql.push(", ").ident(column).push(") DIV ").number(width).push(" * ").number(width).push(unit);
}

/// An instant that is a result: MariaDB and MySQL take a bare parameter for text there.
fn push_start(sql: &mut SqlBuilder, instant: DateTime<Utc>, kind: &TimeKind) {
    let after = match (sql.engine(), kind) {
        (Engine::Mysql, TimeKind::Date(_)) => " AS DATE)",
        (Engine::Mysql, TimeKind::Instant | TimeKind::Civil(_)) => " AS DATETIME(6))",
        _ => return push_instant(sql, instant, kind),
    };
    sql.push("CAST(");
    push_instant(sql, instant, kind);
    sql.push(after);
}

/// On CrateDB points in time are counted as numbers are: it knows them as milliseconds.
fn push_millis(run: &Run, sql: &mut SqlBuilder, column: &Ident, kind: &TimeKind) {
    let (from, until) = (millis(run.from, kind), millis(run.until, kind));
    // Where a column shows civil time, a day has 24 hours in it also when clocks are set.
    let buckets = (run.until - run.from).num_milliseconds() / run.width.num_milliseconds().max(1);
    let width = ((until - from) / buckets.max(1)).max(1);
    sql.push("CAST(").number(from).push(" + (CAST(").ident(column).push(" AS BIGINT) - ").number(from).push(") / ");
    sql.number(width).push(" * ").number(width).push(match kind {
        TimeKind::Instant => " AS TIMESTAMP WITH TIME ZONE)",
        _ => " AS TIMESTAMP WITHOUT TIME ZONE)",
    });
}

/// What a point in time is as a number of CrateDB.
fn millis(instant: DateTime<Utc>, kind: &TimeKind) -> i64 {
    match kind.value(instant) {
        Value::DateTime(civil) => civil.and_utc().timestamp_millis(),
        _ => instant.timestamp_millis(),
    }
}

/// Numbers go in as text, so that a planner sees constants; other kinds as parameters.
fn push_instant(sql: &mut SqlBuilder, instant: DateTime<Utc>, kind: &TimeKind) {
    let value = kind.value(instant);
    match value.as_i64() {
        Some(number) => sql.number(number),
        None if sql.engine() == Engine::Cratedb && matches!(kind, TimeKind::Instant | TimeKind::Civil(_)) => {
            sql.number(millis(instant, kind))
        }
        None => sql.bind(value),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::America::New_York;
    use clusterkeep_core::civil::Every;

    use crate::model::Meaning;

    #[test]
    fn a_year_of_days_has_five_stretches() {
        let from = "2013-01-01T05:00:00Z".parse().unwrap();
        let until = "2014-01-01T05:00:00Z".parse().unwrap();
        let runs = Runs::of(&Every::Day.boundaries(New_York, from, until)).unwrap();
        assert_eq!(runs.0.len(), 5, "winter, 23 hours, summer, 25 hours, winter");
        assert_eq!((runs.from(), runs.until()), (from, until));
        let mut sql = SqlBuilder::new(Engine::Sqlite);
        runs.push(&mut sql, &Ident::literal("t"), &TimeKind::Count(Meaning::EpochSeconds.count().unwrap()));
        assert!(sql.build().text().starts_with("CASE WHEN \"t\" < 1362974400 THEN "));
    }

    #[test]
    fn nothing_has_no_runs() {
        assert!(Runs::of(&[]).is_none());
        assert!(Runs::of(&["2013-01-01T05:00:00Z".parse().unwrap()]).is_none());
    }
}
