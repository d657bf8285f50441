//! What is read from each format, against the programs that it is from, where they are to be had.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_scheduler::export::{self, export};
use clusterkeep_scheduler::import::{
    Format, Imported, MailServer, NoteLevel, Source, StoredJob, Surroundings, Why, import, import_apscheduler,
    task_file,
};
use clusterkeep_scheduler::{Fold, Gap, JobSpec, Misfire, Occasion, Overlap, Schedule, Target};
use clusterkeep_testkit::skip;

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn around(zone: &str) -> Surroundings {
    Surroundings::from(instant("2026-01-01T00:00:00Z")).zone(zone.parse().unwrap())
}

fn read(format: Format, name: &str, text: &str, zone: &str) -> Imported {
    import(format, &[Source { name: name.into(), text: text.into() }], &around(zone)).unwrap()
}

fn notes(imported: &Imported) -> Vec<(NoteLevel, &str)> {
    imported.notes.iter().map(|note| (note.level, note.text.as_str())).collect()
}

fn run(job: &JobSpec) -> serde_json::Value {
    serde_json::to_value(&job.run).unwrap()
}

fn says(imported: &Imported, level: NoteLevel, part: &str) -> bool {
    imported.notes.iter().any(|note| note.level == level && note.text.contains(part))
}

#[test]
fn a_crontab_with_all_that_it_may_hold() {
    let text = "\
MAILTO=ops@example.org
PGPASSWORD=hunter2
BASE=file:/etc/shadow
# dump the weather
30 2 * * * /usr/local/bin/dump | gzip > $(date +\\%F).gz
CRON_TZ=America/New_York
*/15 * * * * mail root%dear root%bye
@reboot /usr/bin/daemon
1 2 3
";
    let imported = read(Format::Crontab, "tab", text, "Europe/Berlin");
    let [dump, mail, daemon] = imported.jobs.as_slice() else { panic!("{:?}", notes(&imported)) };
    assert_eq!(dump.description.as_deref(), Some("dump the weather"));
    assert_eq!(run(dump)["command"], "/usr/local/bin/dump | gzip > $(date +%F).gz");
    assert_eq!(
        run(dump)["env"],
        serde_json::json!({ "PGPASSWORD": "env:PGPASSWORD" }),
        "no secret, no reference to a file"
    );
    assert_eq!((dump.gap, dump.fold, dump.misfire), (Some(Gap::RunAfter), Some(Fold::First), Misfire::Skip));
    assert!(matches!(dump.overlap, Overlap::Allow(_)));
    assert_eq!(run(mail)["stdin"], "dear root\nbye\n");
    assert_eq!(mail.zone.to_string(), "America/New_York");
    assert_eq!((mail.gap, mail.fold), (Some(Gap::Skip), Some(Fold::Both)));
    assert_eq!(daemon.when.to_string(), "@reboot");
    for (level, part) in [
        (NoteLevel::Lost, "not mailed to `ops@example.org`"),
        (NoteLevel::Differs, "`PGPASSWORD` looks like a secret"),
        (NoteLevel::Lost, "`BASE`: its value would be a reference"),
        (NoteLevel::Differs, "CRON_TZ"),
        (NoteLevel::Differs, "`@reboot`"),
        (NoteLevel::Refused, "neither a setting nor five fields"),
    ] {
        assert!(says(&imported, level, part), "{part}: {:?}", notes(&imported));
    }
    assert!(!format!("{imported:?}").contains("hunter2"));
    assert_eq!(imported.refused(), 1);
    let system = read(Format::SystemCrontab, "tab", "17 * * * * www-data cd / && run-parts /etc/cron.hourly\n", "UTC");
    assert_eq!(run(&system.jobs[0])["user"], "www-data");
}

#[test]
fn what_cron_makes_up_for_several_times_runs_once_here() {
    let imported = read(Format::Crontab, "tab", "0,30 2 * * * /bin/true\n", "America/New_York");
    let [fires] = imported.equivalences.as_slice() else { panic!("{imported:?}") };
    assert_eq!((fires.there, fires.here, fires.same), (7_304, 7_294, 7_294));
    let [difference] = fires.differences.as_slice() else { panic!("{fires:?}") };
    assert_eq!((difference.why, difference.count), (Why::Coalesced, 10));
    assert_eq!(difference.fires[0], instant("2026-03-08T07:00:00Z"));
}

/// Fires around the days on which New York's clock changes in 2026.
fn upcoming(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    let fires = schedule.upcoming(instant(from)).take(count);
    fires.map(|fire| fire.nominal.format("%m-%dT%H:%M").to_string()).collect()
}

