//! Reads the inventory from a database.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clusterkeep_core::sql::{Db, Engine, Ident, Session, TableName};
use clusterkeep_core::{Error, Result};

use super::going;
use super::native::{native_partitions, without_meaning};
use super::record::Records;
use super::{Inventory, Partition, Piece, RollupState, Source, newest, tiers};
use crate::aggregate::Extras;
use crate::model::{Manifest, Rollup, TablePolicy, TimeColumn, boundaries_near_changes, resolve};
use crate::plan::{Lifecycle, Selection, lifecycles};
use crate::sql::{BUCKET, Described, Runs, SourceSql, Sums, TimeKind, catalogue, state_columns};

/// What was read, with what is needed to say and to do something about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    pub(crate) inventory: Inventory,
    /// How each table is asked, in the order of the inventory's sources.
    pub(crate) sources: Vec<SourceSql>,
    pub(crate) notes: Vec<String>,
    /// The policies of the tables that are planned, one for each.
    pub(crate) policies: Vec<TablePolicy>,
    /// What is recorded to be detached, and is gone or a partition again.
    #[cfg(feature = "postgres")]
    pub(crate) gone: Vec<super::Detached>,
}

/// Observes what `manifest` is about.
pub(crate) async fn observe(
    db: &Db,
    records: &Records,
    manifest: &Manifest,
    selection: &Selection,
    now: DateTime<Utc>,
) -> Result<Observed> {
    let mut observed = Observed::default();
    let mut session = db.session().await?;
    let mut tables = catalogue::tables(&mut *session).await?;
    // What this program keeps for itself is nobody's data, whatever a pattern says.
    tables.retain(|known| !records.are_kept_in(known));
    observed.inventory.tables = tables;
    let policies = selection.of(resolve(manifest, &observed.inventory.tables)?)?;
    for lifecycle in lifecycles(&policies) {
        let known = match lifecycle.rolled {
            // A rollup's table keeps time as its source does, also before it exists.
            Some(rollup) => Some(rolled_of_source(&observed, &lifecycle, rollup)?),
            None => None,
        };
        observe_table(&mut *session, records, &lifecycle, known, now, &mut observed).await?;
    }
    observed.inventory.places =
        tiers::places(&mut *session, lifecycles(&policies), &observed.inventory.sources).await?;
    let merges_late = records.share_transactions_with(db);
    for source in &mut observed.inventory.sources {
        source.merges_late = merges_late;
    }
    if !db.capabilities().transactional_ddl {
        going::overlay(&records.announced().await?, &mut observed.inventory.sources);
    }
    observed.policies = policies;
    Ok(observed)
}

/// How a rollup is asked, also before it exists.
fn rolled_of_source(observed: &Observed, lifecycle: &Lifecycle<'_>, rollup: &Rollup) -> Result<SourceSql> {
    let from = rollup.from.as_ref().unwrap_or(&lifecycle.of.table);
    let source = observed.sources.iter().find(|source| source.table == *from);
    source
        .map(|source| source.rolled_into(&rollup.target))
        .ok_or_else(|| Error::failed(format!("`{from}` was not observed before `{}`", rollup.target)))
}

