//! What lies under `deploy/` parses, and names only commands, flags and variables that there are.

use std::path::PathBuf;

use clap::Parser;
use clusterkeep::args::Cli;
use clusterkeep_core::env;
use serde_json::Value;

fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// The command line is one that the program takes.
fn check_line(name: &str, line: &[String]) {
    if let Err(error) = Cli::try_parse_from(line) {
        panic!("{name}: {line:?}: {error}");
    }
}

/// Each variable is declared, or an address in the same place refers to it.
fn check_variables(name: &str, variables: &[(String, String)]) {
    for (variable, _) in variables {
        let declared = env::ALL.iter().any(|known| known.name == variable);
        let referred = variables.iter().any(|(_, value)| value.contains(&format!("env:{variable}")));
        assert!(declared || referred, "{name}: nothing reads {variable}");
        let secret = env::ALL.iter().any(|known| known.name == variable && known.secret);
        assert!(!secret, "{name}: {variable} stands there in plain text");
    }
}

fn pairs(object: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    object.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
}

#[test]
fn compose() {
    let file = yaml("compose.yaml");
    let service = &file["services"]["clusterkeep"];
    check_line("compose.yaml", &strings(&service["command"]));
    check_variables("compose.yaml", &pairs(&service["environment"]));
    for node in ["hot", "warm", "cold"] {
        let settings = strings(&file["services"][node]["command"]);
        assert!(settings.contains(&format!("-Cnode.attr.storage={node}")), "{node}: {settings:?}");
        assert!(strings(&service["depends_on"]).iter().any(|on| on == node));
    }
}

#[test]
fn kubernetes() {
    let file = yaml("kubernetes.yaml");
    assert_eq!((file["kind"].as_str(), file["spec"]["concurrencyPolicy"].as_str()), (Some("CronJob"), Some("Forbid")));
    let container = &file["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    check_line("kubernetes.yaml", &[strings(&container["command"]), strings(&container["args"])].concat());
    let variables = container["env"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let variables: Vec<_> = variables.map(|one| (text(&one["name"]), text(&one["value"]))).collect();
    check_variables("kubernetes.yaml", &variables);
}

#[test]
fn nomad() {
    let file: Value = serde_json::from_str(&read("nomad.json")).unwrap();
    let task = &file["Job"]["TaskGroups"][0]["Tasks"][0];
    let line =
        [vec![task["Config"]["command"].as_str().unwrap().to_owned()], strings(&task["Config"]["args"])].concat();
    check_line("nomad.json", &line);
    check_variables("nomad.json", &pairs(&task["Env"]));
}

#[test]
fn systemd() {
    let file = read("clusterkeep.service");
    let (mut section, mut variables, mut lines) = ("", Vec::new(), 0);
    for line in file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("no setting: {line}"));
        match (section, key) {
            ("Service", "ExecStart") => {
                lines += 1;
                check_line("clusterkeep.service", &value.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
            }
            ("Service", "Environment") => {
                let (name, value) = value.split_once('=').unwrap();
                variables.push((name.to_owned(), value.to_owned()));
            }
            ("Unit" | "Service" | "Install", _) => {}
            _ => panic!("{line} is in no section that systemd knows"),
        }
    }
    assert_eq!(lines, 1);
    check_variables("clusterkeep.service", &variables);
}

#[test]
fn the_manifest_that_they_run_is_one() {
    let manifests = clusterkeep_core::manifest::read_str::<clusterkeep_retention::model::Manifest>(
        &read("retention.yaml"),
        "deploy/retention.yaml",
    );
    let manifest = manifests.unwrap().remove(0).value;
    manifest.check().unwrap();
    assert_eq!(manifest.tables[0].changes().count(), 5);
    assert!(read("retention.yaml").contains("name: nightly"), "the job that is triggered");
}

#[test]
fn what_is_wrong_is_seen() {
    let line = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let refused = |check: Box<dyn FnOnce() + std::panic::UnwindSafe>| std::panic::catch_unwind(check).is_err();
    assert!(refused(Box::new(move || check_line("x", &line("clusterkeep run --file a --no-such-flag")))));
    assert!(refused(Box::new(|| check_variables("x", &[("CLUSTERKEEP_CLUSTR".into(), String::new())]))));
    assert!(refused(Box::new(|| check_variables("x", &[("CRATEDB_PASSWORD".into(), "secret".into())]))));
}
