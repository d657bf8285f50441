//! The mark of an attempt: what its processes carry in their environment.
//!
//! It follows from what the row of the run says, so that whoever finds the row after its scheduler was killed finds the
//! processes as well, and nothing has to be written down before they begin.

use uuid::Uuid;

use super::RunKey;
use crate::hash;

/// The mark of an attempt that this worker has begun.
pub(crate) fn mark(worker: Uuid, key: &RunKey, attempt: u32) -> String {
    let RunKey { namespace, job, nominal, kind, generation } = key;
    let nominal = nominal.timestamp_micros();
    // Names are of any text, so the length of the first goes before it.
    let text = format!("{}:{namespace}:{job}:{nominal}:{kind}:{generation}:{attempt}", namespace.len());
    format!("{}{:016x}", worker.simple(), hash::of(hash::START, &text))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::run::RunKind;

    #[test]
    fn each_attempt_of_each_run_has_its_own_and_the_same_each_time() {
        let key = |namespace: &str, job: &str| RunKey {
            namespace: namespace.to_owned(),
            job: job.to_owned(),
            nominal: DateTime::UNIX_EPOCH,
            kind: RunKind::Scheduled,
            generation: 1,
        };
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let all = [
            mark(one, &key("a", "b"), 1),
            mark(one, &key("a", "b"), 2),
            mark(two, &key("a", "b"), 1),
            mark(one, &key("a:b", ""), 1),
            mark(one, &key("a", "b:"), 1),
            mark(one, &RunKey { generation: 2, ..key("a", "b") }, 1),
        ];
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), all.len());
        assert_eq!(all[0], mark(one, &key("a", "b"), 1));
        assert!(all.iter().all(|mark| mark.len() == 48 && mark.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }
}