async fn observe_table(
    session: &mut dyn Session,
    records: &Records,
    lifecycle: &Lifecycle<'_>,
    known: Option<SourceSql>,
    now: DateTime<Utc>,
    observed: &mut Observed,
) -> Result<()> {
    let table = lifecycle.table;
    let time = time_of(lifecycle);
    let described = catalogue::describe(session, table, Some(&time)).await?;
    let Some(described) = described else {
        let Some(known) = known else {
            return Err(Error::input(format!("there is no table `{table}`"))
                .with_hint("check the name and its schema, and that the address leads to the right database"));
        };
        return observe_missing(session, records, lifecycle, known, observed).await;
    };
    check_columns(lifecycle, &described)?;
    let column = described.column(table, &time.column)?;
    let native = described.partitions.is_some();
    let (kind, note) = match known {
        Some(known) => (known.kind, None),
        None => match catalogue::time_kind(session.engine(), table, column, time.meaning.as_ref()) {
            // Partitions whose keys mean nothing stay, and need not be asked.
            Err(_) if time.meaning.is_none() && native && lifecycle.rollups.is_empty() => {
                observed.inventory.sources.push(without_meaning(table, described));
                return Ok(());
            }
            settled => settled?,
        },
    };
    for rollup in &lifecycle.rollups {
        check_kind(lifecycle, rollup, &time.column, &kind)?;
    }
    observed.notes.extend(note);
    let singles = match session.engine() {
        Engine::Postgres => described.columns_of_type(&["real"]),
        Engine::Cratedb => described.columns_of_type(&["real", "double precision"]),
        _ => Vec::new(),
    };
    let sql = SourceSql {
        engine: session.engine(),
        table: table.clone(),
        time: time.column.clone(),
        kind,
        singles,
        parts: Vec::new(),
        key_base: described.key_base.clone(),
    };
    check_detach(lifecycle, session.engine(), native)?;
    tiers::check(lifecycle, session.engine(), native)?;
    // Of partitions the catalogue knows the bounds: only rollups ask for the first row and the last, and to look for them
    // in thousands takes a lock on each.
    let span = if native && lifecycle.rollups.is_empty() {
        None
    } else {
        sql.refresh(session).await?;
        sql.span(session).await?
    };
    let mut counts = Counts::default();
    let partitions = match described.partitions {
        Some(partitions) => {
            let mut partitions = native_partitions(session, &sql, lifecycle, partitions, now).await?;
            #[cfg(feature = "postgres")]
            super::detached::add(session, records, &sql, lifecycle, &mut partitions, now, observed).await?;
            newest::note_empty(session, &sql, lifecycle, &mut partitions).await?;
            partitions
        }
        None => slices(session, &sql, lifecycle, span, described.bytes, &mut counts).await?,
    };
    let mut rollups = Vec::with_capacity(lifecycle.rollups.len());
    let own = native.then_some(partitions.as_slice());
    for rollup in &lifecycle.rollups {
        rollups.push(rollup_state(session, records, &sql, lifecycle, rollup, own, span, now, &mut counts).await?);
    }
    let side_effects = described.side_effects;
    let obstacle = described.obstacle;
    let mut source = Source { partitions, native, rollups, side_effects, obstacle, ..Source::empty(table.clone()) };
    tiers::read(session, records, lifecycle, &mut source).await?;
    observed.inventory.sources.push(source);
    observed.sources.push(sql);
    Ok(())
}

/// A rollup that was never made: nothing is in it, and what is made from it has nothing yet.
async fn observe_missing(
    session: &mut dyn Session,
    records: &Records,
    lifecycle: &Lifecycle<'_>,
    known: SourceSql,
    observed: &mut Observed,
) -> Result<()> {
    let mut rollups = Vec::new();
    for rollup in &lifecycle.rollups {
        let exists = catalogue::describe(session, &rollup.target, None).await?.is_some();
        let recorded = records.of(&rollup.target, &lifecycle.cut(rollup)).await?;
        rollups.push(RollupState { target: rollup.target.clone(), exists, now: Vec::new(), recorded });
    }
    let table = lifecycle.table.clone();
    observed.inventory.sources.push(Source { rollups, ..Source::empty(table) });
    observed.sources.push(known);
    Ok(())
}

fn time_of(lifecycle: &Lifecycle<'_>) -> TimeColumn {
    match lifecycle.rolled {
        Some(_) => TimeColumn { column: Ident::literal(BUCKET), meaning: None, width: None },
        None => lifecycle.policy.time.clone(),
    }
}

/// Each column that a policy names must be there before anything is planned.
fn check_columns(lifecycle: &Lifecycle<'_>, described: &Described) -> Result<()> {
    let has = |name: &Ident| described.column(lifecycle.table, name).map(drop);
    lifecycle.policy.by.iter().try_for_each(has)?;
    match lifecycle.rolled {
        None => lifecycle.rollups.iter().flat_map(|rollup| &rollup.of).try_for_each(has),
        Some(rollup) => rollup_columns(lifecycle, rollup).try_for_each(|name| has(&name)),
    }
}

/// Each bucket that has rows, by its start, with how many.
type Counted = Vec<(DateTime<Utc>, u64)>;

/// Counts by boundaries, so that slices and the pieces of a rollup that are the same are counted once.
#[derive(Default)]
struct Counts(Option<(Vec<DateTime<Utc>>, Counted)>);

impl Counts {
    async fn of(
        &mut self,
        session: &mut dyn Session,
        sql: &SourceSql,
        boundaries: Vec<DateTime<Utc>>,
    ) -> Result<&[(DateTime<Utc>, u64)]> {
        if self.0.as_ref().is_none_or(|(known, _)| *known != boundaries) {
            let counts = match Runs::of(&boundaries) {
                Some(runs) => sql.counts(session, &runs).await?,
                None => Vec::new(),
            };
            self.0 = Some((boundaries, counts));
        }
        Ok(self.0.as_ref().map_or(&[], |(_, counts)| counts.as_slice()))
    }
}

