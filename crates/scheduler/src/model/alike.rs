//! Jobs that say the same, but for their names, get to have it in common: a million of them then take little memory.

use std::collections::HashMap;
use std::sync::Arc;

use super::{JobBody, JobSpec};
use crate::hash;

/// So many bodies are compared with at most, of those that look alike: jobs may differ in what the fingerprint leaves out.
const MOST: usize = 4;

/// At least so many bodies are kept before those are forgotten that no job has any more.
const FEW: usize = 1_024;

/// The bodies that jobs have in common.
#[derive(Debug, Default)]
pub(crate) struct Alike {
    bodies: HashMap<u64, Vec<Arc<JobBody>>>,
    /// How many there are.
    count: usize,
    /// With how many they are looked through next.
    full: usize,
}

impl Alike {
    /// The same job, with the body of an earlier one that says the same.
    pub(crate) fn share(&mut self, job: JobSpec) -> JobSpec {
        let alike = self.bodies.entry(fingerprint(&job)).or_default();
        if let Some(known) = alike.iter().find(|known| ***known == **job.body()) {
            return JobSpec::of(job.name, known.clone());
        }
        if alike.len() < MOST {
            alike.push(job.body().clone());
            self.count += 1;
            self.forget();
        }
        job
    }

    /// Drops what no job has any more, now and then.
    fn forget(&mut self) {
        if self.count < self.full.max(FEW) {
            return;
        }
        self.bodies.retain(|_, alike| {
            alike.retain(|body| Arc::strong_count(body) > 1);
            !alike.is_empty()
        });
        self.count = self.bodies.values().map(Vec::len).sum();
        self.full = 2 * self.count;
    }
}

/// The same for jobs that say the same; mostly another one for others.
fn fingerprint(job: &JobSpec) -> u64 {
    let mut text = hash::Text::default();
    // Hashing fails at nothing.
    std::fmt::Write::write_fmt(&mut text, format_args!("{}\n{}\n{}", job.when, job.zone, job.run)).unwrap_or_default();
    text.hash()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Job;

    #[test]
    fn jobs_share_what_is_the_same_and_nothing_else() {
        let job = |name: &str, n: u32| Job::named(name).run("it").arg("n", n).cron("@daily").build().unwrap();
        let mut alike = Alike::default();
        let [a, b, c] = [job("a", 1), job("b", 1), job("c", 2)].map(|job| alike.share(job));
        assert!(Arc::ptr_eq(a.body(), b.body()) && !Arc::ptr_eq(a.body(), c.body()));
        assert_eq!((&b, &c), (&job("b", 1), &job("c", 2)));
        // What is changed is nobody else's.
        let mut changed = b.clone();
        changed.priority = 5;
        assert_eq!((a.priority, b.priority, changed.priority), (0, 0, 5));
    }

    #[test]
    fn what_no_job_has_any_more_is_forgotten() {
        let mut alike = Alike::default();
        let job = |n: usize| Job::named("a").run(format!("do {n}")).cron("@daily").build().unwrap();
        let kept: Vec<_> = (0..FEW / 2).map(|n| alike.share(job(n))).collect();
        for n in 0..4 * FEW {
            alike.share(job(n));
        }
        assert!(alike.count <= 2 * FEW, "{}", alike.count);
        assert!(kept.iter().enumerate().all(|(n, kept)| Arc::ptr_eq(kept.body(), alike.share(job(n)).body())));
    }
}