/// What `CronExpression.getNextValidTimeAfter` of Quartz 2.5 has answered, on OpenJDK.
#[test]
fn quartz_as_quartz_itself_fires() {
    let gap = "2026-03-08T06:20:00Z";
    let fold = "2026-11-01T04:20:00Z";
    for (expression, from, expected) in [
        ("0 30 2 * * ?", gap, ["03-09T06:30", "03-10T06:30", "03-11T06:30", "03-12T06:30"]),
        ("0 0/15 * * * ?", gap, ["03-08T06:30", "03-08T06:45", "03-08T07:00", "03-08T07:15"]),
        ("0 0/15 2 * * ?", gap, ["03-09T06:00", "03-09T06:15", "03-09T06:30", "03-09T06:45"]),
        ("0 30 1 * * ?", fold, ["11-01T06:30", "11-02T06:30", "11-03T06:30", "11-04T06:30"]),
        ("0 0/15 * * * ?", fold, ["11-01T04:30", "11-01T04:45", "11-01T06:00", "11-01T06:15"]),
        ("0 10 0/1 * * ?", fold, ["11-01T06:10", "11-01T07:10", "11-01T08:10", "11-01T09:10"]),
    ] {
        let imported = read(Format::Quartz, "q", &format!("job {expression}\n"), "America/New_York");
        assert_eq!(upcoming(&imported.jobs[0].schedule().unwrap(), from, 4), expected, "{expression}");
        assert!(imported.equivalences[0].differences.is_empty(), "{expression}");
    }
    // The examples of its tutorial.
    for expression in [
        "0 0 12 * * ?",
        "0 15 10 ? * *",
        "0 15 10 * * ? *",
        "0 15 10 * * ? 2030",
        "0 * 14 * * ?",
        "0 0/5 14,18 * * ?",
        "0 0-5 14 * * ?",
        "0 10,44 14 ? 3 WED",
        "0 15 10 ? * MON-FRI",
        "0 15 10 15 * ?",
        "0 15 10 L * ?",
        "0 15 10 L-2 * ?",
        "0 15 10 ? * 6L",
        "0 15 10 ? * 6L 2026-2029",
        "0 15 10 ? * 6#3",
        "0 0 12 1/5 * ?",
        "0 11 11 11 11 ?",
        "0 0 9 15W * ?",
        "0 0 9 LW * ?",
        "0 0 9 1W * ?",
        "0 0 22-2 * * ?",
    ] {
        let imported =
            read(Format::Quartz, "q", &format!("a.{}.cronExpression = {expression}\n", "b"), "Europe/Vienna");
        let [fires] = imported.equivalences.as_slice() else { panic!("{expression}: {:?}", notes(&imported)) };
        assert!(fires.differences.is_empty() && fires.there > 0, "{expression}: {fires:?}");
    }
}

const TIMER: &str = "\
# /etc/systemd/system/backup.timer
[Timer]
OnCalendar=Mon..Fri 02:30 America/New_York
Persistent=true
RandomizedDelaySec=90s

# /etc/systemd/system/backup.service
[Unit]
Description=Back up
[Service]
User=backup
Environment=\"A=b c\" API_TOKEN=hunter2
ExecStart=/bin/old
# /etc/systemd/system/backup.service.d/override.conf
[Service]
ExecStart=
ExecStart=/usr/bin/backup --to '/srv/x y' \\
  %%d $$x
TimeoutStartSec=1h 30min
ProtectSystem=strict
";

#[test]
fn timers_with_their_services() {
    let imported = read(Format::Systemd, "-", TIMER, "UTC");
    let [job] = imported.jobs.as_slice() else { panic!("{:?}", notes(&imported)) };
    assert_eq!((job.name.as_str(), job.zone.to_string().as_str()), ("backup", "America/New_York"));
    assert_eq!(run(job)["exec"], serde_json::json!(["/usr/bin/backup", "--to", "/srv/x y", "%d", "$x"]));
    assert_eq!(run(job)["env"], serde_json::json!({ "A": "b c", "API_TOKEN": "env:API_TOKEN" }));
    assert_eq!(run(job)["user"], "backup");
    assert_eq!((job.gap, job.fold, job.misfire), (Some(Gap::Skip), Some(Fold::First), Misfire::Latest));
    assert_eq!(job.timeout.unwrap().to_string(), "90 minutes");
    assert_eq!(job.jitter.unwrap().to_string(), "90 seconds");
    assert!(imported.equivalences[0].differences.is_empty());
    assert!(says(&imported, NoteLevel::Lost, "ProtectSystem"), "{:?}", notes(&imported));
    let alone = read(Format::Systemd, "a.timer", "[Timer]\nOnCalendar=daily\n", "UTC");
    assert!(
        alone.jobs.is_empty() && says(&alone, NoteLevel::Refused, "`a.service` is not there"),
        "{:?}",
        notes(&alone)
    );
    assert!(import(Format::Systemd, &[Source { name: "x".into(), text: "[Unit]\n".into() }], &around("UTC")).is_err());
}