/// The slices that have rows, of a table without partitions of its own.
async fn slices(
    session: &mut dyn Session,
    sql: &SourceSql,
    lifecycle: &Lifecycle<'_>,
    span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    bytes: Option<u64>,
    counts: &mut Counts,
) -> Result<Vec<Partition>> {
    let Some((first, last)) = span else { return Ok(Vec::new()) };
    let boundaries = lifecycle.slice().boundaries(lifecycle.zone, first, last + TimeDelta::microseconds(1));
    let counted = counts.of(session, sql, boundaries.clone()).await?;
    let total: u64 = counted.iter().map(|(_, rows)| rows).sum();
    let share = |rows: u64| {
        let bytes = u128::from(bytes?) * u128::from(rows) / u128::from(total.max(1));
        u64::try_from(bytes).ok()
    };
    let partition = |(start, rows): &(DateTime<Utc>, u64)| Partition {
        id: None,
        start: Some(*start),
        end: boundaries.get(boundaries.partition_point(|at| at <= start)).copied(),
        rows: Some(*rows),
        bytes: share(*rows),
        unknown: None,
        detached: false,
    };
    Ok(counted.iter().map(partition).collect())
}

/// Only PostgreSQL's own partitions can be taken out of their table and stay.
fn check_detach(lifecycle: &Lifecycle<'_>, engine: Engine, native: bool) -> Result<()> {
    if lifecycle.detach_after.is_none() || (engine == Engine::Postgres && native) {
        return Ok(());
    }
    let table = lifecycle.table;
    let what = if engine == Engine::Postgres {
        format!("`{table}` has no partitions that could be detached")
    } else {
        format!("partitions of `{table}` can't be detached on {engine}")
    };
    Err(Error::input(what).with_hint("leave the tier `detach` out: it is for partitioned tables on PostgreSQL"))
}

#[expect(
    clippy::too_many_arguments,
    reason = "all that a rollup's state is read from; a struct for one call hides nothing"
)]
async fn rollup_state(
    session: &mut dyn Session,
    records: &Records,
    sql: &SourceSql,
    lifecycle: &Lifecycle<'_>,
    rollup: &Rollup,
    native: Option<&[Partition]>,
    span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    now: DateTime<Utc>,
    counts: &mut Counts,
) -> Result<RollupState> {
    check_names(lifecycle, rollup, records.longest_name())?;
    let exists = match catalogue::describe(session, &rollup.target, None).await? {
        Some(target) => check_target(lifecycle, rollup, &target).map(|()| true)?,
        None => false,
    };
    let recorded = records.of(&rollup.target, &lifecycle.cut(rollup)).await?;
    let boundaries = match span {
        Some((first, last)) => {
            let buckets = rollup.every.boundaries(lifecycle.zone_of(rollup), first, last + TimeDelta::microseconds(1));
            as_recorded(piece_bounds(lifecycle, buckets, native), &recorded)
        }
        None => Vec::new(),
    };
    let mut pieces: Vec<Piece> = counts
        .of(session, sql, boundaries.clone())
        .await?
        .iter()
        .map(|(start, rows)| {
            let end = boundaries.get(boundaries.partition_point(|at| at <= start)).copied().unwrap_or(*start);
            Piece { start: *start, end, rows: *rows, facts: None, dropped: false }
        })
        .collect();
    // Where something may go and a record says what it was, its values are compared, too, not only its rows.
    if let (Some(cutoff), false) = (lifecycle.first_cutoff(now)?, recorded.is_empty()) {
        let last = boundaries.partition_point(|at| *at <= cutoff);
        let sums = Sums {
            columns: lifecycle.policy.columns_of(rollup),
            by: &lifecycle.policy.by,
            rolled: lifecycle.rolled.is_some(),
        };
        for summed in sql.sums(session, &boundaries[..last], sums).await? {
            if let Ok(at) = pieces.binary_search_by_key(&summed.start, |piece| piece.start) {
                pieces[at] = summed;
            }
        }
    }
    Ok(RollupState { target: rollup.target.clone(), exists, now: pieces, recorded })
}

