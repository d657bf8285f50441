//! `schedule import` and `export`: other schedulers' jobs as a timetable, what is said of them, and back.

use crate::support::{Place, snapshot};

const CRONTAB: &str = "\
MAILTO=ops@example.org
PGPASSWORD=hunter2
# dump the weather
30 2 * * * /usr/local/bin/dump > /tmp/$(date +\\%F)
0,45 2 * * 0 report
@reboot /usr/bin/daemon
61 * * * * broken
";

const TIMER: &str = "\
# /etc/systemd/system/backup.timer
[Timer]
OnCalendar=Mon..Fri 02:30
Persistent=true
# /etc/systemd/system/backup.service
[Service]
User=backup
ExecStart=/usr/bin/backup --all
NoNewPrivileges=yes
";

#[test]
fn a_crontab_becomes_a_timetable_that_is_read_again() {
    let place = Place::empty();
    place.write("tab", CRONTAB);
    let import = ["schedule", "import", "crontab", "tab", "--from", "2026-01-01", "--namespace", "ops"];
    let ran = place.run(&[&import[..], &["--zone", "America/New_York", "--report"]].concat());
    assert_eq!(ran.code, Some(7), "{ran}");
    assert!(!ran.everything().contains("hunter2"), "{ran}");
    snapshot!("import_crontab", ran);
    let ran = place.run(&[&import[..], &["--output", "timetable.yaml"]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(7), ""), "{ran}");
    let again = place.run(&[&import[..], &["--output", "timetable.yaml"]].concat());
    assert_eq!(again.code, Some(2), "what is there is never written over: {again}");
    let next = ["schedule", "next", "dump", "-f", "timetable.yaml", "-n", "1", "--after", "2026-01-01"];
    assert!(place.run(&next).done().stdout.contains("02:30"));
    let mail =
        ["--mail", "smtps://ck@mail.example.org", "--mail-from", "ck@example.org", "--mail-password", "env:MAIL"];
    let mailed = place.run(&[&import[..], &mail, &["--output", "mailed.yaml"]].concat());
    assert!(mailed.code == Some(7) && !mailed.stderr.contains("not mailed"), "{mailed}");
    let text = std::fs::read_to_string(place.path().join("mailed.yaml")).unwrap();
    assert!(text.contains("    - mail\n") && text.contains("    - ops@example.org\n"), "{text}");
    place.run(&["schedule", "validate", "mailed.yaml"]).done();
    snapshot!("export_crontab", place.run(&["schedule", "export", "crontab", "-f", "timetable.yaml"]));
    snapshot!(
        "export_systemd",
        place.run(&["schedule", "export", "systemd", "-f", "timetable.yaml", "--job", "report"])
    );
    let none = place.run(&["schedule", "export", "kubernetes", "-f", "timetable.yaml"]);
    assert_eq!(none.code, Some(1), "{none}");
    assert!(none.stderr.contains("dump: left out: command is no container"), "{none}");
}

#[test]
fn a_timer_on_the_standard_input() {
    let place = Place::empty();
    place.write("units", TIMER);
    let args = ["schedule", "import", "systemd", "-", "--zone", "Europe/Berlin", "--from", "2026-01-01"];
    let units = std::fs::File::open(place.path().join("units")).unwrap();
    let ran = place.run_with(&args, |command| command.stdin(units)).done();
    snapshot!("import_systemd", ran);
    let json =
        place.run(&["schedule", "import", "systemd", "units", "--from", "2026-01-01", "--format", "json"]).json();
    assert_eq!(json["fires"][0]["there"], json["fires"][0]["same"]);
    assert_eq!(json["timetable"]["jobs"][0]["run"]["user"], "backup");
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let place = Place::empty();
    place.write("crontab", &"0 0 1 1 * clean-up\n".repeat(200));
    let import = ["schedule", "import", "crontab", "crontab", "--output", "jobs.yaml"];
    // The disk is full in the middle: who writes on is killed.
    let limited = std::process::Command::new("/bin/sh")
        .args(["-c", "ulimit -f 4; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_clusterkeep")])
        .args(import)
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(!limited.status.success());
    assert!(!place.path().join("jobs.yaml").exists());
    place.run(&import).done();
    assert!(std::fs::read_to_string(place.path().join("jobs.yaml")).unwrap().matches("- name: ").count() == 200);
    assert_eq!(place.run(&import).code, Some(2), "never over what is there");
}

