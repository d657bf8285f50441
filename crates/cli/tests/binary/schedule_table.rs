//! Timetables against a store: checked, planned, applied, written down again; and the jobs of a store, run as far as a
//! local file lets them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStderr, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use clusterkeep_testkit::objects;

use crate::support::{Place, Ran, STATE, snapshot};

const TIMETABLE: &str = "\
kind: Timetable
meta:
  authors: [A. Nother <a@example.org>]
  created: 2026-01-01
  origin: https://example.org/jobs
namespace: weather
jobs:
  - name: nightly
    when: \"30 3 * * *\"
    zone: America/New_York
    run: { action: history, keep: 20 years }
  - name: weekly
    when: { calendar: \"Sun *-*-* 04:00\" }
    run: { action: history, keep: 20 years }
";

fn hash(place: &Place, more: &[&str]) -> String {
    let plan = place.schedule(&[&["plan", "-f", "jobs.yaml", "--format", "json"], more].concat());
    plan.json()["hash"].as_str().unwrap()[..8].to_owned()
}

fn apply(place: &Place, more: &[&str]) -> Ran {
    let hash = hash(place, more);
    place.schedule(&[&["apply", "-f", "jobs.yaml", "--expect-plan", &hash], more].concat())
}

#[test]
fn a_timetable_is_planned_applied_and_written_down_again() {
    let place = Place::with_jobs(TIMETABLE);
    let mut plan = place.schedule(&["plan", "-f", "jobs.yaml", "--exit-code"]);
    let (head, rest) = plan.stdout.split_once(", as of ").unwrap();
    plan.stdout = format!("{head}, as of [NOW]\n{}", rest.split_once('\n').unwrap().1);
    snapshot!("table_plan_new", plan);
    assert!(!place.path().join("jobs.db").exists(), "a plan makes no file");
    snapshot!("table_apply_unapproved", place.schedule(&["apply", "-f", "jobs.yaml"]));
    snapshot!("table_apply", apply(&place, &[]));
    assert_eq!(place.schedule(&["plan", "-f", "jobs.yaml", "--exit-code"]).code, Some(0));
    let exported = place.schedule(&["export", "--namespace", "weather"]).done();
    snapshot!("table_export", exported);
    place.write("again.yaml", &exported.stdout);
    let again = place.schedule(&["diff", "-f", "again.yaml"]).done();
    assert_eq!(again.stdout, "both say the same\n");

    place.write("jobs.yaml", TIMETABLE.replace("30 3", "45 4").split("  - name: weekly").next().unwrap());
    snapshot!("table_diff", place.schedule(&["diff", "-f", "jobs.yaml"]));
    let kept = place.schedule(&["plan", "-f", "jobs.yaml"]).done();
    assert!(kept.stdout.contains("not in the file; --delete or `prune: true` removes it"), "{kept}");
    let stale = hash(&place, &["--delete"]);
    apply(&place, &[]).done();
    let drifted = place.schedule(&["apply", "-f", "jobs.yaml", "--delete", "--expect-plan", &stale]);
    assert_eq!(drifted.code, Some(5), "{drifted}");
    apply(&place, &["--delete"]).done();
    let namespaces = place.schedule(&["namespaces", "--format", "json"]).done().json();
    assert_eq!((&namespaces[0]["jobs"], &namespaces[0]["removed"]), (&1.into(), &1.into()), "{namespaces}");
    assert_eq!(namespaces[0]["origins"][0], "https://example.org/jobs");
    let shown = place.schedule(&["show", "nightly"]).done();
    assert!(shown.stdout.contains("version 2 from") && shown.stdout.contains("by "), "{shown}");
    let listed = place.schedule(&["list", "--namespace", "weather"]).done();
    assert!(listed.stdout.contains("removed 20"), "{listed}");
}

#[test]
fn all_that_is_wrong_is_said_with_its_place() {
    let place = Place::with_jobs(TIMETABLE);
    assert_eq!(place.run(&["schedule", "validate", "jobs.yaml"]).done().stdout, "1 file: 0 errors, 0 warnings\n");
    place.write(
        "bad.yaml",
        "\
kind: Timetable
namespac: weather
jobs:
  - name: nightly
    when: \"61 3 * * *\"
    zone: Mars/Olympus
    run: { action: history, keep: 20 years }
  - name: nightly
    when: \"@daily\"
    run: { comand: x }
  - name: third
    when: \"0 0 30 2 *\"
    run: { action: nope, token: abc }
  - when: \"@daily\"
    run: { http: \"https://ops:hunter2@example.org\", headers: { Authorization: Bearer hunter2 } }
",
    );
    let wrong = place.run(&["schedule", "validate", "bad.yaml"]);
    snapshot!("table_validate", wrong);
    assert!(!wrong.everything().contains("hunter2"), "{wrong}");
    let json = place.run(&["schedule", "validate", "bad.yaml", "--format", "json"]).json();
    assert!(json.as_array().unwrap().iter().all(|one| one["line"].is_u64()), "{json}");
    place.write("odd.yaml", "kind: Timetable\nnamespace: n\njobs:\n- a\n- [b]\n- {name: x}\n");
    snapshot!("table_validate_odd", place.run(&["schedule", "validate", "odd.yaml"]));
    place.write("none.yaml", "kind: Retention\nname: x\n");
    snapshot!("table_validate_none", place.run(&["schedule", "validate", "none.yaml"]));
}

#[test]
fn a_file_without_a_namespace_has_one_of_its_own() {
    let place = Place::with_jobs(TIMETABLE);
    place.write("jobs.yaml", &TIMETABLE.replace("namespace: weather\n", ""));
    place.write("more.yaml", &TIMETABLE.replace("namespace: weather\n", ""));
    let plan = place.schedule(&["plan", "-f", "jobs.yaml", "-f", "more.yaml"]).done();
    assert!(plan.stderr.contains("note: jobs.yaml names no namespace"), "{plan}");
    let lines: Vec<_> = plan.stdout.lines().filter(|line| line.contains("/nightly")).collect();
    assert_eq!(lines.len(), 2, "{plan}");
    let name = |line: &str| line.trim().split('/').next().unwrap().to_owned();
    assert!(name(lines[0]).starts_with("jobs-") && name(lines[1]).starts_with("more-"), "{plan}");
    let absolute = place.path().join("jobs.yaml").display().to_string();
    let again = place.schedule(&["plan", "-f", &absolute]).done();
    assert!(again.stdout.starts_with(&name(lines[0])), "the same file by another path: {again}");
}

/// Answers every request with this, for as long as the test runs; gives its port.
fn serve(answer: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            // What is asked does not matter here, only that something was.
            let _read = stream.read(&mut request);
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    port
}

#[test]
fn what_a_url_gives_is_read_with_its_checksum_alone() {
    let place = Place::with_jobs(TIMETABLE);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", TIMETABLE.len());
    let url = format!("http://127.0.0.1:{}/jobs.yaml", serve(format!("{head}{TIMETABLE}")));
    let plain = place.schedule(&["plan", "-f", &url]);
    assert_eq!(plain.code, Some(4), "{plain}");
    assert!(plain.stderr.contains("has no checksum, and no local file lists it"), "{plain}");
    // By plain HTTP it may be anybody's, whatever a local file says.
    place.write("allow.yaml", &format!("kind: Permissions\ntimetables: ['{url}']\n"));
    assert_eq!(place.schedule(&["plan", "-f", &url, "--allow", "allow.yaml"]).code, Some(4));
    let other = format!("sha256:{}", "0".repeat(64));
    let wrong = place.schedule(&["plan", "-f", &url, "--checksum", &other]);
    assert_eq!(wrong.code, Some(4), "{wrong}");
    let given = wrong.stderr.split("was said: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let sum = std::process::Command::new("sha256sum").arg(place.path().join("jobs.yaml")).output();
    if let Ok(sum) = sum {
        // An independent implementation agrees.
        assert_eq!(given, format!("sha256:{}", String::from_utf8(sum.stdout).unwrap().split(' ').next().unwrap()));
    }
    let right = place.schedule(&["plan", "-f", &url, "--checksum", &given]).done();
    assert!(
        right.stdout.contains("create 2 jobs of weather") && right.stdout.contains("--checksum sha256:"),
        "{right}"
    );
    // `run` reads it in the same way, and a URL may have its checksum behind it.
    let digits = given.strip_prefix("sha256:").unwrap();
    let run = |args: &[&str]| place.run(&[&["run", "-f"], args, &STATE[..]].concat());
    let plain = run(&[&url]);
    assert_eq!(plain.code, Some(4), "{plain}");
    assert!(plain.stderr.contains("write `#sha256=HEX` behind it"), "{plain}");
    let wrong = run(&[&format!("{url}#sha256={}", "0".repeat(64))]);
    assert!(wrong.code == Some(4) && wrong.stderr.contains("another checksum"), "{wrong}");
    let odd = run(&[&format!("{url}#top")]);
    assert!(odd.code == Some(2) && odd.stderr.contains("is no checksum"), "{odd}");
    for more in [&[&*format!("{url}#sha256={digits}")][..], &[&url, "--checksum", &given]] {
        let args = [&["run"], &STATE[..], &["-f"], more].concat();
        let mut child = place.command(&args).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        until(&mut lines, "running 2 jobs of weather");
        end(child);
    }
    let task = run(&[&format!("http://127.0.0.1:1/task.py#sha256={}", "0".repeat(64))]);
    assert!(task.code == Some(2) && task.stderr.contains("which is run where it lies"), "{task}");
    let away =
        serve(format!("HTTP/1.1 302 Found\r\nlocation: {url}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    let moved = place.schedule(&["plan", "-f", &format!("http://127.0.0.1:{away}/"), "--checksum", &given]);
    assert!(moved.code == Some(1) && moved.stderr.contains("302"), "{moved}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_object_store_gives_is_read_with_its_checksum() {
    let Some(server) = objects::s3().await else { return };
    // A bucket is a folder, and an object a file in it.
    let folder = server.bucket("jobs").join("weather");
    std::fs::create_dir(&folder).unwrap();
    let place = Place::with_jobs(TIMETABLE);
    let plan = |checksum: &str| {
        let location = format!("s3://jobs/weather/jobs.yaml?endpoint={}", server.endpoint());
        let args = ["schedule", "plan", "-f", &location, "--checksum", checksum, STATE[0], STATE[1]];
        place.run_with(&args, |command| {
            command
                .env("AWS_ACCESS_KEY_ID", server.access_key())
                .env("AWS_SECRET_ACCESS_KEY", server.secret_key())
                .env("AWS_REGION", "us-east-1")
        })
    };
    let zeros = format!("sha256:{}", "0".repeat(64));
    let missing = plan(&zeros);
    assert!(missing.code == Some(2) && missing.stderr.contains("there is no object at"), "{missing}");
    std::fs::write(folder.join("jobs.yaml"), TIMETABLE).unwrap();
    let other = plan(&zeros);
    assert_eq!(other.code, Some(4), "{other}");
    let given = other.stderr.split("was said: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let right = plan(&given).done();
    assert!(right.stdout.contains("create 2 jobs of weather"), "{right}");
}

const TASK: &str = "\
# /// script
# dependencies = []
# ///
# /// task
# when = \"30 3 * * *\"
# zone = \"America/New_York\"
# namespace = \"weather\"
# [env]
# API_TOKEN = \"hunter2\"
# ///
def run():
    pass
";

#[test]
fn a_task_file_is_a_timetable_of_one_job() {
    let place = Place::with_jobs(TIMETABLE);
    place.write("task.py", TASK);
    let valid = place.run(&["schedule", "validate", "task.py"]).done();
    assert!(valid.stdout.contains("warning: task.py:9:1: a secret stands in plain text, under `API_TOKEN`"), "{valid}");
    assert!(
        valid.stdout.ends_with("1 file: 0 errors, 1 warning\n") && !valid.everything().contains("hunter2"),
        "{valid}"
    );
    let plan = place.schedule(&["plan", "-f", "task.py"]).done();
    assert!(plan.stdout.contains("create 1 job of weather"), "{plan}");
    let both = place.schedule(&["plan", "-f", "task.py", "-f", "jobs.yaml"]).done();
    assert!(both.stdout.contains("create 3 jobs of weather"), "{both}");
    place.write("task.py", &TASK.replace("30 3 * * *", "61 3 * * *"));
    let wrong = place.run(&["schedule", "validate", "task.py"]);
    assert!(wrong.code == Some(2) && wrong.stdout.starts_with("error: task.py:5:10: "), "{wrong}");
    place.write("task.py", "x = 1\n");
    let none = place.schedule(&["plan", "-f", "task.py"]);
    assert!(none.code == Some(2) && none.stderr.contains("does not say when it runs"), "{none}");
}

#[test]
fn secrets_in_plain_text_are_warned_about_wherever_a_timetable_is_gone_on_with() {
    let place = Place::with_jobs(TIMETABLE);
    place.write(
        "jobs.yaml",
        "kind: Timetable\nnamespace: weather\njobs:\n- { name: a, when: '@reboot', run: { command: 'true', \
         env: { API_TOKEN: hunter2 } } }\n",
    );
    let warning = "warning: jobs.yaml:4:73: a secret stands in plain text, under `API_TOKEN`\nhint: write where it is";
    for args in [&["schedule", "plan", "-f", "jobs.yaml"][..], &["schedule", "trigger", "a", "-f", "jobs.yaml"]] {
        let ran = place.run(&[args, &STATE[..]].concat()).done();
        assert!(ran.stderr.contains(warning) && !ran.everything().contains("hunter2"), "{ran}");
    }
    let mut child =
        place.command(&[&["run", "-f", "jobs.yaml"], &STATE[..]].concat()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    until(&mut lines, "warning: jobs.yaml:4:73: a secret stands in plain text");
    until(&mut lines, "succeeded");
    end(child);
}

/// What reads a timetable, but for `validate`, which says it on the standard output.
const READERS: [&[&str]; 6] = [
    &["schedule", "plan", "-f", "jobs.yaml", "--state", "sqlite://jobs.db"],
    &["schedule", "diff", "-f", "jobs.yaml", "--state", "sqlite://jobs.db"],
    &["schedule", "apply", "-f", "jobs.yaml", "--state", "sqlite://jobs.db"],
    &["schedule", "trigger", "a", "-f", "jobs.yaml", "--state", "memory:"],
    &["schedule", "next", "a", "-f", "jobs.yaml"],
    &["run", "-f", "jobs.yaml", "--state", "memory:"],
];

#[test]
fn what_a_job_can_not_run_is_refused_where_its_file_is_read() {
    let place = Place::empty();
    let job = |name: &str, run: &str| format!("- {{ name: {name}, when: '@daily', run: {run} }}\n");
    for (jobs, said, hint) in [
        (job("a", "{ action: history, keep: 90 }"), "jobs.yaml:4:60: age `90` has no unit", "write its unit: `90 s`"),
        (
            job("a", "{ action: retention, manifest: 3, foo: 4, approve: within_guards }"),
            "jobs.yaml:4:69: unknown field `foo`",
            "known here: `manifest`, `approve`",
        ),
        (
            job("a", "{ action: retention, manifest: weather }"),
            "jobs.yaml:4:35: field `approve` is missing",
            "write `run: { action: retention, manifest: NAME, approve: within_guards }`",
        ),
        (
            job("a", "{ action: history, keep: 1 y, zone: Mars/Olympus }"),
            "jobs.yaml:4:71: `Mars/Olympus` is no known time zone",
            "write a name of the IANA database",
        ),
        (
            job("a", "{ sql: VACUUM, cluster: 'foo://x' }"),
            "jobs.yaml:4:59: `foo` is no supported engine",
            "supported are sqlite",
        ),
        (
            format!("{}{}", job("a", "{ command: x }"), job("a", "{ command: x }")),
            "jobs.yaml:5:11: job `a` is there already, in line 4",
            "give each job of a namespace a name of its own",
        ),
    ] {
        place.write("jobs.yaml", &format!("kind: Timetable\nnamespace: n\njobs:\n{jobs}"));
        let valid = place.run(&["schedule", "validate", "jobs.yaml"]);
        assert!(valid.code == Some(2) && valid.stdout.contains(said) && valid.stdout.contains(hint), "{valid}");
        for args in READERS {
            let ran = place.run(args);
            assert!(ran.code == Some(2) && ran.stderr.contains(said) && ran.stderr.contains(hint), "{ran}");
        }
    }
    assert!(!place.path().join("jobs.db").exists(), "nothing was begun");
}

#[test]
fn an_action_that_is_not_known_is_taken_by_a_store_alone() {
    let place = Place::empty();
    place.write(
        "jobs.yaml",
        "kind: Timetable\nnamespace: n\njobs:\n- { name: a, when: '@daily', run: { action: nope, x: 1 } }\n",
    );
    let said = "jobs.yaml:4:45: there is no action `nope`";
    let valid = place.run(&["schedule", "validate", "jobs.yaml"]);
    assert!(valid.code == Some(2) && valid.stdout.contains(said), "{valid}");
    for args in [READERS[3], READERS[5]] {
        let ran = place.run(args);
        assert!(ran.code == Some(2) && ran.stderr.contains(&format!("error: {said}")), "{ran}");
    }
    let planned = place.run(READERS[0]).done();
    assert!(planned.stderr.contains(&format!("warning: {said}\nhint: the store takes it")), "{planned}");
    place.run(READERS[4]).done();
}

#[test]
fn a_step_that_may_not_be_meant_is_warned_about_wherever_a_timetable_is_gone_on_with() {
    let place = Place::empty();
    place.write(
        "jobs.yaml",
        "kind: Timetable\nnamespace: n\njobs:\n- { name: a, when: '*/45 * * * *', run: { command: 'true' } }\n",
    );
    let said = "warning: jobs.yaml:4:20: `*/45` fires at";
    let valid = place.run(&["schedule", "validate", "jobs.yaml"]).done();
    assert!(valid.stdout.contains(said) && valid.stdout.ends_with("0 errors, 1 warning\n"), "{valid}");
    for args in [READERS[0], READERS[3]] {
        let ran = place.run(args).done();
        assert!(ran.stderr.contains(said), "{ran}");
    }
    assert_eq!(place.run(READERS[1]).code, Some(3));
}

#[test]
fn sql_that_names_no_cluster_is_refused_where_none_is_named() {
    let place = Place::empty();
    place.write(
        "jobs.yaml",
        "kind: Timetable\nnamespace: n\njobs:\n- { name: a, when: '@daily', run: { sql: VACUUM } }\n",
    );
    let ran = place.run(READERS[5]);
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.stderr.contains("jobs.yaml:4:35: job `a` works on a cluster, and none is named"), "{ran}");
    place.run(READERS[0]).done();
}

/// A scheduler of stored jobs that has begun, and what it says.
fn start(place: &Place, more: &[&str]) -> (Child, std::io::Lines<BufReader<ChildStderr>>) {
    let args = [&["run", "--namespace", "weather"], &STATE[..], more].concat();
    let mut child = place.command(&args).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    until(&mut lines, "running the stored jobs of weather");
    (child, lines)
}

fn until(lines: &mut impl Iterator<Item = std::io::Result<String>>, text: &str) -> String {
    lines.map(Result::unwrap).find(|line| line.contains(text)).unwrap_or_else(|| panic!("it never said `{text}`"))
}

fn end(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn stored_jobs_run_and_what_is_not_listed_is_refused() {
    let place = Place::with_jobs(TIMETABLE);
    let ticking = |run: &str| {
        format!("kind: Timetable\nnamespace: weather\njobs:\n- {{ name: tick, when: '@every 1s', run: {run} }}\n")
    };
    place.write("jobs.yaml", &ticking("{ action: history, keep: 20 years }"));
    apply(&place, &[]).done();
    let (child, mut lines) = start(&place, &[]);
    until(&mut lines, "succeeded");
    // Somebody edits the row.
    let edit = "UPDATE clusterkeep_scheduler_schedules SET spec = '{\"name\":\"tick\",\"when\":\"@every 1s\",\
                \"zone\":\"UTC\",\"run\":{\"command\":\"touch owned\"},\"overlap\":\"skip\",\"misfire\":\"latest\"}', \
                changed = (SELECT last + 1 FROM clusterkeep_scheduler_changes)";
    for statement in [edit, "UPDATE clusterkeep_scheduler_changes SET last = last + 1"] {
        place.run(&["query", "--cluster", "sqlite://jobs.db", "--write", statement]).done();
    }
    let refused = until(&mut lines, "refused");
    assert!(refused.contains("targets of the kind command"), "{refused}");
    end(child);
    let history = place.schedule(&["history", "--failed", "--limit", "1"]).done();
    assert!(history.stdout.contains("may not use targets of the kind command"), "{history}");
    assert!(!place.path().join("owned").exists(), "it was not run");
    // A file that others may write says nothing.
    place.write("allow.yaml", "kind: Permissions\nnamespaces: { weather: { targets: [command] } }\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(place.path().join("allow.yaml"), mode).unwrap();
    let open = place.run(&[&["run", "--namespace", "weather", "--allow", "allow.yaml"], &STATE[..]].concat());
    assert_eq!(open.code, Some(4), "{open}");
    let missing = place.run(&[&["run", "--namespace", "weather", "--allow", "none.yaml"], &STATE[..]].concat());
    assert_eq!(missing.code, Some(2), "{missing}");
    snapshot!("table_allow_unknown", {
        place.write("wrong.yaml", "kind: Permissions\nnamespaces: { weather: { targets: [shell] } }\n");
        place.run(&[&["run", "--namespace", "weather", "--allow", "wrong.yaml"], &STATE[..]].concat())
    });
}

#[test]
fn stored_jobs_tell_the_sinks_of_the_machine_that_runs_them() {
    let place = Place::with_jobs(TIMETABLE);
    place.write(
        "jobs.yaml",
        "kind: Timetable\nnamespace: weather\nnotify: [{ on: success, to: pager, text: 'by {{ job }}' }]\njobs:\n- { name: tick, \
         when: '@every 1s', run: { action: history, keep: 20 years } }\n",
    );
    // It is for a store alone: a file of its own would need the sink.
    let valid = place.run(&["schedule", "validate", "jobs.yaml"]).done();
    assert!(valid.stdout.contains("warning: jobs.yaml:3:") && valid.stdout.contains("no sink `pager`"), "{valid}");
    assert_eq!(place.run(&["run", "-f", "jobs.yaml", "--state", "memory:"]).code, Some(2));
    let applied = apply(&place, &[]).done();
    assert!(applied.stderr.contains("a store keeps no sinks"), "{applied}");
    let (child, mut lines) = start(&place, &[]);
    let refused = until(&mut lines, "refused");
    assert!(refused.contains("the sink `pager`"), "{refused}");
    end(child);
    place.write(
        "allow.yaml",
        "kind: Permissions\nnamespaces: { weather: { sinks: [pager] } }\nsinks:\n  pager: { command: [/bin/sh, -c, 'cat >> told'] }\n",
    );
    let (child, mut lines) = start(&place, &["--allow", "allow.yaml"]);
    until(&mut lines, "succeeded");
    for _ in 0..200 {
        if place.path().join("told").exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    end(child);
    assert!(std::fs::read_to_string(place.path().join("told")).unwrap().starts_with("by tick\n"));
    // What the store has, written down again, is the same, and names the sink.
    let exported = place.schedule(&["export", "timetable"]).done();
    assert!(exported.stdout.contains("pager"), "{exported}");
    place.write("again.yaml", &exported.stdout);
    place.schedule(&["plan", "-f", "again.yaml", "--exit-code"]).done();
    // Who has made the job is in its history.
    let history = place.schedule(&["history", "tick", "--limit", "1", "--format", "json"]).done().json();
    assert!(history[0]["source"]["by"].as_str().unwrap().contains('@'), "{history}");
    assert!(history[0]["source"]["origin"].as_str().unwrap().ends_with("jobs.yaml"), "{history}");
    let mode = std::fs::metadata(place.path().join("jobs.db")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o077, 0, "what jobs write is nobody else's");
}

/// The example, on a smaller table than the demo's.
#[test]
fn the_retention_of_the_demo_out_of_a_store() {
    let place = Place::with_weather();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/stored");
    for name in ["timetable.yaml", "retention.yaml", "permissions.yaml"] {
        place.write(name, &std::fs::read_to_string(format!("{folder}/{name}")).unwrap());
    }
    place.write("jobs.yaml", &std::fs::read_to_string(format!("{folder}/timetable.yaml")).unwrap());
    place.run(&["schedule", "validate", "jobs.yaml"]).done();
    apply(&place, &[]).done();
    let rows = place.value("SELECT count(*) FROM observations");
    let cluster = ["--cluster", crate::support::DB, "-f", "retention.yaml"];
    let (child, mut lines) = start(&place, &cluster);
    place.schedule(&["trigger", "nightly"]).done();
    let refused = until(&mut lines, "refused");
    assert!(refused.contains("the manifest `weather`"), "{refused}");
    end(child);
    assert_eq!(place.value("SELECT count(*) FROM observations"), rows, "nothing went");
    let (child, mut lines) = start(&place, &[&cluster[..], &["--allow", "permissions.yaml"]].concat());
    place.schedule(&["trigger", "nightly"]).done();
    until(&mut lines, "succeeded");
    end(child);
    // All of it is older than 90 days but for the newest slice.
    assert_eq!(place.value("SELECT count(DISTINCT time_hour / 86400) <= 2 FROM observations"), "1");
    assert_eq!(place.value("SELECT count(*) > 700 FROM observations_daily"), "1");
}

#[test]
fn a_namespace_is_taken_up_while_its_scheduler_runs() {
    let place = Place::with_jobs(TIMETABLE);
    let (child, mut lines) = start(&place, &[]);
    place.write(
        "jobs.yaml",
        "kind: Timetable\nnamespace: weather\njobs:\n- { name: tick, when: '@every 1s', run: { action: history, keep: 20 \
         years } }\n",
    );
    apply(&place, &[]).done();
    until(&mut lines, "tick 20");
    until(&mut lines, "succeeded");
    end(child);
    let namespaces = place.schedule(&["namespaces"]).done();
    assert!(namespaces.stdout.contains("weather"), "{namespaces}");
}
