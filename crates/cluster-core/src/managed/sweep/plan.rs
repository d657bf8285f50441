//! What is to become of each cluster that the registry knows: a pure function of what was seen.

use chrono::{DateTime, Utc};

use super::model::{Action, Decision, Detail, Leak, Reason, Sweeping};
use super::observe::{Seen, Standing};
use crate::plan::{Plan, PlanHasher, Step, StepId, Verdict};

/// The plan of a sweep.
pub(super) fn plan(seen: &[Seen], now: DateTime<Utc>) -> Plan<Sweeping> {
    let mut hasher = PlanHasher::new("sweep");
    let mut verdicts = Vec::with_capacity(seen.len());
    let mut steps = Vec::new();
    for one in seen {
        let (decision, reason) = decide(one);
        let object = Leak::from(&one.record.cluster);
        let obligations: Vec<_> = one.record.obligations.iter().map(|owed| owed.id).collect();
        let since = one.record.obligations.iter().map(|owed| owed.since).min();
        let (name, owed) = (object.name.clone(), obligations.clone());
        let action = match (decision, one.id) {
            (Decision::Suspend, Some(id)) => Some(Action::Suspend { id, name, obligations: owed }),
            (Decision::Forget, _) => Some(Action::Forget { name, obligations: owed }),
            _ => None,
        };
        let detail = Detail { since, obligations };
        if let Some(action) = action {
            hasher.text(&action.to_string()).text(&object.to_string()).text(&object.endpoint);
            hasher.number(detail.obligations.len() as u64);
            for id in &detail.obligations {
                hasher.bytes(id.as_bytes());
            }
            let id = StepId(u32::try_from(steps.len()).unwrap_or(u32::MAX));
            // A cluster may be on record under its name and under its id: one after the other.
            let same = |step: &&Step<Sweeping>| match (&step.action, &action) {
                (Action::Suspend { id: one, .. }, Action::Suspend { id: other, .. }) => one == other,
                _ => false,
            };
            let needs = steps.iter().filter(same).map(|step| step.id).collect();
            steps.push(Step { id, action, objects: vec![object.clone()], needs, sql: None });
        }
        verdicts.push(Verdict { object, verdict: decision, reason, detail });
    }
    let hash = hasher.finish();
    Plan { kind: "sweep", as_of: now, zone: chrono_tz::UTC, hash, verdicts, steps }
}

fn decide(seen: &Seen) -> (Decision, Reason) {
    if seen.guards > 0 {
        return (Decision::Keep, Reason::Held { guards: seen.guards });
    }
    let accepted = match seen.record.open() {
        Some(owed) => Err(owed.cause),
        None => Ok(seen.record.obligations.iter().filter_map(|owed| owed.accepted).max()),
    };
    if accepted == Ok(None) {
        return (Decision::Keep, Reason::OwedNothing);
    }
    match (&seen.standing, accepted) {
        (Standing::Elsewhere, _) => (Decision::Keep, Reason::OtherEndpoint),
        (Standing::Gone, _) => (Decision::Forget, Reason::Gone),
        (Standing::Changing(what), _) => (Decision::Keep, Reason::Changing { what: what.clone() }),
        (Standing::Suspended, _) => (Decision::Forget, Reason::AlreadySuspended),
        (Standing::Fixed, _) => (Decision::Forget, Reason::CannotSuspend),
        (Standing::Uncertain(clusters), _) => (Decision::Keep, Reason::Uncertain { clusters: *clusters }),
        (Standing::Unseen, _) => (Decision::Keep, Reason::NotSeen),
        (Standing::Renewed, _) => (Decision::Forget, Reason::ResumedSince),
        // It may be somebody else's by now: this is said, and not acted on.
        (Standing::Running, Ok(Some(accepted))) => (Decision::Forget, Reason::RunsAfterSuspension { accepted }),
        (Standing::Running, Ok(None)) => (Decision::Keep, Reason::OwedNothing),
        (Standing::Running, Err(cause)) => (Decision::Suspend, Reason::LeftRunning { cause }),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::registry::{Cause, ClusterKey, Holder, Obligation, Record};

    fn seen(standing: Standing, owed: bool, accepted: bool, holders: usize) -> Seen {
        let now = DateTime::UNIX_EPOCH;
        let id = Uuid::from_u128(1);
        let holder = Holder { id, session: id, since: now };
        Seen {
            record: Record {
                cluster: ClusterKey { endpoint: "https://cloud.example".into(), id: Some(id), name: "staging".into() },
                obligations: owed
                    .then(|| Obligation {
                        id,
                        cause: Cause::Resumed,
                        since: now,
                        session: id,
                        accepted: accepted.then_some(now),
                        caller: String::new(),
                    })
                    .into_iter()
                    .collect(),
                holders: vec![holder; holders],
                leaving: None,
            },
            id: Some(id),
            guards: holders,
            standing,
        }
    }

    #[test]
    fn only_what_a_dead_process_left_running_is_suspended() {
        for (case, decision) in [
            (seen(Standing::Running, true, false, 0), Decision::Suspend),
            (seen(Standing::Running, true, false, 1), Decision::Keep),
            (seen(Standing::Running, true, true, 0), Decision::Forget),
            (seen(Standing::Running, false, false, 0), Decision::Keep),
            (seen(Standing::Suspended, true, false, 0), Decision::Forget),
            (seen(Standing::Gone, true, false, 0), Decision::Forget),
            (seen(Standing::Elsewhere, true, false, 0), Decision::Keep),
            (seen(Standing::Fixed, true, false, 0), Decision::Forget),
            (seen(Standing::Uncertain(2), true, false, 0), Decision::Keep),
            (seen(Standing::Unseen, true, false, 0), Decision::Keep),
            (seen(Standing::Renewed, true, false, 0), Decision::Forget),
            (seen(Standing::Changing("scale".into()), true, false, 0), Decision::Keep),
        ] {
            let plan = plan(std::slice::from_ref(&case), DateTime::UNIX_EPOCH);
            assert_eq!(plan.verdicts[0].verdict, decision, "{case:?}");
            assert_eq!(plan.steps.len(), usize::from(decision != Decision::Keep), "{case:?}");
        }
    }
}
