//! The statements, in words that SQLite and PostgreSQL share.
//!
//! A list is one parameter, a JSON array of arrays; `value ->> n` is the n-th place of each. States that decide which rows
//! a partial index holds stand in the text: as parameters they would keep the engine from using it.

/// The statements of an engine.
#[derive(Debug)]
pub struct Texts {
    pub(in crate::store) change: &'static str,
    pub(in crate::store) known: &'static str,
    pub(in crate::store) put: &'static str,
    pub(in crate::store) close_generations: &'static str,
    pub(in crate::store) put_generations: &'static str,
    pub(in crate::store) all: &'static str,
    pub(in crate::store) of_namespace: &'static str,
    pub(in crate::store) token: &'static str,
    pub(in crate::store) changed: &'static str,
    pub(in crate::store) generations: &'static str,
    pub(in crate::store) pause: &'static str,
    pub(in crate::store) lock: &'static str,
    pub(in crate::store) there: &'static str,
    pub(in crate::store) open: &'static str,
    pub(in crate::store) insert: &'static str,
    pub(in crate::store) advance: &'static str,
    pub(in crate::store) claim: &'static str,
    pub(in crate::store) report: &'static str,
    pub(in crate::store) finish: &'static str,
    pub(in crate::store) cancel: &'static str,
    pub(in crate::store) renew: &'static str,
    pub(in crate::store) runs: &'static str,
    pub(in crate::store) runs_without_output: &'static str,
    pub(in crate::store) waiting: &'static str,
    pub(in crate::store) orphans: &'static str,
    pub(in crate::store) mark_deleted: &'static str,
    pub(in crate::store) deleted_before: &'static str,
    pub(in crate::store) prune: &'static str,
    pub(in crate::store) lapsed: &'static str,
    pub(in crate::store) beat: &'static str,
    pub(in crate::store) forget: &'static str,
    pub(in crate::store) to_cancel: &'static str,
    pub(in crate::store) leave: &'static str,
    pub(in crate::store) workers: &'static str,
}

