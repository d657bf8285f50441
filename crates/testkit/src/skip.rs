//! Tests that can't run here, and say so.
//!
//! A test without its server is no failure on a developer's machine, and never silently green: it prints a line past the
//! harness's capture, and leaves one in the file that [`SKIPPED`] names, for whoever runs all tests and sums up. Where
//! [`REQUIRE`] names the server its absence is a failure.

use std::fs::OpenOptions;
use std::io::Write;

use clusterkeep_core::sql::Engine;

/// The environment variable with the file that collects what was skipped, a line each.
pub const SKIPPED: &str = "CLUSTERKEEP_SKIPPED";

/// The environment variable with the servers that must be there, joined by commas: `postgres`, `mariadb`, `cratedb`,
/// `croud`, `versitygw`, `azurite`.
pub const REQUIRE: &str = "CLUSTERKEEP_REQUIRE";

/// Says that a test is skipped, since `engine` is not to be had.
///
/// # Panics
///
/// The server is required.
pub fn skip(engine: Engine, why: &str) {
    skip_without(name(engine), why);
}

/// Says that a test is skipped, since the program `name` is not to be had.
///
/// # Panics
///
/// The program is required.
#[expect(clippy::panic, reason = "it is how a test fails")]
pub fn skip_without(name: &str, why: &str) {
    let required = std::env::var(REQUIRE).unwrap_or_default();
    if is_listed(&required, name) {
        panic!("{name} is required by {REQUIRE}: {why}");
    }
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    record(&format!("{name}: {why}"), &test);
}

/// Writes past the harness, which shows the output of a passing test to nobody.
#[expect(clippy::panic, reason = "a test that is skipped and can't say so must not pass")]
fn record(line: &str, test: &str) {
    let written = writeln!(std::io::stderr(), "skipped: {test} needs {line}").and_then(|()| {
        let Some(path) = std::env::var_os(SKIPPED) else { return Ok(()) };
        // One write of one short line in append mode: lines of several processes don't mix.
        OpenOptions::new().create(true).append(true).open(path)?.write_all(format!("{line}\n").as_bytes())
    });
    if let Err(error) = written {
        panic!("{test} is skipped and can't say so: {error}");
    }
}

fn is_listed(list: &str, name: &str) -> bool {
    list.split(',').any(|word| word.trim() == name)
}

/// The name of an engine's server here and in the variables above.
#[must_use]
pub const fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "postgres",
        Engine::Mysql => "mariadb",
        Engine::Cratedb => "cratedb",
        _ => "sqlite",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_are_required() {
        assert!(is_listed("postgres, mariadb", "mariadb"));
        assert!(!is_listed("postgresql", "postgres"));
        assert!(!is_listed("", "postgres"));
    }
}
