//! On a terminal `apply` shows the plan and asks; only yes is yes.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::support::{DB, Place, terminal};

/// Applies with this answer typed; gives the exit code, what was on the terminal, and what on the standard output.
fn apply(place: &Place, answer: &str) -> (Option<i32>, String, String) {
    let (mut near, far) = terminal();
    let args = ["retention", "apply", "-f", "weather.yaml", "--cluster", DB, "--now", "2014-01-15"];
    let mut command = place.command(&args);
    command.env("NO_COLOR", "1").stdin(far.try_clone().unwrap()).stderr(Stdio::from(far)).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    near.write_all(answer.as_bytes()).unwrap();
    let shown = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // Reading ends with an error where the other end of a terminal is closed.
        near.read_to_end(&mut shown).ok();
        String::from_utf8_lossy(&shown).into_owned()
    });
    let output = child.wait_with_output().unwrap();
    (output.status.code(), shown.join().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn no_is_no() {
    let place = Place::with_weather();
    let rows = place.value("SELECT count(*) FROM observations");
    for answer in ["n\n", "\n", "yeah\n"] {
        let (code, shown, report) = apply(&place, answer);
        assert_eq!(code, Some(4), "{shown}");
        assert!(shown.contains("apply plan") && shown.contains("ended at or before the cutoff"), "{shown}");
        assert!(report.is_empty());
    }
    assert_eq!(place.value("SELECT count(*) FROM observations"), rows);
}

#[test]
fn yes_is_yes() {
    let place = Place::with_weather();
    let rows = place.value("SELECT count(*) FROM observations");
    let (code, shown, report) = apply(&place, "yes\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(report.contains("applied") && report.contains("audit head"), "{report}");
    assert_ne!(place.value("SELECT count(*) FROM observations"), rows);
}
