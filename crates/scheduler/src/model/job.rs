//! The fluent way to say a job.

use chrono::{DateTime, NaiveDateTime, Utc};
use clusterkeep_core::age::Age;
use clusterkeep_core::{Error, Result};
use serde::Serialize;

use super::{
    Action, Exclusion, Following, IntoWhen, JobBody, JobName, JobSpec, Misfire, Notify, OnCrash, Overlap, Retry,
    Target, When,
};
use crate::civil::{IntoZone, Zone};
use crate::trigger::{Fold, Gap};

/// A job in the making. It remembers what is wrong with it, and [`build`](Self::build) or the scheduler's start reports
/// all of it at once.
///
/// ```
/// use clusterkeep_scheduler::{Job, Overlap};
/// let job = Job::named("nightly").run("thin-out").cron("30 3 * * *").zone("America/New_York").overlap(Overlap::Skip);
/// assert_eq!(job.build()?.zone.to_string(), "America/New_York");
///
/// let wrong = Job::named("nightly").cron("61 * * * *").zone("Mars/Olympus").build().unwrap_err().to_string();
/// assert!(wrong.contains("minute `61`") && wrong.contains("Mars/Olympus") && wrong.contains("nothing to run"));
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a job does nothing until a scheduler has it"]
pub struct Job {
    name: String,
    description: Option<String>,
    when: Option<When>,
    zone: Zone,
    gap: Option<Gap>,
    fold: Option<Fold>,
    starts: Option<DateTime<Utc>>,
    ends: Option<DateTime<Utc>>,
    count: Option<u32>,
    jitter: Option<Age>,
    except: Vec<Exclusion>,
    run: Option<Target>,
    args: serde_json::Map<String, serde_json::Value>,
    timeout: Option<Age>,
    overlap: Overlap,
    misfire: Misfire,
    retry: Option<Retry>,
    priority: i16,
    on_crash: Option<OnCrash>,
    notify: Option<Vec<Notify>>,
    wrong: Vec<Error>,
}

