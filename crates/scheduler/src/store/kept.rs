//! Schedules as they are kept in memory, by the store that has nothing else and by every scheduler: in 48 bytes, with a name of
//! up to 23 bytes.
//!
//! What is the same for many is there once. Jobs share what they say where they were made to (see `model::alike`), and what
//! shares that mostly shares its version, its beginning and who has made it, too.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Pause, ScheduleRecord, Source};
use crate::model::{JobBody, JobName, JobSpec};
use crate::run::{RunKey, RunKind};

/// A schedule. `T` is what its holder adds to what many have in common.
#[derive(Debug, Clone)]
pub(crate) struct Kept<T> {
    name: JobName,
    common: Arc<Common<T>>,
    next_fire: Packed,
    high_water: Packed,
}

/// All of a [`ScheduleRecord`] but its name and where it is in time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Common<T> {
    pub(crate) namespace: String,
    pub(crate) body: Arc<JobBody>,
    pub(crate) generation: u32,
    pub(crate) valid_from: DateTime<Utc>,
    pub(crate) zone_data: String,
    pub(crate) zone_data_since: Option<DateTime<Utc>>,
    pub(crate) retired: Option<DateTime<Utc>>,
    pub(crate) paused: Option<Pause>,
    pub(crate) source: Option<Source>,
    pub(crate) with: T,
}

impl<T> Kept<T> {
    pub(crate) fn name(&self) -> &str {
        self.name.as_str()
    }

    pub(crate) fn common(&self) -> &Common<T> {
        &self.common
    }

    /// What it has in common with others, to be changed for itself alone.
    pub(crate) fn own(&mut self) -> &mut Common<T>
    where
        T: Clone,
    {
        Arc::make_mut(&mut self.common)
    }

    pub(crate) fn spec(&self) -> JobSpec {
        JobSpec::of(self.name.clone(), self.common.body.clone())
    }

    pub(crate) fn next_fire(&self) -> Option<DateTime<Utc>> {
        self.next_fire.instant()
    }

    pub(crate) fn set_next_fire(&mut self, at: Option<DateTime<Utc>>) {
        self.next_fire = Packed::of(at);
    }

    pub(crate) fn high_water(&self) -> Option<DateTime<Utc>> {
        self.high_water.instant()
    }

    pub(crate) fn set_high_water(&mut self, at: Option<DateTime<Utc>>) {
        self.high_water = Packed::of(at);
    }

    /// The instant behind which fires of this version are not decided upon yet.
    pub(crate) fn decided(&self) -> DateTime<Utc> {
        self.high_water().map_or(self.common.valid_from, |mark| mark.max(self.common.valid_from))
    }

    /// The key of a run of this version.
    pub(crate) fn key(&self, kind: RunKind, nominal: DateTime<Utc>) -> RunKey {
        RunKey {
            namespace: self.common.namespace.clone(),
            job: self.name().to_owned(),
            nominal,
            kind,
            generation: self.common.generation,
        }
    }

    /// The whole of it.
    pub(crate) fn record(&self) -> ScheduleRecord {
        let Common { namespace, generation, valid_from, zone_data, zone_data_since, .. } = &*self.common;
        let Common { retired, paused, source, .. } = &*self.common;
        ScheduleRecord {
            namespace: namespace.clone(),
            spec: self.spec(),
            generation: *generation,
            valid_from: *valid_from,
            next_fire: self.next_fire(),
            high_water: self.high_water(),
            zone_data: zone_data.clone(),
            zone_data_since: *zone_data_since,
            retired: *retired,
            paused: paused.clone(),
            source: source.clone(),
        }
    }
}

/// An instant, or none, to the nanosecond in 8 bytes. What lies outside of 1678 to 2261 becomes the first or last of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Packed(i64);

impl Packed {
    const NONE: i64 = i64::MIN;

    pub(crate) fn of(at: Option<DateTime<Utc>>) -> Self {
        Self(at.map_or(Self::NONE, |at| {
            let outside = if at < DateTime::UNIX_EPOCH { Self::NONE + 1 } else { i64::MAX };
            at.timestamp_nanos_opt().unwrap_or(outside).max(Self::NONE + 1)
        }))
    }

    pub(crate) fn instant(self) -> Option<DateTime<Utc>> {
        (self.0 != Self::NONE).then(|| DateTime::from_timestamp_nanos(self.0))
    }
}

