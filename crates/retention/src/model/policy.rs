//! A policy: the life cycle of a table's data.

use chrono_tz::Tz;
use clusterkeep_core::age::Age;
use clusterkeep_core::civil::Every;
use clusterkeep_core::sql::{Ident, TableName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problems::{Problems, UNNAMED};
use super::tiers::{ArchiveTier, Change, MergeTier, OnFailure, ReallocateTier, Replicas, SetReplicasTier};
use super::{Extra, Guard, Keep, Late, Meaning, Rollup, Selector, Share, Tag, TimeColumn};

/// What becomes of the data of one table as it ages.
///
/// ```
/// use clusterkeep_core::age::{days, years};
/// use clusterkeep_retention::model::{Keep, Policy, Rollup, percent};
/// let policy = Policy::for_table("observations")
///     .time("time_hour").zone("America/New_York").by(["origin"])
///     .downsample(Rollup::daily().of(["temp", "humid"]).into("observations_daily").keep(years(2)))
///     .downsample(Rollup::monthly().from("observations_daily").into("observations_monthly").keep(Keep::Forever))
///     .drop_after(days(90))
///     .keep_newest(1).max_share(percent(90));
/// assert_eq!(policy.tiers.len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The table, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableName>,
    /// The tables that it is about, where it names none; each is kept by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Selector>,
    /// What the policy itself is tagged with: a run may be for some tags alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// The column of time.
    pub time: TimeColumn,
    /// The zone of its days and months; that of the manifest where none is named, else UTC.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::zone_text")]
    #[schemars(with = "Option<String>")]
    pub zone: Option<Tz>,
    /// The slices that a table without partitions of its own goes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<Every>,
    /// The columns that tell one series from another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Ident>,
    /// How late rows may come.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late: Late,
    /// What happens to the data, in order.
    pub tiers: Vec<Tier>,
    /// The guard rails.
    #[serde(default)]
    pub guard: Guard,
    /// What the builder was given and could not take; refused when the policy is used.
    #[serde(skip)]
    pub(super) problems: Problems,
}

/// One thing that happens to the data of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tier {
    /// Aggregates are kept in a table of their own.
    Downsample(Rollup),
    /// Partitions have other numbers of copies (CrateDB).
    SetReplicas(SetReplicasTier),
    /// What is stored of partitions is made compact.
    Merge(MergeTier),
    /// Partitions move to other nodes (CrateDB), or into another tablespace (PostgreSQL).
    Reallocate(ReallocateTier),
    /// Copies of partitions are kept elsewhere (CrateDB).
    Archive(ArchiveTier),
    /// Partitions are taken out of their table and stay as tables of their own (PostgreSQL).
    Detach(DetachTier),
    /// The raw data goes.
    Drop(DropTier),
}

impl Tier {
    /// What it changes of partitions that stay listed, where it is such a tier.
    #[must_use]
    pub const fn change(&self) -> Option<Change<'_>> {
        match self {
            Self::SetReplicas(tier) => Some(Change::SetReplicas(tier)),
            Self::Merge(tier) => Some(Change::Merge(tier)),
            Self::Reallocate(tier) => Some(Change::Reallocate(tier)),
            Self::Archive(tier) => Some(Change::Archive(tier)),
            Self::Downsample(_) | Self::Detach(_) | Self::Drop(_) => None,
        }
    }
}

/// When partitions are taken out of their table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetachTier {
    /// The age at which a partition is detached that ended at or before the cutoff.
    pub after: Age,
}