/// The statements for tables that begin with `$p`, lists that `$rows` takes apart, a lock on schedules, and a clock: the
/// name of the machine's present life, and the microseconds of now.
macro_rules! texts {
    ($p:literal, $rows:literal, $lock:literal, $boot:literal, $now:literal) => {
        $crate::store::sql::Texts {
            change: concat!("UPDATE ", $p, "changes SET last = last + 1 RETURNING last"),
            known: concat!(
                "SELECT s.* FROM ", $p, "schedules AS s JOIN (SELECT value ->> 0 AS namespace, value ->> 1 AS job FROM ",
                $rows, ") AS a ON s.namespace = a.namespace AND s.job = a.job ORDER BY s.namespace, s.job", $lock
            ),
            put: concat!(
                "INSERT INTO ", $p, "schedules (namespace, job, generation, valid_from, next_fire, high_water, zone_data, \
                 retired, spec, paused_since, paused_by, paused_note, changed_by, origin, zone_data_since, changed) SELECT value ->> 0, \
                 value ->> 1, \
                 CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS BIGINT), \
                 CAST(value ->> 5 AS BIGINT), value ->> 6, CAST(value ->> 7 AS BIGINT), value ->> 8, \
                 CAST(value ->> 9 AS BIGINT), value ->> 10, value ->> 11, value ->> 12, value ->> 13, \
                 CAST(value ->> 14 AS BIGINT), CAST(? AS BIGINT) FROM ", $rows,
                " WHERE true ON CONFLICT (namespace, job) DO UPDATE SET generation = excluded.generation, \
                 valid_from = excluded.valid_from, next_fire = excluded.next_fire, high_water = excluded.high_water, \
                 zone_data = excluded.zone_data, zone_data_since = excluded.zone_data_since, retired = excluded.retired, spec = excluded.spec, \
                 paused_since = excluded.paused_since, paused_by = excluded.paused_by, \
                 paused_note = excluded.paused_note, changed_by = excluded.changed_by, origin = excluded.origin, \
                 changed = excluded.changed"
            ),
            close_generations: concat!(
                "UPDATE ", $p, "generations AS g SET valid_until = a.valid_from FROM (SELECT value ->> 0 AS namespace, \
                 value ->> 1 AS job, CAST(value ->> 2 AS BIGINT) AS generation, CAST(value ->> 3 AS BIGINT) AS valid_from \
                 FROM ", $rows, ") AS a WHERE g.namespace = a.namespace AND g.job = a.job \
                 AND g.generation < a.generation AND g.valid_until IS NULL"
            ),
            put_generations: concat!(
                "INSERT INTO ", $p, "generations (namespace, job, generation, valid_from, valid_until, spec, changed_by, origin) \
                 SELECT value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS BIGINT), \
                 CAST(value ->> 7 AS BIGINT), value ->> 8, value ->> 12, value ->> 13 FROM ", $rows, " WHERE true \
                 ON CONFLICT (namespace, job, generation) DO UPDATE SET valid_until = excluded.valid_until"
            ),
            all: concat!("SELECT * FROM ", $p, "schedules ORDER BY namespace, job"),
            of_namespace: concat!("SELECT * FROM ", $p, "schedules WHERE namespace = ? ORDER BY job"),
            token: concat!("SELECT last FROM ", $p, "changes"),
            changed: concat!(
                "SELECT * FROM ", $p, "schedules WHERE changed > ? AND namespace = ? ORDER BY job"
            ),
            generations: concat!(
                "SELECT * FROM ", $p, "generations WHERE namespace = ? AND job = ? ORDER BY generation"
            ),
            pause: concat!(
                "UPDATE ", $p, "schedules SET paused_since = CAST(? AS BIGINT), paused_by = ?, paused_note = ?, \
                 changed = ? WHERE namespace = ? AND job = ?"
            ),
            lock: concat!(
                "SELECT s.namespace, s.job, s.generation, s.high_water, s.paused_since FROM ", $p, "schedules AS s \
                 JOIN (SELECT value ->> 0 AS namespace, value ->> 1 AS job FROM ", $rows, ") AS a \
                 ON s.namespace = a.namespace AND s.job = a.job ORDER BY s.namespace, s.job", $lock
            ),
            there: concat!(
                "SELECT r.namespace, r.job, r.nominal, r.kind, r.generation FROM (SELECT value ->> 0 AS namespace, \
                 value ->> 1 AS job, CAST(value ->> 2 AS BIGINT) AS nominal, value ->> 3 AS kind, \
                 CAST(value ->> 4 AS BIGINT) AS generation FROM ", $rows, ") AS a JOIN ", $p, "runs AS r \
                 ON r.namespace = a.namespace AND r.job = a.job AND r.nominal = a.nominal AND r.kind = a.kind \
                 AND r.generation = a.generation"
            ),
            open: concat!(
                "SELECT * FROM (SELECT a.namespace, a.job, (SELECT count(*) FROM ", $p, "runs AS r WHERE r.namespace = a.namespace \
                 AND r.job = a.job AND r.state = 'running') AS running, (SELECT count(*) FROM (SELECT 1 FROM ", $p,
                "runs AS r WHERE r.namespace = a.namespace AND r.job = a.job AND r.state = 'pending' LIMIT 1000) AS counted) \
                 AS pending FROM (SELECT value ->> 0 AS namespace, value ->> 1 AS job FROM ", $rows, ") AS a) AS c \
                 WHERE c.running > 0 OR c.pending > 0"
            ),
            insert: concat!(
                "INSERT INTO ", $p, "runs (namespace, job, nominal, kind, generation, state, attempt, worker, not_before, \
                 renewed, priority, cancel, args, missed_count, missed_last, reason, note, started, finished, error, \
                 message, progress, exit_code, result, output) SELECT value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), value ->> 3, \
                 CAST(value ->> 4 AS BIGINT), value ->> 5, CAST(value ->> 6 AS BIGINT), value ->> 7, \
                 CAST(value ->> 8 AS BIGINT), CAST(value ->> 9 AS BIGINT), CAST(value ->> 10 AS BIGINT), value ->> 11, \
                 value ->> 12, CAST(value ->> 13 AS BIGINT), CAST(value ->> 14 AS BIGINT), value ->> 15, value ->> 16, \
                 CAST(value ->> 17 AS BIGINT), CAST(value ->> 18 AS BIGINT), value ->> 19, value ->> 20, \
                 CAST(value ->> 21 AS DOUBLE PRECISION), CAST(value ->> 22 AS BIGINT), value ->> 23, value ->> 24 \
                 FROM ", $rows
            ),
            advance: concat!(
                "UPDATE ", $p, "schedules AS s SET high_water = CASE WHEN s.high_water > a.mark THEN s.high_water \
                 ELSE a.mark END, next_fire = CASE WHEN s.high_water > a.mark THEN s.next_fire ELSE a.next_fire END \
                 FROM (SELECT value ->> 0 AS namespace, value ->> 1 AS job, CAST(value ->> 2 AS BIGINT) AS generation, \
                 CAST(value ->> 3 AS BIGINT) AS mark, CAST(value ->> 4 AS BIGINT) AS next_fire, \
                 CAST(value ->> 5 AS BIGINT) AS paused FROM ", $rows, ") AS a \
                 WHERE s.namespace = a.namespace AND s.job = a.job AND s.generation = a.generation \
                 AND (s.paused_since IS NOT NULL) = (a.paused = 1)"
            ),
            claim: concat!(
                "UPDATE ", $p, "runs AS r SET state = 'running', attempt = r.attempt + 1, worker = e.worker, \
                 started = e.at, not_before = NULL, progress = NULL, message = NULL, exit_code = NULL, \
                 result = NULL, output = NULL, earlier = coalesce(e.earlier, r.earlier) FROM (SELECT a.*, row_number() \
                 OVER (PARTITION BY a.n, a.j ORDER BY a.place) + (SELECT count(*) FROM ", $p, "runs AS g \
                 WHERE g.namespace = a.n AND g.job = a.j AND g.state = 'running') AS going FROM (\
                 SELECT value ->> 0 AS n, value ->> 1 AS j, CAST(value ->> 2 AS BIGINT) AS f, \
                 value ->> 3 AS k, CAST(value ->> 4 AS BIGINT) AS g, CAST(value ->> 5 AS BIGINT) AS attempt, \
                 value ->> 6 AS worker, CAST(value ->> 7 AS BIGINT) AS at_once, CAST(value ->> 8 AS BIGINT) AS at, \
                 CAST(value ->> 9 AS BIGINT) AS place, value ->> 10 AS earlier FROM ", $rows, ") AS a JOIN ", $p, "runs AS w \
                 ON w.namespace = a.n AND w.job = a.j AND w.nominal = a.f AND w.kind = a.k \
                 AND w.generation = a.g WHERE w.state = 'pending' AND w.attempt = a.attempt \
                 AND (w.not_before IS NULL OR w.not_before <= a.at)) AS e \
                 WHERE r.namespace = e.n AND r.job = e.j AND r.nominal = e.f AND r.kind = e.k \
                 AND r.generation = e.g AND r.state = 'pending' AND r.attempt = e.attempt \
                 AND e.going <= e.at_once"
            ),
            report: concat!(
                "UPDATE ", $p, "runs SET progress = coalesce(CAST(? AS DOUBLE PRECISION), progress), \
                 message = coalesce(CAST(? AS TEXT), message), output = coalesce(CAST(? AS TEXT), output) WHERE namespace = ? AND job = ? AND nominal = ? \
                 AND kind = ? AND generation = ? AND state = 'running' AND attempt = ?"
            ),
            finish: concat!(
                "UPDATE ", $p, "runs AS r SET state = CASE WHEN e.state = 'pending' AND r.cancel IS NOT NULL \
                 THEN 'cancelled' ELSE e.state END, error = CASE WHEN e.state = 'pending' \
                 THEN coalesce(r.cancel, e.error) ELSE e.error END, finished = CASE WHEN e.state = 'pending' \
                 AND r.cancel IS NULL THEN NULL ELSE e.at END, not_before = CASE WHEN e.state = 'pending' \
                 AND r.cancel IS NULL THEN e.not_before END, cancel = NULL, exit_code = coalesce(e.exit_code, r.exit_code), \
                 result = coalesce(e.result, r.result), output = coalesce(e.output, r.output) FROM (SELECT value ->> 0 AS n, value ->> 1 AS j, CAST(value ->> 2 AS BIGINT) AS f, \
                 value ->> 3 AS k, CAST(value ->> 4 AS BIGINT) AS g, \
                 CAST(value ->> 5 AS BIGINT) AS attempt, value ->> 6 AS state, value ->> 7 AS error, \
                 CAST(value ->> 8 AS BIGINT) AS at, CAST(value ->> 9 AS BIGINT) AS not_before, \
                 CAST(value ->> 10 AS BIGINT) AS exit_code, value ->> 11 AS result, value ->> 12 AS output FROM ", $rows, ") AS e \
                 WHERE r.namespace = e.n AND r.job = e.j AND r.nominal = e.f AND r.kind = e.k \
                 AND r.generation = e.g AND r.state = 'running' AND r.attempt = e.attempt"
            ),
            cancel: concat!(
                "UPDATE ", $p, "runs SET reason = CASE WHEN state = 'pending' THEN ? ELSE reason END, \
                 cancel = CASE WHEN state = 'running' THEN ? ELSE cancel END, \
                 finished = CASE WHEN state = 'pending' THEN ? ELSE finished END, not_before = NULL, \
                 state = CASE WHEN state = 'pending' THEN 'cancelled' ELSE state END \
                 WHERE namespace = ? AND job = ? AND nominal = ? AND kind = ? AND generation = ? \
                 AND state IN ('pending', 'running') RETURNING state"
            ),
            renew: concat!(
                "UPDATE ", $p, "runs SET state = 'pending', renewed = attempt, finished = NULL, not_before = NULL, \
                 error = NULL, reason = NULL WHERE namespace = ? AND job = ? AND nominal = ? AND kind = ? \
                 AND generation = ? AND state IN ('failed', 'dead', 'cancelled', 'refused', 'skipped')"
            ),
            runs: concat!("SELECT * FROM ", $p, "runs WHERE true"),
            runs_without_output: concat!(
                "SELECT namespace, job, nominal, kind, generation, state, attempt, worker, not_before, renewed, \
                 priority, cancel, args, missed_count, missed_last, reason, note, started, finished, error, message, \
                 progress, exit_code, result, CAST(NULL AS TEXT) AS output, CAST(NULL AS TEXT) AS earlier FROM ", $p, "runs WHERE true"
            ),
            waiting: concat!(
                "SELECT * FROM ", $p, "runs WHERE namespace = ? AND state = 'pending' \
                 AND (not_before IS NULL OR not_before <= ?) AND job NOT IN (SELECT value ->> 0 FROM ", $rows,
                ") ORDER BY priority DESC, nominal LIMIT ?"
            ),
            orphans: concat!(
                "SELECT r.* FROM ", $p, "runs AS r WHERE r.namespace = ? AND r.state = 'running' AND NOT EXISTS (\
                 SELECT 1 FROM ", $p, "workers AS w WHERE w.worker = r.worker AND w.boot = ", $boot,
                " AND w.until > ", $now, ") ORDER BY r.nominal"
            ),
            mark_deleted: concat!(
                "INSERT INTO ", $p, "deleted (namespace, before) VALUES (?, ?) ON CONFLICT (namespace) DO UPDATE \
                 SET before = excluded.before WHERE ", $p, "deleted.before < excluded.before"
            ),
            deleted_before: concat!("SELECT before FROM ", $p, "deleted WHERE namespace = ?"),
            prune: concat!(
                "DELETE FROM ", $p, "runs WHERE namespace = ? AND coalesce(missed_last, nominal) < ? \
                 AND state NOT IN ('pending', 'running')"
            ),
            lapsed: concat!(
                "SELECT 1 FROM ", $p, "workers WHERE NOT (boot = ", $boot, " AND until > ", $now, ") AND worker = ?"
            ),
            beat: concat!(
                "INSERT INTO ", $p, "workers (worker, namespace, place, boot, until) VALUES (?, ?, ?, ", $boot, ", ",
                $now, " + CAST(? AS BIGINT)) ON CONFLICT (worker) DO UPDATE SET namespace = excluded.namespace, \
                 place = excluded.place, boot = excluded.boot, until = excluded.until"
            ),
            forget: concat!(
                "DELETE FROM ", $p, "workers WHERE NOT (boot = ", $boot, " AND until > ", $now, " - 86400000000)"
            ),
            to_cancel: concat!(
                "SELECT namespace, job, nominal, kind, generation, attempt, cancel FROM ", $p, "runs \
                 WHERE worker = ? AND state = 'running' AND cancel IS NOT NULL"
            ),
            leave: concat!("DELETE FROM ", $p, "workers WHERE worker = ?"),
            workers: concat!(
                "SELECT worker, namespace, place, CASE WHEN boot = ", $boot, " AND until > ", $now,
                " THEN 1 ELSE 0 END AS alive FROM ", $p, "workers ORDER BY worker"
            ),
        }
    };
}
pub(in crate::store) use texts;
