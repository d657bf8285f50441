//! The life cycle of each table, raw or rolled up: the unit that everything is decided by.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clusterkeep_core::Result;
use clusterkeep_core::age::Age;
use clusterkeep_core::civil::Every;
use clusterkeep_core::sql::TableName;

use crate::model::{Change, Guard, Keep, Policy, Rollup, TablePolicy};

/// The life cycle of one table, raw or rolled up: what is made from it, and when its own rows go.
#[derive(Debug, Clone)]
pub(crate) struct Lifecycle<'a> {
    pub(crate) policy: &'a Policy,
    /// Whose life cycle the policy is, with its tags.
    pub(crate) of: &'a TablePolicy,
    /// The rollup that the table is, where it is one.
    pub(crate) rolled: Option<&'a Rollup>,
    pub(crate) table: &'a TableName,
    pub(crate) zone: Tz,
    /// The age at which partitions are taken out of the table.
    pub(crate) detach_after: Option<Age>,
    pub(crate) drop_after: Option<Age>,
    pub(crate) guard: &'a Guard,
    /// The rollups that are made from it directly.
    pub(crate) rollups: Vec<&'a Rollup>,
}

impl<'a> Lifecycle<'a> {
    /// The tiers that change how its partitions are kept.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change<'a>> + use<'a> {
        let (policy, is_raw) = (self.policy, self.rolled.is_none());
        policy.changes().filter(move |_| is_raw)
    }

    /// The place for files that whatever goes is archived at first.
    pub(crate) fn files(&self) -> Option<&'a str> {
        let tier = self.policy.archive().filter(|_| self.rolled.is_none());
        tier.and_then(|tier| tier.to.as_deref())
    }

    /// The width of the slices of a table without partitions of its own.
    pub(crate) fn slice(&self) -> Every {
        self.rolled.map_or_else(|| self.policy.slice.unwrap_or(Every::Day), |rollup| rollup.every)
    }

    /// How the buckets of a rollup are cut, in words that its record keeps.
    pub(crate) fn cut(&self, rollup: &Rollup) -> String {
        format!("{} in {}", rollup.every, self.zone_of(rollup).name())
    }

    /// The zone of the buckets of a rollup.
    pub(crate) fn zone_of(&self, rollup: &Rollup) -> Tz {
        rollup.zone.unwrap_or(self.of.zone)
    }

    /// What ended at or before this may go.
    pub(crate) fn cutoff(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
        self.drop_after.map(|age| age.before(now, self.zone)).transpose()
    }

    /// What ended at or before this is taken out of the table.
    pub(crate) fn detach_cutoff(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
        self.detach_after.map(|age| age.before(now, self.zone)).transpose()
    }

    /// What ended at or before this may go, or is counted for a copy of it.
    pub(crate) fn first_cutoff(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
        let archive = self.policy.archive().filter(|_| self.rolled.is_none());
        let archive = archive.map(|tier| tier.after.before(now, self.zone)).transpose()?;
        Ok(self.cutoff(now)?.max(self.detach_cutoff(now)?).max(archive))
    }

    /// How late rows may come: a bucket is complete only then.
    pub(crate) fn complete(&self, end: DateTime<Utc>) -> DateTime<Utc> {
        let wait = self.policy.late.wait.map_or(std::time::Duration::ZERO, Age::approximate);
        end + wait
    }
}

/// The life cycles of all policies: each raw table, then the rollups that expire or feed another, finer before coarser.
pub(crate) fn lifecycles(policies: &[TablePolicy]) -> impl Iterator<Item = Lifecycle<'_>> {
    policies.iter().flat_map(|of| {
        let (policy, zone) = (&of.policy, of.zone);
        let fed_by =
            |source: Option<&TableName>| policy.rollups().filter(|r| r.from.as_ref() == source).collect::<Vec<_>>();
        let raw = Lifecycle {
            policy,
            rolled: None,
            table: &of.table,
            of,
            zone,
            detach_after: policy.detached_after(),
            drop_after: policy.dropped_after(),
            guard: &policy.guard,
            rollups: fed_by(None),
        };
        let rolled = policy.rollups().map(move |rollup| Lifecycle {
            policy,
            rolled: Some(rollup),
            table: &rollup.target,
            of,
            zone: rollup.zone.unwrap_or(zone),
            detach_after: None,
            drop_after: match rollup.keep {
                Keep::For(age) => Some(age),
                Keep::Forever => None,
            },
            guard: &policy.guard,
            rollups: policy.rollups().filter(|other| other.from.as_ref() == Some(&rollup.target)).collect(),
        });
        std::iter::once(raw).chain(rolled.filter(|l| l.drop_after.is_some() || !l.rollups.is_empty()))
    })
}
