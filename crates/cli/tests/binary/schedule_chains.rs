//! Chains and notifications in files: what is refused, with its place, and what is said in words.

use crate::support::{DB, Place};

/// A timetable with more keys, and jobs of which each is a line.
fn timetable(more: &str, jobs: &[&str]) -> String {
    let run = "run: { action: history, keep: 90 days }";
    let jobs: String = jobs.iter().map(|job| format!("  - {{ {job}, {run} }}\n")).collect();
    format!("kind: Timetable\n{more}jobs:\n{jobs}")
}

/// What `run` says of a file, which it must refuse.
fn refused(text: &str) -> String {
    let place = Place::with_weather();
    place.write("bad.yaml", text);
    let said = place.run(&["run", "-f", "bad.yaml", "--cluster", DB, "--state", "memory:"]);
    assert_eq!(said.code, Some(2), "{said}");
    said.stderr
}

#[track_caller]
fn assert_refused(text: &str, parts: &[&str]) {
    let said = refused(text);
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
}

#[test]
fn broken_chains_are_refused_where_they_stand() {
    let cycle = ["name: a, when: { after: c }", "name: b, when: { after: a }", "name: c, when: { after: [b] }"];
    assert_refused(
        &timetable("", &cycle),
        &["bad.yaml:3:31: jobs follow each other in a cycle: a -> b -> c -> a", "hint: "],
    );
    assert_refused(
        &timetable("", &["name: a, when: '@daily'", "name: b, when: { after: load }"]),
        &["bad.yaml:4:31: job `b` follows `load`, which is not there"],
    );
    let apart = ["name: a, when: 0 3 * * *", "name: b, when: 0 4 * * *", "name: c, when: { after: [a, b] }"];
    assert_refused(&timetable("", &apart), &["bad.yaml:5:", "not for the same instants: those of `a` and of `b`"]);
    for (when, part) in [
        ("{ after: a, on: failed }", "unknown value `failed`"),
        ("{ after: a, if: { value: n, above: 1 } }", "`n` is no place in a result"),
        ("{ after: a, if: n > 1 }", "a condition, such as"),
        ("{ after: a, every: 1 h }", "one of its keys"),
        ("{ on: success }", "`on` and `if` are for `after` alone"),
        ("{ any: ['@daily', { after: a }] }", "can't be part of a combination"),
    ] {
        let job = format!("name: b, when: {when}");
        assert_refused(&timetable("", &["name: a, when: '@daily'", &job]), &["bad.yaml:4:", part]);
    }
}

#[test]
fn validate_says_all_that_is_wrong_between_jobs() {
    let place = Place::with_weather();
    let jobs = [
        "name: a, when: { after: c }",
        "name: c, when: { after: a }",
        "name: d, when: { after: [x, y] }",
        "name: e, when: '@daily', notify: [{ on: failure, to: pager }]",
        "name: f, when: '@daily', notify: [{ on: failure, to: [ops, nobody] }]",
    ];
    place.write(
        "bad.yaml",
        &timetable("sinks: { ops: { webhook: 'https://example.org/', secret: 'env:HOOK' } }\n", &jobs),
    );
    let said = place.run(&["schedule", "validate", "bad.yaml"]);
    assert_eq!(said.code, Some(2), "{said}");
    for part in [
        "bad.yaml:4:31: jobs follow each other in a cycle: a -> c -> a",
        "bad.yaml:6:31: job `d` follows `x`, which is not there",
        "bad.yaml:6:31: job `d` follows `y`, which is not there",
        "there is no sink `pager`",
        "there is no sink `nobody`",
        "1 file: 5 errors, 0 warnings",
    ] {
        assert!(said.stdout.contains(part), "{part}: {said}");
    }
}

#[test]
fn notifications_that_can_not_be_are_refused_where_they_stand() {
    for (notify, part) in [
        ("{ on: failure, to: pager }", "there is no sink `pager`"),
        ("{ on: failed, to: ops }", "unknown value `failed`"),
        ("{ on: missed_heartbeat, to: ops }", "needs `within`"),
        ("{ on: failure, to: ops, text: '{{ jobb }}' }", "asks for `jobb`, which there is not"),
        ("{ on: failure, to: ops, text: '{{ job' }", "the template can't be used"),
    ] {
        let job = format!("name: a, when: '@daily', notify: [{notify}]");
        let text = timetable("sinks: { ops: { command: [true] } }\n", &[&job]);
        assert_refused(&text, &["bad.yaml:4:", part]);
    }
    for (sink, part) in [
        ("{ webhook: 'http://hooks.example.org/x', secret: env:S }", "not sent to in plain text"),
        ("{ webhook: 'https://hooks.example.org/x' }", "needs `secret`"),
        ("{ mail: ops, from: a@example.org, server: 'smtps://mail.example.org' }", "`ops` is no address of mail"),
        ("{ mail: a@example.org, from: a@example.org, server: 'smtps://u:p@x.example.org' }", "holds a password"),
        ("{ pager: 1 }", "unknown field `pager`"),
    ] {
        let text = timetable(&format!("sinks: {{ ops: {sink} }}\n"), &["name: a, when: '@daily'"]);
        assert_refused(&text, &["bad.yaml:2:", part]);
    }
}

#[test]
fn a_secret_in_plain_text_is_warned_about_and_not_shown() {
    let place = Place::with_weather();
    let sink = "sinks:\n  pager:\n    webhook: https://hooks.example.org/x\n    secret: hunter2\n";
    place.write("plain.yaml", &timetable(sink, &["name: a, when: '@daily', notify: [{ on: failure, to: pager }]"]));
    // A port that can't be had ends it, once the file was read.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = place.run(&["run", "-f", "plain.yaml", "--cluster", DB, "--state", "memory:", "--listen", &port]);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("plain.yaml:5:13: a secret stands in plain text, under `secret`"), "{said}");
    assert!(!said.stderr.contains("hunter2"));
}

#[test]
fn a_chain_in_words() {
    let place = Place::with_weather();
    let report =
        "name: report, when: { after: [load, check], on: always, if: { of: load, value: /rows/0/n, above: 0 } }";
    place.write("chain.yaml", &timetable("", &["name: load, when: '@daily'", "name: check, when: '@daily'", report]));
    let words = "after load and check, whatever became of them, if /rows/0/n above 0 of load";
    for command in ["next", "explain"] {
        let said = place.run(&["schedule", command, "report", "-f", "chain.yaml"]).done();
        assert!(said.stdout.contains(words), "{said}");
    }
}
