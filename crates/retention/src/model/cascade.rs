//! The rules that rollups must obey, each with a name.
//!
//! Whisper's five: at least one, no two alike, the finer divides the coarser, the coarser covers longer, and each keeps
//! enough to feed the next (<https://graphite.readthedocs.io/en/latest/whisper.html>). Thanos's two: raw data, and each
//! tier, lives until what is made of it is there, also of rows that come late
//! (<https://thanos.io/tip/components/compact.md/>).

use std::collections::BTreeSet;
use std::time::Duration;

use chrono_tz::Tz;
use clusterkeep_core::sql::Ident;
use clusterkeep_core::{Error, Result};

use super::changes::unshared;
use super::{Extra, Keep, LateRows, Policy, Rollup, Stat};

/// A day more than a bucket's width, since ages of days are counted from the start of a day.
const SLACK: Duration = Duration::from_secs(86_400);

/// Checks the rollups of a policy whose zone is `zone`.
pub(super) fn check(policy: &Policy, zone: Tz) -> Result<()> {
    let mut earlier: Vec<&Rollup> = Vec::new();
    for rollup in policy.rollups() {
        Rules { policy, zone, rollup, earlier: &earlier }.check()?;
        earlier.push(rollup);
    }
    Ok(())
}

struct Rules<'a> {
    policy: &'a Policy,
    zone: Tz,
    rollup: &'a Rollup,
    earlier: &'a [&'a Rollup],
}

