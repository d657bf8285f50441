//! `cluster shell`: with `-c`, on a pipe, and at a prompt.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{DB, Place, Ran, snapshot, terminal};

fn shell(place: &Place, args: &[&str]) -> Ran {
    place.run(&[&["cluster", "shell", "--cluster", DB], args].concat())
}

fn piped(place: &Place, args: &[&str], text: &str) -> Ran {
    let args = [&["cluster", "shell", "--cluster", DB], args].concat();
    let mut command = place.command(&args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have ended before it has read everything.
    child.stdin.take().unwrap().write_all(text.as_bytes()).ok();
    Ran::of(&args, child.wait_with_output().unwrap())
}

#[test]
fn statements_of_the_command_line() {
    let place = Place::with_weather();
    let count = "SELECT origin, count(*) AS hours FROM observations GROUP BY 1";
    let runs = [
        shell(&place, &["-c", count]),
        shell(&place, &["-c", "SELECT 1 AS a; SELECT ';' AS b", "-c", "SELECT 3 AS c", "--format", "csv"]),
        shell(&place, &["-c", "\\d", "--format", "csv"]),
        shell(&place, &["-c", "\\d observations", "--format", "csv"]),
        shell(&place, &["-c", "\\d observatoins"]),
        shell(&place, &["-c", "\\x"]),
        shell(&place, &["-c", "\\format tabel"]),
        shell(&place, &["-c", " -- nothing"]),
        shell(&place, &["-c", "SELECT 1 AS a; SELECT * FROM observatoins; SELECT 2 AS b", "--format", "csv"]),
        shell(&place, &["-c", "DELETE FROM observations"]),
        shell(&place, &["-c", "DELETE FROM observations WHERE origin = 'JFK'", "--write"]),
    ];
    snapshot!("cluster_shell_given", runs.iter().map(|ran| format!("{ran}\n")).collect::<String>());
    let codes: Vec<_> = runs.iter().map(|ran| ran.code.unwrap()).collect();
    assert_eq!(codes, [0, 0, 0, 0, 2, 2, 2, 2, 2, 4, 0]);
    assert_eq!(place.value("SELECT count(DISTINCT origin) FROM observations"), "1");
}

#[test]
fn a_pipe() {
    let place = Place::with_weather();
    let script = "\\format csv\nCREATE TABLE a (b TEXT);\nINSERT INTO a\n  VALUES (';'), -- two\n  ('x');\n\
                  CREATE TRIGGER t AFTER DELETE ON a BEGIN INSERT INTO a VALUES ('gone'); END;\n\
                  DELETE FROM a WHERE b = 'x'; SELECT b FROM a ORDER BY 1\n";
    let refused = piped(&place, &[], script);
    assert_eq!(refused.code, Some(4), "{refused}");
    let ran = piped(&place, &["--write"], script).done();
    assert_eq!(ran.stdout, "b\n;\ngone\n");
    assert!(ran.stderr.is_empty(), "{ran}");
    let failed = piped(&place, &["--format", "csv"], "SELECT 1 AS a;\nSELECT nothing;\nSELECT 2 AS b;\n");
    assert_eq!((failed.code, failed.stdout.as_str()), (Some(2), "a\n1\n"), "{failed}");
    assert_eq!(piped(&place, &[], "").done().stdout, "");
    assert_eq!(piped(&place, &["--format", "csv"], "\\q\nSELECT 1;").done().stdout, "");
}

/// What a line editor says to the terminal when it takes it over.
const EDITS: &str = "\u{1b}[?2004h";
/// What it says when it gives the line to be run.
const RUNS: &str = "\u{1b}[?2004l";

/// Somebody at a terminal.
struct Typist {
    near: std::fs::File,
    shown: Arc<Mutex<String>>,
    child: std::process::Child,
}

impl Typist {
    fn at(place: &Place) -> Self {
        let (near, far) = terminal();
        let mut command = place.command(&["cluster", "shell", "--cluster", DB]);
        command.env("NO_COLOR", "1").env("TERM", "xterm");
        // The terminal must be the one that Ctrl-C is for, which takes a session of its own.
        let mut wrapped = std::process::Command::new("setsid");
        wrapped.arg("--ctty").arg("--wait").arg(command.get_program()).args(command.get_args());
        wrapped.current_dir(place.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        wrapped.stdin(far.try_clone().unwrap()).stdout(far.try_clone().unwrap()).stderr(far);
        let child = wrapped.spawn().unwrap();
        drop(wrapped);
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut reader, to) = (near.try_clone().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut bytes) {
                to.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        });
        Self { near, shown, child }
    }

    /// Types this at the prompt of this number, as soon as it is there.
    fn types(&mut self, prompt: usize, text: &str) {
        self.sees(EDITS, prompt);
        self.near.write_all(text.as_bytes()).unwrap();
    }

    fn count(&self, text: &str) -> usize {
        self.shown.lock().unwrap().matches(text).count()
    }

    /// Waits until this has been shown so often.
    fn sees(&self, text: &str, times: usize) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.count(text) < times {
            assert!(Instant::now() < until, "{text} {times} times: {:?}", self.shown.lock().unwrap());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn leaves(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        let shown = self.shown.lock().unwrap().clone();
        (status.code(), shown)
    }
}

#[test]
fn a_prompt() {
    let place = Place::with_weather();
    let mut typist = Typist::at(&place);
    typist.sees("weather.db> ", 1);
    typist.types(1, "SELECT count(*) AS hours\nFROM obs\t;\n");
    typist.sees("17520", 1);
    typist.sees("(1 row, ", 1);
    // A mistake is told, and the prompt comes back.
    typist.types(2, "SELECT tmep FROM observations;\n");
    typist.sees("hint: is the name of the column right?", 1);
    typist.types(3, "CREATE TABLE users (name TEXT, password TEXT);\n");
    typist.sees("(0 rows changed, ", 1);
    // Ctrl-C throws a line away, and stops a statement that runs.
    typist.types(4, "SELECT thrown away\u{3}");
    typist.types(5, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;\n");
    typist.sees(RUNS, 5);
    typist.near.write_all(b"\x03").unwrap();
    typist.sees("interrupted: the statement was stopped", 1);
    typist.types(6, "SELECT 'still ' || 'here' AS it;\n");
    typist.sees("still here", 1);
    typist.types(7, "\u{4}");
    let (code, shown) = typist.leaves();
    assert_eq!(code, Some(0), "{shown}");

    let history = place.path().join("state/clusterkeep/shell-history");
    assert_eq!(std::fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = std::fs::read_to_string(history).unwrap();
    assert!(kept.contains("FROM observations") && kept.contains("still "), "{kept}");
    assert!(!kept.contains("password") && !kept.contains("thrown"), "{kept}");
}

/// Asked to stop from outside it gives the terminal back as it was.
#[test]
fn a_terminal_is_given_back() {
    use rustix::termios::{LocalModes, tcgetattr};

    let place = Place::with_weather();
    let (near, far) = terminal();
    let mut command = place.command(&["cluster", "shell", "--cluster", DB]);
    command.env("TERM", "xterm").stdin(far.try_clone().unwrap()).stdout(far.try_clone().unwrap());
    command.stderr(far.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let is_raw = || !tcgetattr(&far).unwrap().local_modes.contains(LocalModes::ICANON);
    let until = Instant::now() + Duration::from_secs(20);
    while !is_raw() {
        assert!(Instant::now() < until, "the editor does not take the terminal");
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    // What it says must be read, or it waits for that.
    let mut reader = near;
    std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!is_raw());
}