/// When the raw data goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropTier {
    /// The age at which an interval goes that ended at or before the cutoff; `forever` says that nothing does.
    pub after: Keep,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Policy {
    /// A policy for `table`, written `table` or `schema.table`.
    #[must_use]
    pub fn for_table(table: &str) -> Self {
        let mut problems = Problems::default();
        let table = problems.table(table);
        Self { table: Some(table), problems, ..Self::empty() }
    }

    /// A policy for every table that `selector` holds for.
    #[must_use]
    pub fn for_tables(selector: Selector) -> Self {
        Self { select: Some(selector), ..Self::empty() }
    }

    fn empty() -> Self {
        Self {
            table: None,
            select: None,
            tags: Vec::new(),
            time: TimeColumn { column: Ident::literal(UNNAMED), meaning: None, width: None },
            zone: None,
            slice: None,
            by: Vec::new(),
            late: Late::default(),
            tiers: Vec::new(),
            guard: Guard::default(),
            problems: Problems::default(),
        }
    }

    /// Tags the policy: a run may be for some tags alone.
    #[must_use]
    pub fn tagged(mut self, tag: &str) -> Self {
        match tag.parse() {
            Ok(tag) => self.tags.push(tag),
            Err(e) => self.problems.push(e.to_string()),
        }
        self
    }

    /// How long each partition is, where its key tells its start alone.
    #[must_use]
    pub const fn width(mut self, every: Every) -> Self {
        self.time.width = Some(every);
        self
    }

    /// How long buckets wait for rows that come late.
    #[must_use]
    pub const fn wait_for_late(mut self, age: Age) -> Self {
        self.late.wait = Some(age);
        self
    }

    /// Adds rows that come after their source was dropped to what is kept of it, instead of leaving them where they are.
    #[must_use]
    pub const fn merge_late(mut self) -> Self {
        self.late.rows = super::LateRows::Merge;
        self
    }

    /// Takes partitions out of their table at this age, which stay as tables of their own until they are dropped.
    #[must_use]
    pub fn detach_after(mut self, age: Age) -> Self {
        self.tiers.push(Tier::Detach(DetachTier { after: age }));
        self
    }

    /// Gives partitions another number of copies at this age, such as `0` or `0-1` (CrateDB).
    #[must_use]
    pub fn set_replicas_after(mut self, age: Age, replicas: &str) -> Self {
        match replicas.parse::<Replicas>() {
            Ok(replicas) => self.tiers.push(Tier::SetReplicas(SetReplicasTier { after: age, replicas })),
            Err(e) => self.problems.push(e.to_string()),
        }
        self
    }

    /// Makes what is stored of partitions compact at this age.
    #[must_use]
    pub fn merge_after(mut self, age: Age) -> Self {
        self.tiers.push(Tier::Merge(MergeTier { after: age, full: false }));
        self
    }

    /// Moves partitions at this age to nodes that have an attribute of this value (CrateDB).
    #[must_use]
    pub fn reallocate_after(mut self, age: Age, attribute: &str, value: &str) -> Self {
        self.tiers.push(Tier::Reallocate(ReallocateTier {
            after: age,
            attribute: Some(attribute.to_owned()),
            value: Some(value.to_owned()),
            tablespace: None,
            wait: None,
            on_failure: OnFailure::Keep,
        }));
        self
    }

    /// Moves partitions and their indexes at this age into a tablespace (PostgreSQL).
    #[must_use]
    pub fn tablespace_after(mut self, age: Age, tablespace: &str) -> Self {
        let tablespace = Some(self.problems.ident(tablespace));
        let (wait, on_failure) = (None, OnFailure::Keep);
        self.tiers.push(Tier::Reallocate(ReallocateTier {
            after: age,
            attribute: None,
            value: None,
            tablespace,
            wait,
            on_failure,
        }));
        self
    }

    /// Archives partitions at this age as snapshots in a repository (CrateDB); before they are dropped, where they are.
    #[must_use]
    pub fn archive_after(mut self, age: Age, repository: &str) -> Self {
        let repository = Some(repository.to_owned());
        self.tiers.push(Tier::Archive(ArchiveTier {
            after: age,
            repository,
            to: None,
            keep: None,
            keep_newest: None,
            wait: None,
        }));
        self
    }

    /// Archives partitions and slices at this age in files (PostgreSQL, MariaDB/MySQL, SQLite); before they are dropped,
    /// where they are. `to` is a folder, named from the root, or the URL of an object store; keys are taken from the
    /// environment.
    #[must_use]
    pub fn archive_to_after(mut self, age: Age, to: &str) -> Self {
        let to = Some(to.to_owned());
        self.tiers.push(Tier::Archive(ArchiveTier {
            after: age,
            repository: None,
            to,
            keep: None,
            keep_newest: None,
            wait: None,
        }));
        self
    }

    /// Removes archives of what ended this long ago.
    #[must_use]
    pub fn keep_archives(mut self, keep: impl Into<Keep>) -> Self {
        let keep = Some(keep.into());
        match self.tiers.iter_mut().rev().find(|tier| matches!(tier, Tier::Archive(_))) {
            Some(Tier::Archive(tier)) => tier.keep = keep,
            _ => self.problems.push("how long archives are kept comes after the tier `archive`".to_owned()),
        }
        self
    }

    /// The column that says when a row happened.
    #[must_use]
    pub fn time(mut self, column: &str) -> Self {
        self.time.column = self.problems.ident(column);
        self
    }

    /// What the column of time means, where its type alone is no point in time.
    #[must_use]
    pub fn meaning(mut self, meaning: Meaning) -> Self {
        self.time.meaning = Some(meaning);
        self
    }

    /// The zone of days and months, by its IANA name.
    ///
    /// A name that is not known is refused when the policy is used.
    #[must_use]
    pub fn zone(mut self, name: &str) -> Self {
        match name.parse() {
            Ok(zone) => self.zone = Some(zone),
            Err(_) => self.problems.push(format!("`{name}` is no known time zone")),
        }
        self
    }

    /// The slices that a table without partitions of its own goes in.
    #[must_use]
    pub const fn slice(mut self, every: Every) -> Self {
        self.slice = Some(every);
        self
    }

    /// The columns that tell one series from another.
    #[must_use]
    pub fn by<I: AsRef<str>>(mut self, columns: impl IntoIterator<Item = I>) -> Self {
        self.by = columns.into_iter().map(|name| self.problems.ident(name.as_ref())).collect();
        self
    }

    /// Adds a rollup.
    #[must_use]
    pub fn downsample(mut self, rollup: Rollup) -> Self {
        self.tiers.push(Tier::Downsample(rollup));
        self
    }

    /// Drops what is older than `age`, once every rollup that needs it is verified.
    #[must_use]
    pub fn drop_after(mut self, age: impl Into<Keep>) -> Self {
        self.tiers.push(Tier::Drop(DropTier { after: age.into() }));
        self
    }

    /// How many of the newest partitions stay, however old they are; 0 is read as 1.
    #[must_use]
    pub const fn keep_newest(mut self, n: u32) -> Self {
        self.guard.keep_newest = match std::num::NonZeroU32::new(n) {
            Some(n) => n,
            None => std::num::NonZeroU32::MIN,
        };
        self
    }

    /// The most that may go within 24 hours.
    #[must_use]
    pub const fn max_share(mut self, share: Share) -> Self {
        self.guard.max_share = share;
        self
    }

    /// The rollups, in order.
    pub fn rollups(&self) -> impl Iterator<Item = &Rollup> {
        self.tiers.iter().filter_map(|tier| match tier {
            Tier::Downsample(rollup) => Some(rollup),
            _ => None,
        })
    }

    /// The tiers that change how partitions are kept, in order.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.tiers.iter().filter_map(Tier::change)
    }

    /// Where partitions are archived, if they are.
    #[must_use]
    pub fn archive(&self) -> Option<&ArchiveTier> {
        self.tiers.iter().find_map(|tier| match tier {
            Tier::Archive(archive) => Some(archive),
            _ => None,
        })
    }

    /// The age at which raw data goes, where it does.
    #[must_use]
    pub fn dropped_after(&self) -> Option<Age> {
        self.tiers.iter().find_map(|tier| match tier {
            Tier::Drop(DropTier { after: Keep::For(age) }) => Some(*age),
            _ => None,
        })
    }

    /// The age at which partitions are taken out of their table, where they are.
    #[must_use]
    pub fn detached_after(&self) -> Option<Age> {
        self.tiers.iter().find_map(|tier| match tier {
            Tier::Detach(detach) => Some(detach.after),
            _ => None,
        })
    }

    /// What the policy is about, in words.
    #[must_use]
    pub fn about(&self) -> String {
        match (&self.table, &self.select) {
            (Some(table), _) => table.to_string(),
            (None, Some(selector)) => format!("tables {selector}"),
            (None, None) => "no table".to_owned(),
        }
    }

    /// The columns that `rollup` holds: its own, or those of the rollup that it is made from.
    #[must_use]
    pub fn columns_of<'a>(&'a self, rollup: &'a Rollup) -> &'a [Ident] {
        let source = rollup.from.as_ref().and_then(|from| self.rollups().find(|other| other.target == *from));
        match source {
            // `check` has made sure that a rollup is made from an earlier one, so this ends.
            Some(source) if rollup.of.is_empty() => self.columns_of(source),
            _ => &rollup.of,
        }
    }

    /// What `rollup` keeps beside count, sum, minimum and maximum: its own, or what the rollup does that it is made from.
    #[must_use]
    pub fn extras_of<'a>(&'a self, rollup: &'a Rollup) -> &'a [Extra] {
        let source = rollup.from.as_ref().and_then(|from| self.rollups().find(|other| other.target == *from));
        match source {
            Some(source) if rollup.with.is_empty() => self.extras_of(source),
            _ => &rollup.with,
        }
    }
}
