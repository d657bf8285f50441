//! The server itself says where rows are: whatever the layout, no row lies outside of the bounds that a plan knows.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use clusterkeep_core::sql::{Db, Statement};
use clusterkeep_retention::model::Meaning;
use clusterkeep_testkit::servers;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::world::{at, dropped, retention, script};

/// A kind of column that time can be kept in.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Instant,
    Berlin,
    Date,
    Seconds,
}

impl Kind {
    const fn type_name(self) -> &'static str {
        match self {
            Self::Instant => "timestamptz",
            Self::Berlin => "timestamp",
            Self::Date => "date",
            Self::Seconds => "bigint",
        }
    }

    const fn meaning(self) -> Option<Meaning> {
        match self {
            Self::Instant => None,
            Self::Berlin | Self::Date => Some(Meaning::Zone(chrono_tz::Europe::Berlin)),
            Self::Seconds => Some(Meaning::EpochSeconds),
        }
    }

    /// A value as SQL: so many half hours after the morning before the clocks go back in Berlin.
    fn value(self, half_hours: i64, ticks: i64) -> String {
        let civil: NaiveDateTime = "2026-10-24T12:00:00".parse().unwrap();
        let civil = civil + TimeDelta::minutes(30 * half_hours) + TimeDelta::microseconds(ticks);
        match self {
            Self::Instant => format!("'{civil}+00'"),
            Self::Berlin => format!("'{civil}'"),
            Self::Date => format!("'{}'", civil.date()),
            Self::Seconds => (civil.and_utc().timestamp()).to_string(),
        }
    }

    /// The instants that a row may mean, as the server computes them: in the hour that comes twice there are two.
    const fn instants(self) -> &'static str {
        match self {
            Self::Instant => "ts, ts",
            Self::Berlin => {
                "ts AT TIME ZONE 'Europe/Berlin', CASE WHEN ts - interval '1 hour' < '2026-10-25 02:00' AND ts >= '2026-10-25 02:00' \
                 AND ts < '2026-10-25 03:00' THEN (ts AT TIME ZONE 'UTC') - interval '1 hour' ELSE ts AT TIME ZONE 'Europe/Berlin' END"
            }
            Self::Date => {
                "ts::timestamp AT TIME ZONE 'Europe/Berlin', (ts + 1)::timestamp AT TIME ZONE 'Europe/Berlin' - interval '1 us'"
            }
            Self::Seconds => "to_timestamp(ts), to_timestamp(ts)",
        }
    }
}

/// A layout: where it is cut, which of the pieces are there, whether a second column follows in the key, and what is above.
#[derive(Debug, Clone)]
struct Layout {
    kind: Kind,
    cuts: Vec<(i64, u8)>,
    present: Vec<bool>,
    two_columns: bool,
    by_tenant: bool,
    open: (bool, bool),
}

fn layouts() -> impl Strategy<Value = Layout> {
    let kinds = prop::sample::select(vec![Kind::Instant, Kind::Berlin, Kind::Date, Kind::Seconds]);
    let cuts = prop::collection::btree_map(0_i64..200, 0_u8..3, 2..6);
    (kinds, cuts, prop::collection::vec(any::<bool>(), 7), any::<bool>(), any::<bool>(), any::<(bool, bool)>())
        .prop_map(|(kind, cuts, present, two_columns, by_tenant, open)| {
            let mut cuts: Vec<_> = cuts.into_iter().collect();
            // Days are coarser than the cuts.
            cuts.dedup_by_key(|(half_hours, _)| kind.value(*half_hours, 0));
            Layout { kind, cuts, present, two_columns, by_tenant, open }
        })
}

