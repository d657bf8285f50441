//! The help: complete, uniform, and with examples that can be typed.

use clap::{CommandFactory, Parser};
use clusterkeep::args::Cli;

use crate::support::{Place, snapshot};

/// Every command with its path, the root first.
fn commands() -> Vec<(Vec<String>, clap::Command)> {
    fn walk(path: &[String], command: &clap::Command, found: &mut Vec<(Vec<String>, clap::Command)>) {
        found.push((path.to_vec(), command.clone()));
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            walk(&[path, &[sub.get_name().to_owned()]].concat(), sub, found);
        }
    }
    let mut found = Vec::new();
    walk(&[], &Cli::command(), &mut found);
    found
}

/// The command lines of the examples, continued lines joined.
fn examples(command: &clap::Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let examples = help.split_once("Examples:\n").map(|(_, examples)| examples.replace("\\\n", "")).unwrap_or_default();
    examples.lines().filter(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned()).collect()
}

/// Splits as a shell does, as far as the examples need it: blanks and single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in line.split('\'').enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn each_begins_with_a_sentence_and_ends_with_three_examples() {
    for (path, command) in commands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(about.starts_with(char::is_uppercase) && !about.ends_with('.'), "{path:?}: {about}");
        assert_eq!(examples(&command).len(), 3, "{path:?}");
    }
}

#[test]
fn the_examples_are_valid_command_lines() {
    for (path, command) in commands() {
        for example in examples(&command) {
            let line = example.split_once(['<', '>']).map_or(example.as_str(), |(line, _)| line);
            let line = line.rsplit_once("| jq").map_or(line, |(line, _)| line);
            let from = line.find("clusterkeep ").unwrap();
            let args: Vec<_> = words(&line[line[from..].find("clusterkeep ").map_or(0, |at| from + at)..]);
            // `echo ... | clusterkeep ... -` and `NAME=value clusterkeep ...` begin with something else.
            let args = args.split(|word| word == "clusterkeep").next_back().unwrap().to_vec();
            let line = std::iter::once("clusterkeep".to_owned()).chain(args);
            if let Err(error) = Cli::try_parse_from(line) {
                panic!("{path:?}: {example}: {error}");
            }
        }
    }
}

#[test]
fn every_environment_variable_is_in_the_help() {
    let help = Place::empty().run(&["--help"]).done().stdout;
    for variable in clusterkeep_core::env::ALL {
        assert!(help.contains(variable.name), "{}", variable.name);
    }
}

/// Every file of a folder and of those in it.
fn sources(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// What is read by its name must be declared; the test kit is no part of the binary's behaviour.
#[test]
fn no_undeclared_variable_is_read() {
    let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut read = 0;
    for name in ["cli", "cluster-core", "retention", "scheduler"] {
        for file in sources(&crates.join(name).join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            for call in ["env::var(\"", "env::var_os(\""] {
                for (_, rest) in text.match_indices(call).map(|(at, call)| text.split_at(at + call.len())) {
                    let variable = rest.split('"').next().unwrap();
                    let declared = clusterkeep_core::env::ALL.iter().any(|known| known.name == variable);
                    assert!(declared, "{variable} in {}", file.display());
                    read += 1;
                }
            }
        }
    }
    assert!(read > 0, "the search finds nothing any more");
}

#[test]
fn no_help_is_wider_than_a_usual_terminal() {
    for (path, _) in commands() {
        let mut args: Vec<_> = path.iter().map(String::as_str).collect();
        args.push("--help");
        let ran = Place::empty().run(&args).done();
        let widest = ran.stdout.lines().max_by_key(|line| line.chars().count()).unwrap_or_default();
        assert!(widest.chars().count() <= 100, "{path:?}: {widest}");
    }
}

#[test]
fn help_texts() {
    let place = Place::empty();
    snapshot!("help", place.run(&["--help"]));
    snapshot!("help_retention_apply", place.run(&["retention", "apply", "--help"]));
    snapshot!("help_query_short", place.run(&["query", "-h"]));
    snapshot!("version", place.run(&["--version"]));
    snapshot!("no_command", place.run(&[]));
}

#[test]
fn completions_are_there_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = Place::empty().run(&["completions", shell]).done();
        assert!(ran.stdout.contains("retention") && ran.stderr.is_empty(), "{shell}");
    }
}