/// The bounds of the pieces of a source over whole buckets: those of the buckets, and those of what goes as a whole.
///
/// Slices are cut where the policy cuts them, whether they have rows or not, so that a record made today and one made
/// after tomorrow's rows are cut alike.
pub(crate) fn piece_bounds(
    lifecycle: &Lifecycle<'_>,
    buckets: Vec<DateTime<Utc>>,
    native: Option<&[Partition]>,
) -> Vec<DateTime<Utc>> {
    let (Some(from), Some(until)) = (buckets.first().copied(), buckets.last().copied()) else { return buckets };
    let mut bounds: BTreeSet<_> = buckets.into_iter().collect();
    let within = |at: &DateTime<Utc>| from < *at && *at < until;
    match native {
        Some(partitions) => {
            bounds.extend(
                partitions.iter().flat_map(|partition| [partition.start, partition.end]).flatten().filter(within),
            );
        }
        None => bounds.extend(lifecycle.slice().boundaries(lifecycle.zone, from, until).into_iter().filter(within)),
    }
    bounds.into_iter().collect()
}

/// The columns that hold what a rollup keeps.
fn rollup_columns<'a>(lifecycle: &Lifecycle<'a>, rollup: &'a Rollup) -> impl Iterator<Item = Ident> {
    let extras = Extras::of(lifecycle.policy.extras_of(rollup));
    lifecycle.policy.columns_of(rollup).iter().flat_map(move |of| state_columns(of, extras))
}

/// The column of time must tell apart what the boundaries of the buckets do.
///
/// In the hour that comes twice a time without a zone is two instants, and a date or a format may be coarser than a bucket.
fn check_kind(lifecycle: &Lifecycle<'_>, rollup: &Rollup, column: &Ident, kind: &TimeKind) -> Result<()> {
    let of_kind = match kind {
        TimeKind::Instant => return Ok(()),
        TimeKind::Count(count) if count.unit.micros() <= 1_000_000 => return Ok(()),
        TimeKind::Count(_) => Tz::UTC,
        TimeKind::Civil(zone) | TimeKind::Date(zone) => *zone,
        TimeKind::Text(format) | TimeKind::Digits(format) => format.zone,
    };
    let zone = lifecycle.zone_of(rollup);
    let mut boundaries = boundaries_near_changes(rollup.every, zone, of_kind);
    match boundaries.find(|at| kind.instant(&kind.value(*at)) != Some(*at)) {
        Some(at) => {
            let (table, target, every) = (lifecycle.table, &rollup.target, rollup.every);
            Err(Error::input(format!(
                "a {every} of rollup `{target}` in {} begins at {at}, which `{column}` of `{table}` does not tell apart \
                 from other instants (rule time-tells-buckets-apart)",
                zone.name()
            ))
            .with_hint(
                "without a zone the hour that comes twice is one: roll up whole days in the zone of the column, or keep \
                 time as points in time",
            ))
        }
        None => Ok(()),
    }
}

/// Where pieces were cut when they were recorded they are cut still: the bounds of a partition that went go with it on
/// MariaDB, where its successor takes its place.
fn as_recorded(bounds: Vec<DateTime<Utc>>, recorded: &[Piece]) -> Vec<DateTime<Utc>> {
    let (Some(from), Some(until)) = (bounds.first().copied(), bounds.last().copied()) else { return bounds };
    let cuts = recorded.iter().flat_map(|piece| [piece.start, piece.end]).filter(|at| from < *at && *at < until);
    let all: BTreeSet<_> = bounds.into_iter().chain(cuts).collect();
    all.into_iter().collect()
}

/// A table that exists under the name of a rollup must be one.
fn check_target(lifecycle: &Lifecycle<'_>, rollup: &Rollup, target: &Described) -> Result<()> {
    let wanted = lifecycle.policy.by.iter().cloned().chain([Ident::literal(BUCKET)]);
    let wanted = wanted.chain(rollup_columns(lifecycle, rollup));
    for name in wanted {
        if !target.columns.iter().any(|column| column.name == name) {
            return Err(missing_in_target(&rollup.target, &name));
        }
    }
    Ok(())
}

/// A name that the engine would cut short would not be found again.
fn check_names(lifecycle: &Lifecycle<'_>, rollup: &Rollup, longest: usize) -> Result<()> {
    match rollup_columns(lifecycle, rollup)
        .chain([rollup.target.name.clone()])
        .find(|name| name.as_str().len() > longest)
    {
        Some(name) => {
            Err(Error::input(format!("`{name}` of rollup `{}` is longer than {longest} bytes", rollup.target))
                .with_hint("the engine would cut it short: roll up a view with a shorter name of the column"))
        }
        None => Ok(()),
    }
}

fn missing_in_target(target: &TableName, column: &Ident) -> Error {
    Error::input(format!("table `{target}` exists and has no column `{column}`, so it is not this rollup"))
        .with_hint("name another table in `into`, or add the column and fill it")
}
