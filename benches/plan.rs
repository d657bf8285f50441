//! Planning: verdicts, steps and hash over 10 thousand, 100 thousand and 1 million partitions; text not.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and ends where it can't go on")]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::age::days;
use clusterkeep_core::sql::{Ident, TableName};
use clusterkeep_retention::model::{Manifest, Policy, percent};
use clusterkeep_retention::observe::{Inventory, Partition, PartitionId, Source};
use clusterkeep_retention::plan::{Selection, plan};
use criterion::{BenchmarkId, Criterion, Throughput};

fn ident(name: String) -> Ident {
    Ident::new(name).expect("a name")
}

/// `count` hourly partitions, spread over `policies` tables and out of order, as catalogues give them.
fn inventory(count: usize, policies: usize) -> (Manifest, Inventory, DateTime<Utc>) {
    let start: DateTime<Utc> = "2000-01-01T00:00:00Z".parse().expect("an instant");
    let per_table = count / policies;
    let mut manifest = Manifest::named("bench");
    let mut sources = Vec::new();
    for table in 0..policies {
        let name = format!("raw_{table}");
        manifest = manifest.policy(
            Policy::for_table(&name).time("ts").zone("Europe/Berlin").drop_after(days(90)).max_share(percent(100)),
        );
        let partitions = (0..per_table).map(|nth| {
            // A stride that is coprime to the count visits all of them, far from sorted.
            let hour = (nth * 7919) % per_table;
            let from = start + TimeDelta::hours(hour as i64);
            Partition {
                id: Some(PartitionId::Table(Arc::new(TableName::bare(ident(format!("raw_{table}_{hour}")))))),
                start: Some(from),
                end: Some(from + TimeDelta::hours(1)),
                rows: Some(3600),
                bytes: Some(360_000),
                unknown: None,
                detached: false,
            }
        });
        let table = TableName::bare(ident(name));
        let partitions = partitions.collect();
        sources.push(Source { partitions, native: true, ..Source::empty(table) });
    }
    let now = start + TimeDelta::hours(per_table as i64 / 2);
    (manifest, Inventory { sources, ..Inventory::default() }, now)
}

fn planning(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10);
    for (count, policies) in [(10_000, 10), (100_000, 10), (1_000_000, 10), (1_000_000, 100)] {
        let (manifest, inventory, now) = inventory(count, policies);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new(format!("{policies} policies"), count), |bencher| {
            bencher.iter_with_large_drop(|| plan(&manifest, &inventory, now, &Selection::default()).expect("a plan"));
        });
    }
    group.finish();
}

/// What makes this program plan once and say how much memory that took: a process of its own has no other's peak.
const ONCE: &str = "CLUSTERKEEP_BENCH_PLAN_ONCE";

/// The most memory that this process has had, in MiB; Linux alone tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib / 1024)
}

fn once() {
    let (manifest, inventory, now) = inventory(1_000_000, 100);
    let before = peak();
    let begin = std::time::Instant::now();
    let plan = plan(&manifest, &inventory, now, &Selection::default()).expect("a plan");
    let took = begin.elapsed();
    let (steps, verdicts) = (plan.steps.len(), plan.verdicts.len());
    println!(
        "plan of 1,000,000 partitions and 100 policies, {verdicts} verdicts, {steps} steps, hash {}: {:.2} s, peak {} MiB \
         with the inventory (which alone had {} MiB)",
        plan.hash.short(),
        took.as_secs_f64(),
        peak().unwrap_or(0),
        before.unwrap_or(0),
    );
}

fn main() {
    if std::env::var_os(ONCE).is_some() {
        return once();
    }
    let mut criterion = Criterion::default().configure_from_args();
    planning(&mut criterion);
    criterion.final_summary();
    let this = std::env::current_exe().expect("this program");
    let status = std::process::Command::new(this).env(ONCE, "1").status().expect("it starts");
    assert!(status.success(), "{status}");
}