impl Rules<'_> {
    fn broken(&self, rule: &str, what: String) -> Result<()> {
        Err(Error::input(format!("{}: {what} (rule {rule})", self.policy.about())))
    }

    fn zone_of(&self, rollup: &Rollup) -> Tz {
        rollup.zone.unwrap_or(self.zone)
    }

    /// How long rows may come late.
    fn wait(&self) -> Duration {
        self.policy.late.wait.map_or(Duration::ZERO, clusterkeep_core::age::Age::approximate)
    }

    fn check(&self) -> Result<()> {
        let (rollup, name) = (self.rollup, &self.rollup.target);
        if self.policy.table.as_ref() == Some(name) || self.earlier.iter().any(|other| other.target == *name) {
            return self.broken("own-table", format!("rollup `{name}` would be kept in a table that is taken"));
        }
        let alike = |other: &&&Rollup| other.every == rollup.every && self.zone_of(other) == self.zone_of(rollup);
        if let Some(other) = self.earlier.iter().find(alike) {
            let what = format!("rollup `{name}` has the same buckets as `{}`", other.target);
            return self.broken("no-duplicate-width", what);
        }
        match &rollup.from {
            None => self.of_raw()?,
            Some(from) => match self.earlier.iter().find(|other| other.target == *from) {
                Some(source) => self.of_finer(source)?,
                None => {
                    let what = format!("rollup `{name}` is made from `{from}`, which is no earlier rollup");
                    return self.broken("from-an-earlier", what);
                }
            },
        }
        self.coverage()?;
        self.names()
    }

    fn of_raw(&self) -> Result<()> {
        let (rollup, name) = (self.rollup, &self.rollup.target);
        if rollup.of.is_empty() {
            return self.broken("columns", format!("rollup `{name}` names no columns in `of`"));
        }
        match self.policy.dropped_after() {
            Some(after) if after.approximate() < rollup.every.approximate() + self.wait() => {
                let every = rollup.every;
                let what = format!(
                    "raw data goes after {after}, before a bucket of rollup `{name}` ({every}) is complete{}",
                    self.and_late()
                );
                self.broken("feeds-the-next", what)
            }
            _ => Ok(()),
        }
    }

    fn and_late(&self) -> String {
        self.policy.late.wait.map_or_else(String::new, |wait| format!(" and {wait} have passed for late rows"))
    }

    fn of_finer(&self, source: &Rollup) -> Result<()> {
        let (rollup, name, from) = (self.rollup, &self.rollup.target, &source.target);
        if !source.every.divides(rollup.every) {
            let (coarse, fine) = (rollup.every, source.every);
            let what = format!("a {coarse} of rollup `{name}` is not made of whole buckets of `{from}` ({fine})");
            return self.broken("finer-divides-coarser", what);
        }
        let zones = (self.zone_of(source), self.zone_of(rollup));
        if zones.0 != zones.1
            && let Some(at) = unshared((source.every, zones.0), (rollup.every, zones.1))
        {
            let what = format!(
                "a {} of rollup `{name}` in {} begins at {at}, within a {} of `{from}` in {}",
                rollup.every,
                zones.1.name(),
                source.every,
                zones.0.name()
            );
            return self.broken("zones-share-boundaries", what);
        }
        if source.coverage.is_some() {
            let what = format!("rollup `{name}` is made from `{from}`, whose unknown buckets would be lost in it");
            return self.broken("coverage-feeds-nothing", what);
        }
        let columns = self.policy.columns_of(source);
        if let Some(column) = rollup.of.iter().find(|column| !columns.contains(column)) {
            return self.broken("columns", format!("rollup `{name}` wants `{column}`, which `{from}` does not have"));
        }
        let extras = self.policy.extras_of(source);
        if let Some(extra) = rollup.with.iter().find(|extra| !extras.contains(extra)) {
            let what = format!("rollup `{name}` keeps `{}`, which `{from}` does not have", extra.name());
            return self.broken("extras-of-the-finer", what);
        }
        match (source.keep, rollup.keep) {
            (Keep::Forever, Keep::For(age)) => {
                let what = format!("rollup `{name}` is kept for {age}, the finer `{from}` for ever");
                self.broken("coarser-covers-longer", what)
            }
            (Keep::For(fine), Keep::For(coarse)) if coarse.approximate() < fine.approximate() => {
                let what = format!("rollup `{name}` is kept for {coarse}, the finer `{from}` for {fine}");
                self.broken("coarser-covers-longer", what)
            }
            (Keep::For(fine), _) if fine.approximate() < rollup.every.approximate() + self.wait() + SLACK => {
                let every = rollup.every;
                let what = format!(
                    "`{from}` is kept for {fine}, too short for a {every} of rollup `{name}`{}",
                    self.and_late()
                );
                self.broken("feeds-the-next", what)
            }
            _ => Ok(()),
        }
    }

    fn coverage(&self) -> Result<()> {
        let (rollup, name) = (self.rollup, &self.rollup.target);
        let Some(coverage) = rollup.coverage else { return Ok(()) };
        // Of a month or a year nobody can say how many fit into a bucket.
        if coverage.step.as_duration().is_none_or(|step| step > rollup.every.approximate()) {
            let what =
                format!("rollup `{name}` expects a value every {}, which is no part of its buckets", coverage.step);
            return self.broken("coverage-step", what);
        }
        if self.policy.late.rows == LateRows::Merge {
            let what = format!("rollup `{name}` may have unknown buckets, which late rows can't be added to");
            return self.broken("coverage-or-merge", what);
        }
        Ok(())
    }

    /// Two columns of one name would overwrite each other.
    fn names(&self) -> Result<()> {
        let (rollup, name) = (self.rollup, &self.rollup.target);
        let extras = self.policy.extras_of(rollup);
        let mut once = BTreeSet::new();
        if let Some(extra) = extras.iter().find(|extra| !once.insert(**extra)) {
            return self.broken("extras-once", format!("rollup `{name}` keeps `{}` twice", extra.name()));
        }
        let of = self.policy.columns_of(rollup);
        let stats = of.iter().flat_map(|of| Stat::ALL.map(|stat| Rollup::column(of, stat)));
        let more = of.iter().flat_map(|of| extras.iter().flat_map(|extra| Rollup::extra_columns(of, *extra)));
        let by = self.policy.by.iter().cloned().chain([Ident::literal(crate::sql::BUCKET)]);
        let mut names = BTreeSet::new();
        match by.chain(stats).chain(more).find(|column| !names.insert(column.clone())) {
            Some(column) => self.broken("names-once", format!("rollup `{name}` would have two columns `{column}`")),
            None => Ok(()),
        }
    }
}

impl Extra {
    /// As documents spell it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::Variance => "variance",
            Self::Distinct => "distinct",
            Self::Quantiles => "quantiles",
        }
    }
}