/// `systemd-analyze` says when an expression elapses, by the rules for a zone's changes that the timer has.
#[test]
fn timers_fire_when_systemd_says() {
    let ask = |expression: &str, base: &str| {
        let output = Command::new("systemd-analyze")
            .envs([("TZ", "UTC"), ("LC_ALL", "C")])
            .args(["calendar", "--iterations=12", &format!("--base-time={base} UTC"), expression])
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).unwrap();
        let fires =
            text.lines().filter(|line| line.contains("Next elapse:") || line.contains("Iter.")).filter_map(|line| {
                let (_, time) = line.split_once(": ")?;
                chrono::NaiveDateTime::parse_from_str(time.trim(), "%a %Y-%m-%d %H:%M:%S UTC").ok()
            });
        Some(fires.map(|at| at.and_utc()).collect::<Vec<_>>())
    };
    if ask("daily", "2026-01-01 00:00:00").is_none_or(|fires| fires.len() != 12) {
        skip::skip_without("systemd-analyze", "it is not on the PATH");
        return;
    }
    let bases = [
        ("America/New_York", ["2026-03-08 03:00:00", "2026-11-01 03:00:00"]),
        ("Europe/Berlin", ["2026-03-28 22:00:00", "2026-10-24 22:00:00"]),
        ("Australia/Lord_Howe", ["2026-10-03 12:00:00", "2026-04-04 12:00:00"]),
    ];
    for (zone, bases) in bases {
        for text in ["02:30", "*:0/15", "02:0/15", "01:30", "*-*-* 02:10", "hourly", "Sun 01..03:00", "daily", "*:30"] {
            for base in bases {
                let unit = format!("[Timer]\nOnCalendar={text} {zone}\n[Service]\nExecStart=/bin/true\n");
                let imported = read(Format::Systemd, "x.timer", &unit, "UTC");
                let [job] = imported.jobs.as_slice() else { panic!("{text}: {:?}", notes(&imported)) };
                let base_at = chrono::NaiveDateTime::parse_from_str(base, "%Y-%m-%d %H:%M:%S").unwrap().and_utc();
                let ours: Vec<_> =
                    job.schedule().unwrap().upcoming(base_at).take(12).map(|fire| fire.nominal).collect();
                assert_eq!(ours, ask(&format!("{text} {zone}"), base).unwrap(), "{text} {zone} from {base}");
                assert!(imported.equivalences[0].differences.is_empty(), "{text} {zone}");
            }
        }
    }
}