impl Layout {
    fn script(&self, table: &str) -> String {
        let (kind, key) = (self.kind.type_name(), if self.two_columns { "ts, n" } else { "ts" });
        let mut text = format!("CREATE TABLE {table} (ts {kind}, n int, tenant text)");
        let mut parent = table.to_owned();
        if self.by_tenant {
            text.push_str(&format!(
                " PARTITION BY LIST (tenant); CREATE TABLE {table}_a PARTITION OF {table} FOR VALUES IN ('a')"
            ));
            parent.push_str("_a");
        }
        text.push_str(&format!(" PARTITION BY RANGE ({key});"));
        let bound = |(half_hours, second): (i64, u8)| {
            let second = ["MINVALUE", "5", "MAXVALUE"][usize::from(second)];
            let more = if self.two_columns { format!(", {second}") } else { String::new() };
            format!("({}{more})", self.kind.value(half_hours, 0))
        };
        let all = |limit: &str| if self.two_columns { format!("({limit}, {limit})") } else { format!("({limit})") };
        let mut edges: Vec<String> = self.cuts.iter().map(|cut| bound(*cut)).collect();
        if self.open.0 {
            edges.insert(0, all("MINVALUE"));
        }
        if self.open.1 {
            edges.push(all("MAXVALUE"));
        }
        for (nth, edge) in edges.windows(2).enumerate().filter(|(nth, _)| self.present[*nth % self.present.len()]) {
            text.push_str(&format!(
                "CREATE TABLE {table}_{nth} PARTITION OF {parent} FOR VALUES FROM {} TO {};",
                edge[0], edge[1]
            ));
        }
        text.push_str(&format!("CREATE TABLE {table}_rest PARTITION OF {parent} DEFAULT;"));
        // Around each bound: just before, at, and just after it, with what the second column may be.
        let rows = self.cuts.iter().flat_map(|(half_hours, _)| {
            [-1_000_001, -1, 0, 1, 1_000_001]
                .into_iter()
                .flat_map(move |ticks| ["NULL", "-1", "5", "6"].into_iter().map(move |n| (*half_hours, ticks, n)))
        });
        for (half_hours, ticks, n) in rows {
            text.push_str(&format!("INSERT INTO {table} VALUES ({}, {n}, 'a');", self.kind.value(half_hours, ticks)));
        }
        text
    }
}

/// The first instant of a partition, and the first after it.
type Bounds = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

async fn check(db: &Db, nth: u32, layout: &Layout) -> Result<usize, TestCaseError> {
    let table = format!("t{nth}");
    script(db, layout.script(&table)).await;
    let mut policy = dropped(&table, 30);
    if let Some(meaning) = layout.kind.meaning() {
        policy = policy.meaning(meaning);
    }
    let plan = retention(db, policy).plan(at("2026-10-30T00:00:00Z")).await.unwrap();
    let known: BTreeMap<String, Bounds> = plan
        .verdicts
        .iter()
        .map(|verdict| {
            (verdict.detail.partition.as_ref().unwrap().to_string(), (verdict.detail.start, verdict.detail.end))
        })
        .collect();
    let query = format!("SELECT 'public.' || tableoid::regclass AS part, {} FROM {table}", layout.kind.instants());
    let rows = db.query(Statement::assert_safe(query)).await.unwrap();
    for row in rows.rows() {
        let (part, first, last): (String, DateTime<Utc>, DateTime<Utc>) =
            (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap());
        let (start, end) = known[&part];
        prop_assert!(start.is_none_or(|start| start <= first), "{first} lies in {part} before {start:?}");
        prop_assert!(end.is_none_or(|end| last < end), "{last} lies in {part} at or after {end:?}");
        prop_assert!(!part.ends_with("_rest") || end.is_none());
    }
    Ok(known.values().filter(|(_, end)| end.is_some()).count())
}

#[test]
fn case_01_no_row_lies_outside_of_the_bounds_that_are_known() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let Some(database) = runtime.block_on(servers::postgres()) else { return };
    let db = runtime.block_on(database.connect());
    let (mut nth, mut known) = (0, 0);
    let count = std::cell::RefCell::new((&mut nth, &mut known));
    let mut runner = TestRunner::new(Config { cases: 60, max_shrink_iters: 100, ..Config::default() });
    runner
        .run(&layouts(), |layout| {
            let mut count = count.borrow_mut();
            *count.0 += 1;
            *count.1 += runtime.block_on(check(&db, *count.0, &layout))?;
            Ok(())
        })
        .unwrap();
    assert!(known > 60, "only {known} partitions had an end");
}