const TASKS: &str = "\
meta: { namespace: foo }
tasks:
- meta: { id: clean }
  on: { schedule: [{ cron: '0 3 * * *' }] }
  steps: [{ uses: python-file, run: 'x.py:run' }]
- meta: { id: off, enabled: false }
  on: { schedule: [{ cron: '0 3 * * *' }] }
  steps: [{ uses: python-file, run: 'x.py:run' }]
";

#[test]
fn a_namespace_is_kept_and_never_made_up() {
    let place = Place::empty();
    place.write("tasks.yaml", TASKS);
    let tasks = place.run(&["schedule", "import", "supertask", "tasks.yaml"]);
    assert!(tasks.stdout.starts_with("kind: Timetable\nnamespace: foo\njobs:\n"), "{tasks}");
    assert_eq!(tasks.code, Some(7), "{tasks}");
    assert!(tasks.stderr.contains("tasks.yaml:6: refused: off: it is not enabled there"), "{tasks}");
    let named = place.run(&["schedule", "import", "supertask", "tasks.yaml", "--namespace", "bar"]);
    assert!(named.stdout.contains("\nnamespace: bar\n"), "{named}");
    // Two files without one are never in the same: neither takes the other's jobs out of a store.
    for (tab, file) in [("one", "one.yaml"), ("two", "two.yaml")] {
        place.write(tab, &format!("0 0 1 1 * {tab}\n"));
        place.run(&["schedule", "import", "crontab", tab, "--output", file]).done();
    }
    let plan =
        ["schedule", "plan", "-f", "one.yaml", "-f", "two.yaml", "--state", "sqlite://jobs.db", "--format", "json"];
    let plan = place.run(&plan).done();
    assert!(plan.stdout.contains("one-") && plan.stdout.contains("two-"), "{plan}");
    assert!(!std::fs::read_to_string(place.path().join("one.yaml")).unwrap().contains("namespace"));
}

#[test]
fn a_job_store_in_a_database() {
    let place = Place::empty();
    place.write("jobs.db", "");
    let write = |sql: &str| place.run(&["query", "--cluster", "sqlite://jobs.db", "--write", sql]).done();
    write("CREATE TABLE apscheduler_jobs (id VARCHAR(191) PRIMARY KEY, next_run_time FLOAT, job_state BLOB NOT NULL)");
    // The pickle of `os.system(\"id\")`, and one that is none.
    write(
        "INSERT INTO apscheduler_jobs VALUES ('evil', 1.0, x'636f730a73797374656d0a285802000000696474522e'), ('x', NULL, x'00')",
    );
    let ran = place.run(&["schedule", "import", "apscheduler", "sqlite://jobs.db"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.stderr.contains("the pickle names `os:system`") && ran.stdout.is_empty(), "{ran}");
    for (args, part) in [
        (&["sqlite://jobs.db", "--table", "nothing"][..], "no job store of APScheduler 3"),
        (&["-"], "a job store is a database"),
        (&["sqlite://nowhere.db"], "nowhere.db"),
    ] {
        let ran = place.run(&[&["schedule", "import", "apscheduler"], args].concat());
        assert!(matches!(ran.code, Some(1 | 2)) && ran.stderr.contains(part), "{ran}");
    }
}

#[test]
fn what_is_no_such_text_is_bad_input() {
    let place = Place::empty();
    place.write("empty", "");
    place.write("yaml", "a: [");
    place.write("bytes", "x");
    std::fs::write(place.path().join("bytes"), [0xff, 0xfe]).unwrap();
    for (args, code, part) in [
        (&["crontab", "missing"][..], 2, "read `missing`"),
        (&["crontab", "bytes"], 2, "no UTF-8"),
        (&["systemd", "empty"], 2, "there is no timer"),
        (&["kubernetes", "yaml"], 2, "yaml:"),
        (&["supertask", "yaml"], 2, "yaml:"),
        (&["airflow", "empty"], 2, "known are crontab"),
        (&["crontab", "empty"], 1, "nothing to import"),
        (&["crontab", "empty", "--zone", "Mars/Olympus"], 2, "Mars/Olympus"),
    ] {
        let ran = place.run(&[&["schedule", "import"], args].concat());
        assert_eq!(ran.code, Some(code), "{ran}");
        assert!(ran.stderr.contains(part), "{ran}");
    }
}
