//! Why something is decided of an object: a code with its data, and what people read.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use clusterkeep_core::sql::TableName;
use schemars::JsonSchema;
use serde::Serialize;

use super::due::Due;
use crate::model::{Bytes, Share};
use crate::observe::Unknown;
use crate::text::{grouped, size};

/// Why.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "code", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// It ended at or before the cutoff.
    EndedBeforeCutoff {
        /// The cutoff.
        cutoff: DateTime<Utc>,
        /// The rollups that must be verified first.
        #[schemars(with = "Vec<String>")]
        after: Arc<[TableName]>,
        /// The repository, or the place for files, that it is archived in first.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        archive: Option<Arc<String>>,
    },
    /// It is old enough for what changes how it is kept.
    Due {
        /// What, in order.
        #[schemars(with = "Vec<Due>")]
        changes: Arc<Vec<Due>>,
    },
    /// An archive of what ends after the cutoff for archives.
    ArchiveKept {
        /// The cutoff.
        cutoff: DateTime<Utc>,
    },
    /// An archive of what ended at or before the cutoff for archives.
    ArchiveExpired {
        /// The cutoff.
        cutoff: DateTime<Utc>,
    },
    /// An archive that is among the newest, which stay however old they are.
    NewestArchive,
    /// It can't be moved or archived where the policy says.
    Unfit {
        /// Why.
        #[schemars(with = "String")]
        what: Arc<String>,
    },
    /// It ends after the cutoff.
    EndsAfterCutoff {
        /// The cutoff.
        cutoff: DateTime<Utc>,
    },
    /// It is among the newest, which stay however old they are.
    Newest,
    /// Nothing says when it goes.
    NoExpiry,
    /// Its end is not known.
    UnknownEnd {
        /// Why.
        why: Unknown,
    },
    /// Somebody holds it.
    Held(Arc<Held>),
    /// A hold on it has expired; it stays for the run that finds that out.
    HoldExpired {
        /// The hold.
        id: Arc<str>,
        /// When it expired.
        at: DateTime<Utc>,
    },
    /// It lies outside of what was selected.
    NotSelected,
    /// A rollup that it feeds has a bucket that is not complete yet.
    NeededBy {
        /// The rollup.
        #[schemars(with = "TableName")]
        rollup: Arc<TableName>,
        /// When the bucket is complete.
        until: DateTime<Utc>,
    },
    /// It has rows that came after its source was dropped; they can't be put into the rollup any more.
    Late {
        /// The rollup.
        #[schemars(with = "TableName")]
        rollup: Arc<TableName>,
        /// How many.
        rows: u64,
    },
    /// It has rows that came after its source was dropped; they are added to the rollup.
    AddedLate {
        /// The rollup.
        #[schemars(with = "TableName")]
        rollup: Arc<TableName>,
        /// How many.
        rows: u64,
    },
    /// It has fewer rows than the rollup was made from, or other values, so that the rollup can't be checked against it.
    SourceChanged {
        /// The rollup.
        #[schemars(with = "TableName")]
        rollup: Arc<TableName>,
        /// How many rows the rollup was made from.
        recorded: u64,
        /// How many are there.
        now: u64,
    },
    /// More would go within 24 hours than the guard allows.
    ShareExceeded {
        /// How much would go, with what went in the last 24 hours.
        part: u64,
        /// Of how much.
        whole: u64,
        /// Counted in what.
        unit: ShareUnit,
        /// What is allowed.
        allowed: Share,
    },
    /// More rows or partitions would go within 24 hours than the guard allows.
    CapExceeded {
        /// How many would go, with what went in the last 24 hours.
        count: u64,
        /// Counted in what.
        unit: ShareUnit,
        /// How many are allowed.
        allowed: u64,
    },
    /// More bytes would go within 24 hours than the guard allows.
    BytesExceeded {
        /// How many would go, with what went in the last 24 hours.
        bytes: u64,
        /// What is allowed.
        #[schemars(with = "String")]
        allowed: Bytes,
    },
    /// A limit in bytes or rows is set, and how many would go is not known.
    NotMeasured {
        /// Counted in what.
        unit: ShareUnit,
    },
    /// This machine's clock and the server's differ too much to know what is old.
    ClocksDiffer {
        /// How far the server is ahead, in milliseconds.
        ahead_ms: i64,
    },
    /// A pattern has newly begun to match the table, and nobody has acknowledged that yet.
    NewlyMatched,
    /// This version of the server is known to damage such tables.
    BadServer {
        /// The version, and what is known of it.
        what: String,
    },
    /// The column of time has no index, so that each slice would read the whole table.
    NoIndex,
    /// Its storage engine can't roll back: a delete that turns out wrong could not be undone.
    NoTransactions {
        /// The storage engine.
        engine: String,
    },
    /// The plan is for an instant before the newest one that was applied.
    ClockBehind {
        /// The newest one that was applied.
        last_applied: DateTime<Utc>,
    },
    /// Deleting would set off what no plan announces.
    SideEffects {
        /// Triggers, and foreign keys that cascade.
        what: Vec<String>,
    },
    /// Buckets that are missing, or whose source changed.
    BucketsMissing {
        /// How many buckets.
        buckets: usize,
        /// What they are made from.
        #[schemars(with = "TableName")]
        source: Arc<TableName>,
    },
}

