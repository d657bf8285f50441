//! Whether jobs that follow one another can: every one is there, none follows itself, and what is awaited together comes
//! together. Pure.

use std::collections::{HashMap, HashSet};

use clusterkeep_core::{Error, Result};

use super::{Following, JobBody, JobSpec, Schedule, When};

/// What is wrong with a chain, and in which job.
#[derive(Debug)]
pub struct Broken {
    /// The job.
    pub job: String,
    /// Line and column of what is wrong, where they are known.
    pub place: Option<(u64, u64)>,
    /// What it is.
    pub error: Error,
}

impl Broken {
    fn of(job: &JobSpec, following: &Following, error: Error) -> Self {
        Self { job: job.name.as_str().to_owned(), place: following.jobs().place(), error }
    }
}

impl JobBody {
    /// What it follows, if it does.
    #[must_use]
    pub const fn following(&self) -> Option<&Following> {
        match &self.when {
            When::Following(following) => Some(following),
            _ => None,
        }
    }
}

/// What is wrong with all jobs of a namespace, taken together: a job that follows one that is not there, or, by way of
/// others, itself (each cycle once); one that follows several whose runs are not for the same instants.
#[must_use]
pub fn check_chains(jobs: &[JobSpec]) -> Vec<Broken> {
    if jobs.iter().all(|job| job.following().is_none()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut circling: HashSet<&str> = HashSet::new();
    let named: HashMap<&str, &JobSpec> = jobs.iter().map(|job| (job.name.as_str(), job)).collect();
    for job in jobs {
        let Some(following) = job.following() else { continue };
        for unknown in following.jobs().iter().filter(|name| !named.contains_key(name.as_str())) {
            let error = Error::input(format!("job `{}` follows `{unknown}`, which is not there", job.name));
            found.push(Broken::of(job, following, error.with_hint("a job follows jobs of its own namespace")));
        }
        if circling.contains(job.name.as_str()) {
            continue;
        }
        if let Some(cycle) = cycle(job, &named) {
            let error = Error::input(format!("jobs follow each other in a cycle: {}", cycle.join(" -> ")));
            found.push(Broken::of(job, following, error.with_hint("let one of them run by itself, at a time")));
            circling.extend(cycle);
        }
    }
    // Up a cycle there is no end, and so no instant.
    if !found.is_empty() {
        return found;
    }
    for job in jobs {
        let Some(following) = job.following() else { continue };
        found.extend(together(job, following, &named).err().map(|error| Broken::of(job, following, error)));
    }
    found
}

/// The way from a job back to itself, in the order in which they run.
fn cycle<'a>(job: &'a JobSpec, named: &HashMap<&str, &'a JobSpec>) -> Option<Vec<&'a str>> {
    let start = job.name.as_str();
    // Each job is looked at once; who led to it is remembered for the way back.
    let mut led: HashMap<&str, &str> = HashMap::new();
    let mut ahead = vec![job];
    while let Some(at) = ahead.pop() {
        for parent in at.following().into_iter().flat_map(|following| following.jobs().iter()) {
            if parent == start {
                let mut way = vec![start];
                let mut step = at.name.as_str();
                while step != start {
                    way.push(step);
                    step = led[step];
                }
                way.push(start);
                return Some(way);
            }
            let Some(parent) = named.get(parent.as_str()) else { continue };
            if !led.contains_key(parent.name.as_str()) {
                led.insert(parent.name.as_str(), at.name.as_str());
                ahead.push(parent);
            }
        }
    }
    None
}

/// Whether the jobs that one follows run for the same instants: those of one job, or of jobs with the same schedule.
fn together(job: &JobSpec, following: &Following, named: &HashMap<&str, &JobSpec>) -> Result<()> {
    let mut parents = following.jobs().iter();
    let Some(first) = parents.next().and_then(|name| root(name, named)) else { return Ok(()) };
    for parent in parents {
        let Some(other) = root(parent, named) else { continue };
        if first.name != other.name && !same_instants(&first.schedule()?, &other.schedule()?) {
            return Err(Error::input(format!(
                "job `{}` awaits runs that are not for the same instants: those of `{}` and of `{}`",
                job.name, first.name, other.name
            ))
            .with_hint("give both the same `when`, zone and limits, or let both follow one job"));
        }
    }
    Ok(())
}

/// The job whose schedule gives the instants of a chain. Of a join any way up leads to the same ones.
fn root<'a>(name: &str, named: &HashMap<&str, &'a JobSpec>) -> Option<&'a JobSpec> {
    let mut at = *named.get(name)?;
    while let Some(following) = at.following() {
        at = *named.get(following.jobs().first()?.as_str())?;
    }
    Some(at)
}

fn same_instants(a: &Schedule, b: &Schedule) -> bool {
    a.trigger().is_nominal() && a == b
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Job;

    fn after(name: &str, parents: &[&str]) -> JobSpec {
        Job::named(name).run("x").following(Following::of(parents.iter().copied())).build().unwrap()
    }

    fn at(name: &str, when: &str) -> JobSpec {
        Job::named(name).run("x").cron(when).build().unwrap()
    }

    fn broken(jobs: &[JobSpec]) -> String {
        check_chains(jobs).remove(0).error.to_string()
    }

    #[test]
    fn cycles_are_named_in_the_order_in_which_they_run() {
        let jobs = [after("a", &["c"]), after("b", &["a"]), after("c", &["b"]), at("d", "@daily")];
        assert_eq!(broken(&jobs), "jobs follow each other in a cycle: a -> b -> c -> a");
        assert_eq!(broken(&[after("a", &["a"])]), "jobs follow each other in a cycle: a -> a");
        // One that only leads out of a cycle is not in it.
        let jobs = [after("x", &["a"]), after("a", &["b"]), after("b", &["a"])];
        assert_eq!(broken(&jobs), "jobs follow each other in a cycle: a -> b -> a");
    }

    #[test]
    fn a_long_chain_is_none() {
        let mut jobs = vec![at("0", "@hourly")];
        for n in 1..2_000 {
            jobs.push(after(&n.to_string(), &[&(n - 1).to_string()]));
        }
        assert!(check_chains(&jobs).is_empty());
    }

    #[test]
    fn what_is_awaited_together_comes_together() {
        let diamond = [at("a", "@daily"), after("b", &["a"]), after("c", &["a"]), after("d", &["b", "c"])];
        assert!(check_chains(&diamond).is_empty());
        assert!(check_chains(&[at("a", "0 3 * * *"), at("b", "0 3 * * *"), after("c", &["a", "b"])]).is_empty());
        let error = broken(&[at("a", "0 3 * * *"), at("b", "0 4 * * *"), after("c", &["a", "b"])]);
        assert!(
            error.contains("`c` awaits runs that are not for the same instants: those of `a` and of `b`"),
            "{error}"
        );
        // The place of a hashed field depends on the job's name.
        assert!(!check_chains(&[at("a", "H 3 * * *"), at("b", "H 3 * * *"), after("c", &["a", "b"])]).is_empty());
        assert!(!check_chains(&[at("a", "@after 1 h"), at("b", "@after 1 h"), after("c", &["a", "b"])]).is_empty());
        assert_eq!(broken(&[after("b", &["a"])]), "job `b` follows `a`, which is not there");
    }
}