/// What schedules have in common, by the body of their jobs: the latest of each.
#[derive(Debug)]
pub(crate) struct Commons<T> {
    /// The key is the address of the body, which is one body's for as long as the value has it.
    by_body: HashMap<usize, Arc<Common<T>>>,
    /// With how many of them they are looked through next for those that no schedule has any more.
    full: usize,
}

/// At least so many are kept before some are forgotten.
const FEW: usize = 1_024;

impl<T> Default for Commons<T> {
    fn default() -> Self {
        Self { by_body: HashMap::new(), full: FEW }
    }
}

impl<T> Commons<T> {
    /// What the latest schedule with this body had in common with others.
    pub(crate) fn of(&self, body: &Arc<JobBody>) -> Option<&Common<T>> {
        self.by_body.get(&address(body)).map(|common| &**common)
    }
}

fn address(body: &Arc<JobBody>) -> usize {
    Arc::as_ptr(body) as usize
}

impl<T: PartialEq> Commons<T> {
    /// The schedule as it is kept.
    pub(crate) fn keep(&mut self, record: ScheduleRecord, with: T) -> Kept<T> {
        let ScheduleRecord { namespace, spec, generation, valid_from, zone_data, zone_data_since, .. } = record;
        let (retired, paused, source) = (record.retired, record.paused, record.source);
        let (name, body) = (spec.name.clone(), spec.body().clone());
        let address = address(&body);
        let common = Common {
            namespace,
            body,
            generation,
            valid_from,
            zone_data,
            zone_data_since,
            retired,
            paused,
            source,
            with,
        };
        let common = match self.by_body.get(&address) {
            Some(known) if known.is(&common) => known.clone(),
            _ => {
                let common = Arc::new(common);
                self.forget();
                self.by_body.insert(address, common.clone());
                common
            }
        };
        let (next_fire, high_water) = (Packed::of(record.next_fire), Packed::of(record.high_water));
        Kept { name, common, next_fire, high_water }
    }

    /// Drops what no schedule has any more, now and then.
    fn forget(&mut self) {
        if self.by_body.len() >= self.full {
            self.by_body.retain(|_, common| Arc::strong_count(common) > 1);
            self.full = FEW.max(2 * self.by_body.len());
        }
    }
}

impl<T: PartialEq> Common<T> {
    /// Whether it is the same as one with the same body.
    fn is(&self, other: &Self) -> bool {
        self.generation == other.generation
            && self.valid_from == other.valid_from
            && self.namespace == other.namespace
            && self.zone_data == other.zone_data
            && self.zone_data_since == other.zone_data_since
            && self.retired == other.retired
            && self.paused == other.paused
            && self.source == other.source
            && self.with == other.with
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Alike, Job};

    fn record(name: &str, alike: &mut Alike) -> ScheduleRecord {
        ScheduleRecord {
            namespace: "n".into(),
            spec: alike.share(Job::named(name).run("it").cron("@daily").build().unwrap()),
            generation: 3,
            valid_from: "2026-01-01T00:00:00.000001Z".parse().unwrap(),
            next_fire: "2026-01-02T00:00:00.123456789Z".parse().ok(),
            high_water: None,
            zone_data: "2025b".into(),
            zone_data_since: None,
            retired: None,
            paused: None,
            source: Some(Source { by: "library".into(), origin: None }),
        }
    }

    #[test]
    fn what_is_kept_is_what_was_given_and_many_have_it_in_common() {
        let (mut alike, mut commons) = (Alike::default(), Commons::default());
        let mut a = commons.keep(record("a", &mut alike), ());
        let b = commons.keep(record("b", &mut alike), ());
        assert_eq!((a.record(), b.record()), (record("a", &mut alike), record("b", &mut alike)));
        assert!(Arc::ptr_eq(&a.common, &b.common) && size_of::<Kept<()>>() <= 48);
        a.own().paused = Some(Pause { since: a.decided(), by: "me".into(), note: None });
        assert!(a.common().paused.is_some() && b.common().paused.is_none());
    }

    #[test]
    fn instants_are_kept_to_the_nanosecond() {
        for at in ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59.999999999Z", "1700-01-01T00:00:00.5Z"] {
            let at: DateTime<Utc> = at.parse().unwrap();
            assert_eq!(Packed::of(Some(at)).instant(), Some(at));
        }
        assert_eq!(Packed::of(None).instant(), None);
        assert!(Packed::of(Some(DateTime::<Utc>::MIN_UTC)).instant().unwrap() < DateTime::UNIX_EPOCH);
        assert!(Packed::of(Some(DateTime::<Utc>::MAX_UTC)).instant().unwrap() > DateTime::UNIX_EPOCH);
    }
}