/// The hold that keeps something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Held {
    /// Its number.
    pub id: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub why: String,
    /// When it ends by itself; never where this is missing.
    pub until: Option<DateTime<Utc>>,
}

/// What a share is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShareUnit {
    /// Rows, where all of them were counted.
    Rows,
    /// Partitions or slices.
    Partitions,
    /// Copies of partitions.
    Archives,
    /// Bytes, as the engine estimates them.
    Bytes,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndedBeforeCutoff { after, archive, .. } => {
                f.write_str("ended at or before the cutoff")?;
                if let Some((first, rest)) = after.split_first() {
                    write!(f, "; first into {first}")?;
                    rest.iter().try_for_each(|other| write!(f, " and {other}"))?;
                    f.write_str(", verified")?;
                }
                match archive {
                    Some(repository) => write!(f, "; first archived in {repository}, verified"),
                    None => Ok(()),
                }
            }
            Self::Due { changes } => {
                f.write_str("old enough: ")?;
                changes.iter().enumerate().try_for_each(|(nth, due)| {
                    let comma = if nth > 0 { ", then " } else { "" };
                    write!(f, "{comma}{due}")
                })
            }
            Self::ArchiveKept { .. } => f.write_str("archive, ends after the cutoff of archives"),
            Self::ArchiveExpired { .. } => f.write_str("archive, ended at or before the cutoff of archives"),
            Self::NewestArchive => f.write_str("newest archive"),
            Self::Unfit { what } => f.write_str(what),
            Self::EndsAfterCutoff { .. } => f.write_str("ends after the cutoff"),
            Self::Newest => f.write_str("newest slice"),
            Self::NoExpiry => f.write_str("nothing says that it goes"),
            Self::UnknownEnd { why } => write!(f, "its end is not known: {why}"),
            Self::Held(held) => {
                let Held { id, owner, why, until: ends } = &**held;
                write!(f, "held by {owner} ({id}): {why}")?;
                let until = |until: DateTime<Utc>| until.to_rfc3339_opts(SecondsFormat::AutoSi, true);
                ends.map_or(Ok(()), |at| write!(f, ", until {}", until(at)))
            }
            Self::HoldExpired { id, at } => write!(
                f,
                "the hold {id} on it expired at {}: it stays for one more run",
                at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
            ),
            Self::NotSelected => f.write_str("outside of what was selected"),
            Self::NeededBy { rollup, until } => {
                write!(f, "{rollup} needs it until {}", until.to_rfc3339_opts(SecondsFormat::AutoSi, true))
            }
            Self::Late { rollup, rows } => {
                write!(
                    f,
                    "{rows} rows came after {rollup} was made and its source dropped; merge them by hand or delete them"
                )
            }
            Self::AddedLate { rollup, rows } => {
                write!(f, "{rows} rows came after {rollup} was made and its source dropped; they are added to it")
            }
            Self::SourceChanged { rollup, recorded, now } if recorded == now => {
                write!(f, "values changed since {rollup} was made, though the {now} rows are as many")
            }
            Self::SourceChanged { rollup, recorded, now } => {
                write!(f, "{rollup} was made from {recorded} rows, {now} are there now")
            }
            Self::ShareExceeded { part, whole, unit, allowed } => {
                let (part, whole) = (grouped(*part), grouped(*whole));
                write!(f, "{part} of {whole} {unit} would go within 24 hours, the guard allows {allowed}")
            }
            Self::ClockBehind { last_applied } => {
                let last = last_applied.to_rfc3339_opts(SecondsFormat::AutoSi, true);
                write!(f, "the plan is for a time before {last}, which was applied already: is a clock wrong?")
            }
            Self::CapExceeded { count, unit, allowed } => {
                let (count, allowed) = (grouped(*count), grouped(*allowed));
                write!(f, "{count} {unit} would go within 24 hours, the guard allows {allowed}")
            }
            Self::BytesExceeded { bytes, allowed } => {
                write!(f, "{} would go within 24 hours, the guard allows {allowed}", size(*bytes))
            }
            Self::NotMeasured { unit } => write!(f, "how many {unit} would go is not known, and the guard limits them"),
            Self::ClocksDiffer { ahead_ms } => {
                let (by, how) = (ahead_ms.unsigned_abs(), if *ahead_ms < 0 { "behind" } else { "ahead of" });
                write!(f, "the server's clock is {by} ms {how} this machine's: what is old can't be known")
            }
            Self::NewlyMatched => f.write_str("newly matched: nobody has acknowledged that this policy is about it"),
            Self::BadServer { what } => f.write_str(what),
            Self::NoIndex => {
                f.write_str("no index begins with the column of time: each slice would read the whole table")
            }
            Self::NoTransactions { engine } => {
                write!(
                    f,
                    "the storage engine {engine} has no transactions: a delete that turns out wrong could not be undone"
                )
            }
            Self::SideEffects { what } => write!(f, "deleting would also set off {}", what.join(", ")),
            Self::BucketsMissing { buckets, source } => write!(f, "{buckets} buckets to be made from {source}"),
        }
    }
}

impl fmt::Display for ShareUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rows => "rows",
            Self::Partitions => "partitions",
            Self::Archives => "archives",
            Self::Bytes => "bytes",
        })
    }
}