impl Job {
    /// A job of this name, in UTC, that has nothing to run yet.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: None,
            when: None,
            zone: Zone::utc(),
            gap: None,
            fold: None,
            starts: None,
            ends: None,
            count: None,
            jitter: None,
            except: Vec::new(),
            run: None,
            args: serde_json::Map::new(),
            timeout: None,
            overlap: Overlap::default(),
            misfire: Misfire::default(),
            retry: None,
            priority: 0,
            on_crash: None,
            notify: None,
            wrong: Vec::new(),
        }
    }

    /// Says what it is for.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Runs the handler or action of this name.
    pub fn run(self, action: impl Into<String>) -> Self {
        self.target(Action::named(action))
    }

    /// Runs a target of any kind, such as a [`Command`](crate::target::Command).
    pub fn target(mut self, target: impl Into<Target>) -> Self {
        self.run = Some(target.into());
        self
    }

    /// Runs a line of the shell.
    pub fn command(self, line: impl Into<String>) -> Self {
        self.target(super::target::Command::shell(line))
    }

    /// Gives the handler an argument, as JSON.
    pub fn arg(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        let name = name.into();
        match serde_json::to_value(value) {
            Ok(value) => {
                self.args.insert(name, value);
            }
            Err(error) => self.wrong.push(Error::input(format!("argument `{name}` is no JSON: {error}"))),
        }
        self
    }

    /// Runs at the times that a cron expression names: text in crontab's dialect (or `@every 90s` and the like), or a
    /// `cron::Schedule`.
    pub fn cron(mut self, expression: impl IntoWhen) -> Self {
        match expression.into_when() {
            Ok(when) => self.when = Some(when),
            Err(error) => self.wrong.push(error),
        }
        self
    }

    /// Runs at a fixed rate.
    pub fn every(self, interval: Age) -> Self {
        self.cron(When::Every { interval, from: None })
    }

    /// Runs so long after its last run has finished.
    pub fn after_each(self, delay: Age) -> Self {
        self.cron(When::After(delay))
    }

    /// Runs once after each run of another job that has succeeded, for the same instant; called several times, once all of
    /// them have.
    pub fn after_job(self, job: impl Into<String>) -> Self {
        let mut following = match &self.when {
            Some(When::Following(following)) => following.clone(),
            _ => Following::of::<String>([]),
        };
        following.after.push(job.into());
        self.cron(When::Following(following))
    }

    /// Runs after runs of other jobs.
    pub fn following(self, following: Following) -> Self {
        self.cron(When::Following(following))
    }

    /// Runs at the times of a calendar expression of systemd's timers, such as `Mon..Fri *-*-* 09:00`.
    pub fn calendar(self, expression: impl Into<String>) -> Self {
        self.cron(When::Calendar(expression.into()))
    }

    /// Runs by a recurrence rule of iCalendar, such as `FREQ=MONTHLY;BYDAY=-1FR`, from a civil time on.
    pub fn rrule(self, rule: impl Into<String>, from: NaiveDateTime) -> Self {
        self.cron(When::Rrule { rule: rule.into(), from })
    }

    /// Runs whenever any of these says.
    pub fn any_of(self, parts: impl IntoIterator<Item = When>) -> Self {
        self.cron(When::Any(parts.into_iter().collect()))
    }

    /// Runs whenever all of these say so at once.
    pub fn all_of(self, parts: impl IntoIterator<Item = When>) -> Self {
        self.cron(When::All(parts.into_iter().collect()))
    }

    /// Runs once.
    pub fn at(self, instant: DateTime<Utc>) -> Self {
        self.cron(When::At(instant))
    }

    /// Runs whenever the scheduler starts.
    pub fn at_startup(self) -> Self {
        self.cron(When::Startup)
    }

    /// Sets the zone whose civil time is meant, by name or as chrono-tz's `Tz`.
    pub fn zone(mut self, zone: impl IntoZone) -> Self {
        match zone.into_zone() {
            Ok(zone) => self.zone = zone,
            Err(error) => self.wrong.push(error),
        }
        self
    }

    /// Says what happens to civil times that do not come.
    pub const fn gap(mut self, gap: Gap) -> Self {
        self.gap = Some(gap);
        self
    }

    /// Says what happens to civil times that come twice.
    pub const fn fold(mut self, fold: Fold) -> Self {
        self.fold = Some(fold);
        self
    }

    /// Fires from this instant on.
    pub const fn starts(mut self, at: DateTime<Utc>) -> Self {
        self.starts = Some(at);
        self
    }

    /// Fires before this instant only.
    pub const fn ends(mut self, at: DateTime<Utc>) -> Self {
        self.ends = Some(at);
        self
    }

    /// Fires so often at most, counted from its start.
    pub const fn count(mut self, fires: u32) -> Self {
        self.count = Some(fires);
        self
    }

    /// Moves each fire later, by less than this and to before the next one: by how much depends on the job's name and the
    /// fire alone.
    pub const fn jitter(mut self, most: Age) -> Self {
        self.jitter = Some(most);
        self
    }

    /// Does not fire at this time of its zone: a day (`2026-12-25`, `12-25`, `SAT`), days (`2026-12-24..2027-01-02`) or a
    /// window (`22:00..06:00`).
    pub fn except(mut self, exclusion: &str) -> Self {
        match exclusion.parse() {
            Ok(exclusion) => self.except.push(exclusion),
            Err(error) => self.wrong.push(error),
        }
        self
    }

    /// Cuts off an attempt that takes longer, which has failed then. The handler's future is dropped: what it spawned goes on.
    pub const fn timeout(mut self, most: Age) -> Self {
        self.timeout = Some(most);
        self
    }

    /// Says what a fire does while an earlier run is still going.
    pub const fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Says what to do about fires whose time has passed while no scheduler was there.
    pub const fn misfire(mut self, misfire: Misfire) -> Self {
        self.misfire = misfire;
        self
    }

    /// Says how often a run that fails is attempted.
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Lets its waiting runs go before those of jobs with a lesser number; the default is 0.
    pub const fn priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// Says what becomes of a run whose scheduler ended before it did.
    pub const fn on_crash(mut self, on_crash: OnCrash) -> Self {
        self.on_crash = Some(on_crash);
        self
    }

    /// Tells somebody of it, beside those who are told already. The notifications that are for all jobs are not for this
    /// one then.
    pub fn notify(mut self, notify: Notify) -> Self {
        match notify.checked() {
            Ok(notify) => self.notify.get_or_insert_default().push(notify),
            Err(error) => self.wrong.push(error),
        }
        self
    }

    /// Tells nobody of it.
    pub fn notify_nobody(mut self) -> Self {
        self.notify = Some(Vec::new());
        self
    }

    /// The job as plain data.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, in one message.
    pub fn build(self) -> Result<JobSpec> {
        let mut wrong = self.wrong;
        let name = JobName::new(self.name.clone()).map_err(|error| wrong.push(error)).ok();
        if self.when.is_none() && wrong.is_empty() {
            wrong.push(
                Error::input("it says no time to run at")
                    .with_hint("add `.cron(\"30 3 * * *\")` or `.every(hours(6))`"),
            );
        }
        let mut run = self.run;
        match &mut run {
            None => wrong.push(Error::input("it has nothing to run").with_hint("add `.run(\"the handler's name\")`")),
            Some(Target::Action(action)) => action.args.extend(self.args),
            Some(target) if !self.args.is_empty() => {
                let kind = target.kind();
                wrong.push(Error::input(format!("arguments by name are for actions, and it runs {kind}")));
            }
            Some(_) => {}
        }
        match (name, self.when, run) {
            (Some(name), Some(when), Some(run)) if wrong.is_empty() => JobSpec::from(JobBody {
                name,
                description: self.description,
                when,
                zone: self.zone,
                gap: self.gap,
                fold: self.fold,
                starts: self.starts,
                ends: self.ends,
                count: self.count,
                jitter: self.jitter,
                except: self.except,
                run,
                timeout: self.timeout,
                overlap: self.overlap,
                misfire: self.misfire,
                retry: self.retry,
                priority: self.priority,
                on_crash: self.on_crash,
                notify: self.notify,
            })
            .checked(),
            _ => Err(all_of(&format!("job `{}`", self.name), wrong)),
        }
    }
}

/// Several errors as one, with all of their hints.
pub(crate) fn all_of(about: &str, wrong: Vec<Error>) -> Error {
    let texts: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    let hints: Vec<String> = wrong.iter().filter_map(Error::hint).collect();
    let error = Error::input(format!("{about}: {}", texts.join("; ")));
    if hints.is_empty() { error } else { error.with_hint(hints.join("; ")) }
}

impl From<JobSpec> for Job {
    fn from(spec: JobSpec) -> Self {
        let (name, spec) = spec.into_parts();
        Self {
            name: name.as_str().to_owned(),
            description: spec.description,
            when: Some(spec.when),
            zone: spec.zone,
            gap: spec.gap,
            fold: spec.fold,
            starts: spec.starts,
            ends: spec.ends,
            count: spec.count,
            jitter: spec.jitter,
            except: spec.except,
            run: Some(spec.run),
            args: serde_json::Map::new(),
            timeout: spec.timeout,
            overlap: spec.overlap,
            misfire: spec.misfire,
            retry: spec.retry,
            priority: spec.priority,
            on_crash: spec.on_crash,
            notify: spec.notify,
            wrong: Vec::new(),
        }
    }
}