const TASKS: &str = "
meta: {type: supertask-timetable, version: 1}
tasks:
  - meta: {id: clean, name: Clean, description: Clean up, enabled: true}
    on: {schedule: [{cron: \"0 3 * * 0\"}, {cron: \"30 15 4 * * 0-2\"}]}
    steps: [{name: a, uses: python-entrypoint, run: \"tasks.clean:main\", args: [1], kwargs: {days: 3}, if: true}]
  - meta: {id: off, name: Off, description: x, enabled: false}
    on: {schedule: [{cron: \"0 3 * * *\"}]}
    steps: [{name: a, uses: python-file, run: \"x.py:run\"}]
  - meta: {id: two, name: Two, description: x, enabled: true}
    on: {schedule: [{cron: \"0 3 * * *\"}]}
    steps: [{name: a, uses: python-file, run: \"x.py:run\"}, {name: b, uses: python-file, run: \"y.py:run\"}]
";

#[test]
fn timetables_of_supertask() {
    let imported = read(Format::Supertask, "t.yaml", TASKS, "UTC");
    let names: Vec<_> = imported.jobs.iter().map(|job| (job.name.as_str(), job.when.to_string())).collect();
    // What it calls 0 is Monday, since `APScheduler` does.
    assert_eq!(
        names,
        [
            ("clean", "0 0 3 * * MON (quartz)".to_owned()),
            ("clean-2", "30 15 4 * * MON,TUE,WED (quartz)".to_owned()),
            ("two", "0 0 3 * * ? (quartz)".to_owned()),
            ("two-step-2", "after two, when it has succeeded".to_owned()),
        ]
    );
    assert!(imported.jobs.iter().all(|job| job.zone.to_string() == "Europe/Vienna" && job.overlap == Overlap::Allow(10.try_into().unwrap())));
    assert_eq!(
        run(&imported.jobs[0]),
        serde_json::json!({"python": "tasks.clean:main", "args": [1], "kwargs": {"days": 3}})
    );
    assert!(says(&imported, NoteLevel::Differs, "keeps the last alone"));
    assert!(says(&imported, NoteLevel::Differs, "counts from Monday as 0"));
    // What is off there is no job here, and counts as that.
    assert!(says(&imported, NoteLevel::Refused, "not enabled"));
    assert_eq!((imported.refused(), imported.namespace.as_deref()), (1, None));
    assert!(says(&imported, NoteLevel::Differs, "2 steps"));
    let lines: Vec<_> = imported.notes.iter().map(|note| (note.job.as_deref(), note.place.as_str())).collect();
    for of_task in [(Some("clean"), "t.yaml:4"), (Some("off"), "t.yaml:7"), (Some("two"), "t.yaml:10")] {
        assert!(lines.contains(&of_task), "{lines:?}");
    }
    assert!(imported.equivalences.iter().all(|fires| fires.differences.is_empty()), "{:?}", imported.equivalences);
    let python = "# /// script\n# dependencies = [\"x\"]\n# ///\n# /// task\n# cron = \"*/5 * * * *\" # often\n# [env]\n# A = 'b'\n\
                  # SECRET_TOKEN = \"hunter2\"\n# [options]\n# days = 3\n# dry = true\n# ///\ndef run(**kw): pass\n";
    let imported = read(Format::Supertask, "tasks/clean_up.py", python, "UTC");
    let [job] = imported.jobs.as_slice() else { panic!("{:?}", notes(&imported)) };
    assert_eq!(job.name.as_str(), "clean_up");
    assert_eq!(
        run(job),
        serde_json::json!({"python": "tasks/clean_up.py:run", "kwargs": {"days": 3, "dry": true},
        "env": {"A": "b", "SECRET_TOKEN": "env:SECRET_TOKEN"}})
    );
}

#[test]
fn the_namespace_of_supertask_is_kept() {
    let task = "tasks: [{meta: {id: ID}, on: {schedule: [{cron: \"0 3 * * *\"}]}, steps: [{uses: python-file, run: \"a.py:run\"}]}]\n";
    let source =
        |name: &str, head: &str| Source { name: name.into(), text: head.to_owned() + &task.replace("ID", name) };
    let read = |sources: &[Source]| import(Format::Supertask, sources, &around("UTC")).unwrap();
    let one = read(&[source("a", "meta: {version: 1, namespace: foo}\n")]);
    assert_eq!((one.namespace.as_deref(), one.jobs.len()), (Some("foo"), 1), "{:?}", notes(&one));
    let two =
        read(&[source("a", "meta: {namespace: foo}\n"), source("b", "meta: {namespace: bar}\n"), source("c", "")]);
    assert_eq!((two.namespace.as_deref(), two.jobs.len()), (Some("foo"), 3));
    assert!(says(&two, NoteLevel::Differs, "it was in the namespace `bar`, and is in `foo` now"), "{:?}", notes(&two));
    assert!(says(&read(&[source("a", "meta: {namespace: ' x'}\n")]), NoteLevel::Lost, "no name for a namespace"));
    let file = "# /// task\n# when = \"@daily\"\n# namespace = \"house\"\n# ///\ndef run(): pass\n";
    let of_file = read(&[Source { name: "x.py".into(), text: file.into() }]);
    assert_eq!(of_file.namespace.as_deref(), Some("house"), "{:?}", notes(&of_file));
    let error = import(Format::Supertask, &[Source { name: "t".into(), text: "meta: {}\n".into() }], &around("UTC"));
    assert!(error.unwrap_err().to_string().contains("it has no `tasks`"));
}

#[test]
fn task_files_say_when_they_run() {
    let task =
        |name: &str, text: &str| task_file(&Source { name: name.into(), text: text.into() }, &format!("/srv/{name}"));
    let python = "# /// task\n# when = \"@every 90s\"\n# namespace = \"house\"\n# timeout = \"5 min\"\n# retry = { attempts = 3 }\n\
                  # [options]\n# days = [1, 2]\n# [env]\n# API_TOKEN = \"hunter2\"\n# ///\ndef run(days): pass\n";
    let found = task("clean.py", python).unwrap().unwrap();
    assert_eq!((found.namespace.as_deref(), found.job.name.as_str()), (Some("house"), "clean"));
    assert_eq!(found.job.when.to_string(), "@every 90 seconds");
    assert!(found.job.timeout.is_some() && found.job.retry.is_some());
    assert_eq!(
        run(&found.job),
        serde_json::json!({"python": "/srv/clean.py:run", "kwargs": {"days": [1, 2]}, "env": {"API_TOKEN": "hunter2"}})
    );
    assert!(
        found.notes[0].text.contains("plain text") && !found.notes[0].text.contains("hunter2"),
        "{:?}",
        found.notes
    );
    let rust = "#!/usr/bin/env cargo\n---cargo\n[package.metadata.task]\nwhen = \"30 3 * * *\"\nzone = \"Europe/Berlin\"\n\
                args = [\"--days\", \"3\"]\n[dependencies]\n---\nfn main() {}\n";
    let found = task("load.rs", rust).unwrap().unwrap();
    assert_eq!(run(&found.job), serde_json::json!({"rust": "/srv/load.rs", "args": ["--days", "3"]}));
    assert_eq!((found.job.zone.to_string(), found.namespace), ("Europe/Berlin".to_owned(), None));
    let imported = read(Format::Supertask, "load.rs", rust, "UTC");
    assert_eq!(run(&imported.jobs[0])["rust"], "load.rs", "{:?}", notes(&imported));
    for (name, text) in
        [("a.py", "x = 1\n"), ("a.rs", "fn main() {}\n"), ("a.rs", "---\n[dependencies]\n---\nfn main() {}\n")]
    {
        assert_eq!(task(name, text).unwrap(), None, "{text}");
    }
    for (name, text, part) in [
        ("a.py", "\n# /// task\n# when = @daily\n# ///\n", "a.py:3:10: its inline metadata is no TOML"),
        ("a.py", "# /// task\n# when = \"61 * * * *\"\n# ///\n", "a.py:2:10: "),
        ("a.py", "# /// task\n# whem = \"@daily\"\n# ///\n", "a.py:2:1: its metadata does not say when"),
        ("a.py", "# /// task\n# when = \"@daily\"\n# zonne = \"UTC\"\n# ///\n", "a.py:3:3: unknown field `zonne`"),
        (
            "a.py",
            "# /// task\n# when = \"@daily\"\n# zone = \"UTC\"\n# [retry]\n# attempts = 0\n# ///\n",
            "a.py:5:14: 0 is too few",
        ),
        (
            "a.py",
            "# /// task\n# when = \"@daily\"\n# cwd = \"/\"\n# grace = \"5\"\n# ///\n",
            "a.py:4:11: `run` of Python: age `5` has no unit",
        ),
        (
            "a.py",
            "# /// task\n# when = \"@daily\"\n# zone = \"UTC\"\n# timeout = \"1 month\"\n# ///\n",
            "a.py:4:13: interval `1 month` has no fixed length",
        ),
        (
            "a.py",
            "# /// task\n# when = \"@daily\"\n# run = \"x\"\n# ///\n",
            "a.py:3:9: its metadata has `run`, and what runs is the file itself",
        ),
        ("a.py", "# /// task\n# when = \"@daily\"\n", "has no end"),
        ("a.rs", "---\n[package.metadata.task]\ncron = \"@daily\"\n---\n", "supertask's"),
        (
            "a.rs",
            "---\n[package.metadata.task]\nwhen = \"@daily\"\noptions = {}\n---\n",
            "a.rs:4:11: `options` are for a function of Python",
        ),
        ("a.rs", "---\n[package\n---\n", "a.rs:2:9: its inline metadata is no TOML"),
    ] {
        let error = task(name, text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn steps_that_may_not_be_meant_are_remarked_upon() {
    let tab = read(Format::Crontab, "tab", "*/45 * * * * a\n", "UTC");
    assert!(says(&tab, NoteLevel::Hint, "not every 45 minutes"), "{:?}", notes(&tab));
    let text = "# /// task\n#\n# when = \"*/45 * * * *\"\n# ///\n";
    let found = task_file(&Source { name: "a.py".into(), text: text.into() }, "/srv/a.py").unwrap().unwrap();
    assert_eq!(found.notes[0].place, "a.py:3");
}

#[test]
fn what_cron_mails_is_mailed_where_there_is_a_server() {
    let text =
        "MAILTO=ops@example.org, second@example.org\n0 1 * * * a\nMAILTO=root\n0 2 * * * b\nMAILTO=\n0 3 * * * c\n";
    let source = Source { name: "tab".into(), text: text.into() };
    let server = MailServer {
        server: "smtps://ck@mail.example.org".into(),
        from: "ck@example.org".into(),
        password: Some("env:MAIL".parse().unwrap()),
    };
    let around = around("UTC").mail(server);
    let imported = import(Format::Crontab, &[source], &around).unwrap();
    let sinks = serde_json::to_value(&imported.sinks).unwrap();
    assert_eq!(sinks["mail"]["mail"], serde_json::json!(["ops@example.org", "second@example.org"]));
    assert_eq!(sinks["mail"]["password"], "env:MAIL");
    let told: Vec<_> = imported.jobs.iter().map(|job| job.notify.as_deref().map(|rules| rules[0].on.clone())).collect();
    assert_eq!(told, [Some(vec![Occasion::Output]), None, None]);
    assert!(says(&imported, NoteLevel::Lost, "not mailed to `root`"), "{:?}", notes(&imported));
}

#[test]
fn what_cron_leaves_running_stays() {
    let text = "@reboot /usr/bin/daemon --x &\n@daily a && b\n@daily a 2>&1\n@daily (a) & \n";
    let imported = read(Format::Crontab, "tab", text, "UTC");
    let left: Vec<_> = imported.jobs.iter().map(|job| run(job).get("leftover").cloned()).collect();
    assert_eq!(left, [Some("stay".into()), None, None, Some("stay".into())]);
}

fn rows() -> Vec<StoredJob> {
    let lines = include_str!("data/apscheduler_jobs.tsv").lines().filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        let parts: Vec<&str> = line.split('\t').collect();
        let state = base64::engine::general_purpose::STANDARD.decode(parts[2]).unwrap();
        StoredJob { id: parts[0].to_owned(), next_run_time: parts[1].parse().ok(), state }
    };
    lines.map(row).collect()
}

#[test]
fn a_job_store_of_apscheduler_is_read_as_data() {
    let imported = import_apscheduler(&rows(), &around("UTC"));
    let whens: Vec<_> = imported.jobs.iter().map(|job| format!("{}: {}", job.name, job.when)).collect();
    assert_eq!(
        whens,
        [
            "either: any of (0 0 5 * * ? (quartz) | 0 0 6 L * ? (quartz))",
            "nightly: 0 30 2 * * ? (quartz)",
            "odd: 0 0 */4,9-17 ? 1-3,12 6L (quartz)",
            "once: @at 2029-12-31T23:00:00Z",
            "six: @every 6 hours from 2026-01-01T02:00:00Z",
        ]
    );
    assert!(says(&imported, NoteLevel::Refused, "`datetime:date`"));
    assert!(says(&imported, NoteLevel::Refused, "week `1-10`"));
    let nightly = imported.jobs.iter().find(|job| job.name.as_str() == "nightly").unwrap();
    assert_eq!((nightly.gap, nightly.fold), (Some(Gap::Shift), Some(Fold::Both)));
    assert!(imported.equivalences.iter().all(|fires| fires.differences.is_empty() && fires.there > 0));
    let Target::Python(either) = &imported.jobs[0].run else { panic!() };
    assert_eq!(either.kwargs["indent"], 2);
    // Whatever a byte of it is changed to, nothing but an answer comes of it.
    let row = rows().into_iter().find(|row| row.id == "once").unwrap();
    for index in 0..row.state.len() {
        for byte in [0, b'R', b'c', 0x93, 0xff] {
            let mut state = row.state.clone();
            state[index] = byte;
            let changed = import_apscheduler(&[StoredJob { state, ..row.clone() }], &around("UTC"));
            assert!(changed.jobs.len() + changed.refused() == 1, "{index} {byte}");
        }
    }
}

/// `APScheduler` itself, around changes of Vienna's clock and over years.
#[test]
fn apscheduler_fires_when_it_says_itself() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/crons/bin/python");
    let python = std::env::var("CLUSTERKEEP_CRONS").unwrap_or_else(|_| kept.to_str().unwrap().to_owned());
    if !Command::new(&python).args(["-c", "import apscheduler"]).output().is_ok_and(|output| output.status.success()) {
        skip::skip_without("crons", "no APScheduler in target/crons, nor by the interpreter at CLUSTERKEEP_CRONS");
        return;
    }
    let mut overlooked = false;
    for (text, from, until) in [
        ("0 0 1 * *", "2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z"),
        ("30 2 * * *", "2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
        ("30 2 * * 0", "2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
        ("15 2,3 * * *", "2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
        ("30 1,2 * * *", "2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
        ("0 3 13 * mon-fri", "2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
        ("0 */6 1-7 * *", "2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
        ("*/15 * * * *", "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z"),
        ("*/15 * * * *", "2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z"),
        ("5-55/10 1-4 * * *", "2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z"),
        ("0 0 last * *", "2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
    ] {
        let tasks = format!(
            "tasks: [{{meta: {{id: a}}, on: {{schedule: [{{cron: \"{text}\"}}]}}, steps: [{{uses: python-file, run: \"a.py:run\"}}]}}]"
        );
        let imported = read(Format::Supertask, "t.yaml", &tasks, "UTC");
        let [job] = imported.jobs.as_slice() else { panic!("{text}: {:?}", notes(&imported)) };
        let (from, until) = (instant(from), instant(until));
        let schedule = job.schedule().unwrap();
        let ours: Vec<i64> = schedule
            .upcoming(from - TimeDelta::nanoseconds(1))
            .map(|fire| fire.nominal)
            .take_while(|at| *at < until)
            .map(|at| at.timestamp())
            .collect();
        let mut child = Command::new(&python)
            .args([concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/oracle.py"), "--list"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(
            child.stdin.take().unwrap(),
            "apscheduler\tEurope/Vienna\t{text}\t{}\t{}\t1000000",
            from.timestamp(),
            until.timestamp()
        )
        .unwrap();
        let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let theirs: Vec<i64> = output.lines().map(|line| line.parse().unwrap_or_else(|_| panic!("{line}"))).collect();
        // What it overlooks the report names; nothing else differs.
        let known = |at: &i64| {
            imported.equivalences[0].differences.iter().any(|difference| {
                difference.why == Why::Overlooked && difference.fires.iter().any(|fire| fire.timestamp() == *at)
            })
        };
        let at = |at: &i64| DateTime::from_timestamp(*at, 0).unwrap();
        let here: Vec<_> = ours.iter().filter(|at| !theirs.contains(at) && !known(at)).map(at).collect();
        let there: Vec<_> = theirs.iter().filter(|at| !ours.contains(at)).map(at).collect();
        assert!(here.is_empty() && there.is_empty(), "{text}: {here:?} here alone, {there:?} there alone");
        assert!(
            imported.equivalences[0].differences.iter().all(|difference| difference.why == Why::Overlooked),
            "{text}"
        );
        overlooked |= ours != theirs;
    }
    assert!(overlooked, "it does not run on 1 April what runs on the first of each month");
}

const CRON_JOB: &str = "
apiVersion: batch/v1
kind: CronJob
metadata: {name: hello}
spec:
  schedule: \"30 2 */2 * MON\"
  timeZone: America/New_York
  concurrencyPolicy: Replace
  startingDeadlineSeconds: 200
  suspend: true
  jobTemplate:
    spec:
      backoffLimit: 2
      template:
        spec:
          serviceAccountName: x
          containers:
          - {name: c, image: \"busybox:1.28\", command: [/bin/echo], args: [\"$(WHO) $$(WHO) $(id) $X\"],
             env: [{name: WHO, value: world}, {name: PW, valueFrom: {secretKeyRef: {name: s, key: k}}}]}
---
kind: ConfigMap
metadata: {name: c}
";

#[test]
fn cron_jobs_of_kubernetes() {
    let imported = read(Format::Kubernetes, "k.yaml", CRON_JOB, "UTC");
    let [job] = imported.jobs.as_slice() else { panic!("{:?}", notes(&imported)) };
    assert_eq!(
        run(job),
        serde_json::json!({"container": "busybox:1.28", "entrypoint": ["/bin/echo"], "command": ["world $(WHO) $(id) $X"],
        "env": {"WHO": "world", "PW": "env:PW"}})
    );
    assert_eq!((job.gap, job.fold, job.overlap), (Some(Gap::Skip), Some(Fold::Both), Overlap::Replace));
    assert_eq!(job.retry.unwrap().attempts.get(), 3);
    assert!(matches!(job.misfire, Misfire::All { .. }));
    assert!(
        imported.equivalences[0].differences.is_empty() && imported.equivalences[0].there > 1_000,
        "{:?}",
        imported.equivalences
    );
    for (level, part) in
        [(NoteLevel::Differs, "suspended"), (NoteLevel::Lost, "serviceAccountName"), (NoteLevel::Hint, "ConfigMap")]
    {
        assert!(says(&imported, level, part), "{part}: {:?}", notes(&imported));
    }
    assert!(import(Format::Kubernetes, &[Source { name: "k".into(), text: "a: [".into() }], &around("UTC")).is_err());
}

/// What is written for another program and read back is the same job.
#[test]
fn there_and_back() {
    let tab = "CRON_TZ=Europe/Berlin\n30 2 * * 1-5 date +\\%F > /tmp/x%a%b\n*/20 * * * * poll\n";
    let jobs = read(Format::Crontab, "t", tab, "UTC").jobs;
    let out = export(export::Format::Crontab, &jobs);
    assert!(out.lost.is_empty(), "{:?}", out.lost);
    assert!(out.text.contains("\n30 2 * * 1-5 date +\\%F > /tmp/x%a%b\n"), "{}", out.text);
    let again = read(Format::Crontab, "t", &out.text, "UTC").jobs;
    let told = |jobs: &[JobSpec]| {
        let mut jobs = jobs.to_vec();
        jobs.iter_mut().for_each(|job| job.description = None);
        jobs
    };
    assert_eq!(told(&again), told(&jobs));

    let timers = read(Format::Systemd, "-", TIMER, "UTC").jobs;
    let out = export(export::Format::Systemd, &timers);
    let again = read(Format::Systemd, "-", &out.text, "UTC").jobs;
    let secretless = |jobs: &[JobSpec]| {
        jobs.iter()
            .map(|job| (job.when.clone(), job.zone.clone(), job.gap, job.fold, run(job)["exec"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(secretless(&again), secretless(&timers), "{}", out.text);
    assert!(out.lost.iter().any(|lost| lost.text.contains("API_TOKEN")), "{:?}", out.lost);

    let cron_jobs = read(Format::Kubernetes, "k", CRON_JOB, "UTC").jobs;
    let out = export(export::Format::Kubernetes, &cron_jobs);
    let again = read(Format::Kubernetes, "k", &out.text, "UTC").jobs;
    assert_eq!(run(&again[0])["command"], run(&cron_jobs[0])["command"]);
    assert_eq!(
        (&again[0].when, &again[0].misfire, &again[0].overlap),
        (&cron_jobs[0].when, &cron_jobs[0].misfire, &cron_jobs[0].overlap)
    );
}

/// Each of several times is a line of its own, where that means the same.
#[test]
fn several_times_are_written_one_by_one() {
    let job = |when: &str| {
        let text = format!(
            r#"{{"name": "a", "when": {when}, "overlap": {{"allow": 9}}, "misfire": "skip", "run": {{"command": "x"}}}}"#
        );
        serde_json::from_str::<JobSpec>(&text).unwrap()
    };
    let written = |format, when: &str| export(format, &[job(when)]);
    let out = written(export::Format::Systemd, r#""@at 2030-01-01T12:00:00.5Z""#);
    assert!(out.text.contains("[Timer]\nOnCalendar=2030-01-01 12:00:00.500 UTC\nAcc"), "{}", out.text);
    let any = r#"{"any": ["30 6 * * 1-5", {"any": ["0 18 * * 1-5", {"quartz": "0 0 9 ? * SAT"}]}]}"#;
    let out = written(export::Format::Systemd, any);
    let again = read(Format::Systemd, "-", &out.text, "UTC");
    assert_eq!(
        upcoming(&again.jobs[0].schedule().unwrap(), "2026-01-01T00:00:00Z", 50),
        upcoming(&job(any).schedule().unwrap(), "2026-01-01T00:00:00Z", 50),
        "{}",
        out.text
    );
    assert!(out.text.matches("OnCalendar=").count() == 3);
    let out = written(export::Format::Crontab, any);
    assert!(out.text.ends_with("# a\nCRON_TZ=UTC\n30 6 * * 1-5 x\n0 18 * * 1-5 x\n0 9 * * SAT x\n"), "{}", out.text);
    assert!(out.lost.is_empty(), "{:?}", out.lost);
    for (format, when, part) in [
        (export::Format::Crontab, r#"{"any": ["0 6 * * *", "0 6 * * MON"]}"#, "come together"),
        (export::Format::Crontab, r#"{"any": ["0 6 * * *", "@every 7h"]}"#, "`@every 7 hours` is no cron expression"),
        (export::Format::Systemd, r#"{"any": ["0 6 * * *", "@every 7h"]}"#, "`@every 7 hours` can't be said"),
        (export::Format::Crontab, r#""@at 2030-01-01T12:00:00Z""#, "is no cron expression"),
    ] {
        let out = written(format, when);
        assert!(out.written == 0 && out.lost[0].text.contains(part), "{when}: {:?}", out.lost);
    }
}

#[test]
fn what_can_t_be_said_elsewhere_is_named() {
    let job = |text: &str| serde_json::from_str::<JobSpec>(text).unwrap();
    let lost = |format, text: &str| {
        let out = export(format, &[job(text)]);
        (out.written, out.lost.into_iter().map(|lost| lost.text).collect::<Vec<_>>().join("; "))
    };
    for (format, text, written, part) in [
        (
            export::Format::Crontab,
            r#"{"name": "a", "when": "@every 90 min", "run": {"command": "x"}}"#,
            0,
            "is no cron expression",
        ),
        (
            export::Format::Crontab,
            r#"{"name": "a", "when": "0 0 L * *", "run": {"command": "x"}}"#,
            0,
            "do not take `L`",
        ),
        (
            export::Format::Crontab,
            r#"{"name": "a", "when": "30 0 0 * * *", "run": {"command": "x"}}"#,
            0,
            "seconds `30`",
        ),
        (
            export::Format::Crontab,
            r#"{"name": "a", "when": {"quartz": "0 0 0 13 * FRI"}, "run": {"command": "x"}}"#,
            0,
            "means other days",
        ),
        (
            export::Format::Crontab,
            r#"{"name": "a", "when": "@daily", "run": {"action": "x"}}"#,
            0,
            "action is no command",
        ),
        (
            export::Format::Crontab,
            r#"{"name": "a", "when": "@daily", "run": {"command": "x"}, "timeout": "5 min"}"#,
            1,
            "`timeout`",
        ),
        (
            export::Format::Crontab,
            r#"{"name": "a", "when": "0 2 * * *", "zone": "Europe/Berlin", "gap": "skip", "run": {"command": "x"}}"#,
            1,
            "skipped here",
        ),
        (export::Format::Systemd, r#"{"name": "a", "when": "0 0 15W * *", "run": {"command": "x"}}"#, 0, "days of"),
        (
            export::Format::Systemd,
            r#"{"name": "a b", "when": "@daily", "run": {"command": "x"}}"#,
            0,
            "name of a unit: letters",
        ),
        (
            export::Format::SystemCrontab,
            r#"{"name": "a", "when": "@daily", "run": {"command": "root evil", "user": "a b"}}"#,
            0,
            "its user \"a b\"",
        ),
        (
            export::Format::Crontab,
            r#"{"name": "a", "when": "@daily", "run": {"command": "date +\\%F"}}"#,
            0,
            "a backslash in front of `%`",
        ),
        (
            export::Format::Systemd,
            r#"{"name": "a", "when": "@daily", "run": {"exec": ["+sh", "-c", "x"], "user": "nobody"}}"#,
            0,
            "begins with a character",
        ),
        (
            export::Format::Systemd,
            r#"{"name": "a", "when": "@daily", "run": {"command": "x", "cwd": "/a\\"}}"#,
            0,
            "a backslash",
        ),
        (
            export::Format::Kubernetes,
            r#"{"name": "A", "when": "@daily", "run": {"container": "x"}}"#,
            0,
            "none that Kubernetes takes",
        ),
        (export::Format::Kubernetes, r#"{"name": "a", "when": "0 0 * * 7", "run": {"container": "x"}}"#, 0, "above 6"),
        (
            export::Format::Kubernetes,
            r#"{"name": "a", "when": "@daily", "except": ["SAT"], "run": {"container": "x"}}"#,
            0,
            "does not run",
        ),
    ] {
        let (count, text_lost) = lost(format, text);
        let part = if part.starts_with("name of") { "none of a unit" } else { part };
        assert_eq!(count, written, "{text}: {text_lost}");
        assert!(text_lost.contains(part), "{text}: {text_lost}");
    }
    // A command can't break out of its line.
    let evil = r#"{"name": "a", "when": "@daily", "run": {"command": "x", "cwd": "/a\n* * * * * evil"}}"#;
    assert_eq!(export(export::Format::Crontab, &[job(evil)]).written, 0);
    let evil = r#"{"name": "a", "when": "@daily", "description": "x\n* * * * * evil", "run": {"command": "x\n* * * * * evil"}}"#;
    let out = export(export::Format::Crontab, &[job(evil)]);
    assert_eq!(out.written, 0);
    let evil = r#"{"name": "a", "when": "@daily", "description": "x\n[Service]", "run": {"exec": ["x", "\n[Install]\nb=c %i $HOME"]}}"#;
    let out = export(export::Format::Systemd, &[job(evil)]);
    assert!(out.text.contains(r#"ExecStart=x "\n[Install]\nb=c %%i $$HOME""#), "{}", out.text);
    assert!(!out.text.contains("\n[Service]\nType=oneshot\nExecStart=x\n"));
    let evil = r#"{"name": "a", "when": {"calendar": "Mon..Fri\n10:00"}, "run": {"command": "x"}}"#;
    assert!(export(export::Format::Systemd, &[job(evil)]).text.contains("\nOnCalendar=Mon..Fri 10:00 UTC\n"));
}
