//! About how long a plan takes: an order of magnitude, for people who decide whether to wait.
//!
//! Pure, and no part of the plan or its hash: it goes by rates that were measured once, on a small machine.

use std::time::Duration;

use clusterkeep_core::plan::{Plan, Step};
use clusterkeep_core::sql::Engine;

use super::{Action, Build, Domain};
use crate::observe::Inventory;

/// What an engine took on a machine with two cores and a solid-state disk, in microseconds.
struct Rates {
    /// For each partition that is counted, dropped or detached, and verified.
    partition: u64,
    /// For each row that is summed and deleted.
    deleted: u64,
    /// For each row that is rolled up and verified.
    rolled: u64,
    /// For each step, with its records.
    step: u64,
}

const fn rates(engine: Engine) -> Rates {
    match engine {
        Engine::Postgres => Rates { partition: 4_000, deleted: 4, rolled: 2, step: 2_000 },
        Engine::Mysql => Rates { partition: 10_000, deleted: 12, rolled: 4, step: 5_000 },
        Engine::Cratedb => Rates { partition: 8_000, deleted: 40, rolled: 4, step: 60_000 },
        _ => Rates { partition: 0, deleted: 3, rolled: 3, step: 5_000 },
    }
}

/// About how long `plan` takes on `engine`, one step after the other.
pub(crate) fn estimate(engine: Engine, plan: &Plan<Domain>, inventory: &Inventory) -> Duration {
    let rates = rates(engine);
    let rows: std::collections::HashMap<_, _> =
        plan.verdicts.iter().map(|verdict| (&verdict.object, verdict.detail.rows().unwrap_or(0))).collect();
    let deleted = |step: &Step<Domain>| step.objects.iter().filter_map(|object| rows.get(object)).sum::<u64>();
    let micros = |step: &Step<Domain>| {
        rates.step
            + match &step.action {
                Action::Downsample(build) => {
                    let Build { source, target, from, until, .. } = &**build;
                    let source = inventory.sources.iter().find(|known| known.table == **source);
                    let rollup = source.and_then(|source| source.rollups.iter().find(|known| known.target == **target));
                    let pieces = rollup.map_or(&[][..], |rollup| &rollup.now);
                    let first = pieces.partition_point(|piece| piece.start < *from);
                    let last = pieces.partition_point(|piece| piece.start < *until);
                    rates.rolled * pieces[first..last.max(first)].iter().map(|piece| piece.rows).sum::<u64>()
                }
                Action::DeleteSlices { .. } | Action::MergeLate { .. } => rates.deleted * deleted(step),
                _ => rates.partition * step.objects.len() as u64,
            }
    };
    Duration::from_micros(plan.steps.iter().map(micros).sum())
}
