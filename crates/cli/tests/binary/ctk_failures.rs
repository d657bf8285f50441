//! Where the Python tool before us fails on the command line, and that this one does not: one test for each.

use clusterkeep_testkit::cloud::{Fault, Fixture, Kind};
use serde_json::Value;

use crate::cloud::Sky;
use crate::support::{Place, Ran};

/// One line that says what is wrong, one that says what to do, and nothing like a trace.
fn is_one_line(ran: &Ran) {
    assert!(ran.stdout.is_empty(), "{ran}");
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with("hint: "), "{ran}");
}

/// There, CRATEDB_CLUSTER_ID silently beats `--cluster-name`, and the wrong cluster is addressed.
#[test]
fn an_id_of_the_environment_does_not_beat_a_name_on_the_command_line() {
    let sky = Sky::usual();
    let other = sky.cloud.clusters().iter().find(|one| one["name"] == "staging").unwrap()["id"].clone();
    let id = other.as_str().unwrap().to_owned();
    let args = ["cluster", "info", "--cluster", "asleep", "--format", "json"];
    let ran = sky.run_with(&args, |command| command.env("CRATEDB_CLUSTER_ID", &id)).done();
    assert_eq!(ran.json()["name"], "asleep");
    let ran = sky.run_with(&["cluster", "info", "--format", "json"], |command| command.env("CRATEDB_CLUSTER_ID", &id));
    assert_eq!(ran.done().json()["name"], "staging");
}

/// There, a URL on the command line and an id in the environment are a "duplicate database address".
#[test]
fn the_command_line_overrides_an_environment_of_another_kind() {
    let sky = Sky::usual();
    let place = Place::with_weather();
    let args = ["cluster", "info", "--cluster", crate::support::DB, "--format", "json"];
    let ran = place.run_with(&args, |command| {
        command.envs(sky.environment()).env("CRATEDB_CLUSTER_ID", "3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191")
    });
    assert_eq!(ran.done().json()["url"], crate::support::DB);
}

/// There, an id and a URL together silently pick the URL.
#[test]
fn two_addresses_of_one_rank_are_refused() {
    let sky = Sky::usual();
    let ran = sky.run_with(&["cluster", "info"], |command| {
        command.env("CRATEDB_CLUSTER_NAME", "staging").env("CRATEDB_CLUSTER_URL", "crate://localhost:4200")
    });
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.stderr.contains("CRATEDB_CLUSTER_NAME") && ran.stderr.contains("CRATEDB_CLUSTER_URL"), "{ran}");
    is_one_line(&ran);
}

/// There, `.env` is looked for from where the tool is installed.
#[test]
fn dotenv_is_that_of_the_working_directory() {
    let sky = Sky::usual();
    let pairs: Vec<_> = sky.environment().iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    sky.place.write(".env", &format!("CRATEDB_CLUSTER_NAME=asleep\n{}", pairs.concat()));
    let ran = sky.place.run(&["cluster", "info", "--format", "json"]).done();
    assert_eq!(ran.json()["name"], "asleep");
}

/// There, a missing address ends with 1 here and with 2 there.
#[test]
fn a_missing_address_is_bad_input_everywhere() {
    let sky = Sky::usual();
    for command in ["info", "health", "ping", "start", "stop", "jobs", "operations", "snapshots", "shell"] {
        let ran = sky.run(&["cluster", command]);
        assert_eq!(ran.code, Some(2), "{ran}");
        is_one_line(&ran);
    }
}

/// There, of several clusters with one name the first is taken.
#[test]
fn an_ambiguous_name_lists_the_candidates() {
    let sky = Sky::empty();
    let ids = [sky.add(Fixture::named("twin")), sky.add(Fixture::named("twin"))];
    let ran = sky.run(&["cluster", "stop", "--cluster", "twin"]);
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ids.iter().all(|id| ran.stderr.contains(&id.to_string())), "{ran}");
    assert!(sky.changes().is_empty());
}

/// There, an unknown name ends in "cluster information not yet available", and `start` can never say so.
#[test]
fn an_unknown_cluster_is_said_to_be_unknown() {
    let sky = Sky::usual();
    for command in ["info", "health", "ping", "start", "stop", "jobs", "operations", "snapshots"] {
        let ran = sky.run(&["cluster", command, "--cluster", "stagin"]);
        assert_eq!(ran.code, Some(2), "{ran}");
        assert!(ran.stderr.contains("cluster not found: `stagin`"), "{ran}");
        let ran = sky.run(&["cluster", command, "--cluster", "3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191"]);
        assert_eq!(ran.code, Some(2), "{ran}");
    }
    let ran = sky.run(&["cluster", "info", "--cluster", "stagin"]);
    assert!(ran.stderr.contains("did you mean `staging`?"), "{ran}");
}

/// There, wrong credentials end in a stack trace.
#[test]
fn bad_credentials_are_one_line() {
    let sky = Sky::usual();
    let args = ["cluster", "list"];
    let wrong = sky.run_with(&args, |command| command.env("CRATEDB_CLOUD_API_KEY", "hunter2"));
    sky.cloud.inject(Fault::on("GET", "*").plain_401().times(8));
    let plain = sky.run(&args);
    sky.cloud.clear_faults();
    let none = sky.place.run(&args);
    for ran in [wrong, plain, none] {
        assert_eq!(ran.code, Some(1), "{ran}");
        is_one_line(&ran);
        assert!(ran.stderr.contains("console.cratedb.cloud") && !ran.stderr.contains("hunter2"), "{ran}");
    }
}

/// There, an expired session ends the program from within the library.
#[test]
fn an_expired_session_is_an_error_like_any_other() {
    let sky = Sky::usual();
    sky.cloud.inject(Fault::on("GET", "*").redirect().times(8));
    let ran = sky.run(&["cluster", "list"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    is_one_line(&ran);
}

/// There, a page of HTML with status 200 is a trace of the JSON parser.
#[test]
fn a_page_of_html_is_said_to_be_none_of_the_api() {
    let sky = Sky::usual();
    sky.cloud.inject(Fault::on("GET", "*").html().times(8));
    let ran = sky.run(&["cluster", "info", "--cluster", "staging"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    is_one_line(&ran);
    assert!(ran.stderr.contains("not of the API") && !ran.stderr.contains("<html"), "{ran}");
}

/// There, `ping` resumes the cluster first.
#[test]
fn ping_starts_nothing() {
    let sky = Sky::usual();
    let ran = sky.run(&["cluster", "ping", "--cluster", "asleep", "--format", "json"]);
    assert_eq!(
        (ran.code, &ran.json()["cloud"], &ran.json()["database"]),
        (Some(1), &Value::Bool(true), &Value::Bool(false))
    );
    assert!(sky.changes().is_empty(), "{:?}", sky.changes());
}

/// There, `health` crashes for a suspended cluster and for one that does not answer.
#[test]
fn health_of_a_suspended_or_unreachable_cluster_is_an_answer() {
    let sky = Sky::usual();
    for (cluster, status) in [("asleep", "SUSPENDED"), ("staging", "UNREACHABLE")] {
        let ran = sky.run(&["cluster", "health", "--cluster", cluster, "--format", "json"]);
        assert_eq!(ran.code, Some(1), "{ran}");
        assert_eq!(ran.json()["database"]["status"], status, "{ran}");
        assert!(ran.json()["keeper"]["status"].is_string(), "{ran}");
    }
    assert!(sky.changes().is_empty(), "{:?}", sky.changes());
}

/// There, `info` never fills its part about the database.
#[test]
fn info_says_what_the_database_says() {
    let place = Place::with_weather();
    let ran = place.run(&["cluster", "info", "--cluster", crate::support::DB, "--database", "--format", "json"]).done();
    let names: Vec<_> =
        ran.json()["database"]["diagnostics"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["databases", "tables"], "{ran}");
}

/// There, what `stop` prints is what was so before.
#[test]
fn stop_prints_what_is_so_afterwards() {
    let sky = Sky::usual();
    let ran = sky.run(&["cluster", "stop", "--cluster", "staging", "--format", "json"]).done();
    assert_eq!(ran.json()["state"], "suspended", "{ran}");
    assert_eq!(ran.json()["cloud"]["suspended"], true, "{ran}");
    assert_eq!(
        sky.run(&["cluster", "stop", "--cluster", "staging", "--format", "json"]).done().json()["state"],
        "suspended"
    );
    assert_eq!(sky.changes().len(), 1, "what is suspended is not suspended again: {:?}", sky.changes());
}

/// There, a failed operation is printed and reported as a success.
#[test]
fn a_failed_operation_is_an_error() {
    let sky = Sky::usual();
    for message in [Some("The region is on fire."), None] {
        sky.cloud.fail_next_operation(Kind::Suspend, message);
        let ran = sky.run(&["cluster", "stop", "--cluster", "staging"]);
        assert_eq!(ran.code, Some(1), "{ran}");
        assert!(message.is_none_or(|message| ran.stderr.contains(message)), "{ran}");
    }
}

/// There, an empty list of operations ends the wait as if all were well.
#[test]
fn a_missing_list_of_operations_ends_no_wait() {
    let sky = Sky::usual();
    sky.cloud.inject(Fault::on("GET", "*/operations/").no_operations().times(3));
    let ran = sky.run(&["cluster", "stop", "--cluster", "staging", "--format", "json"]).done();
    assert_eq!(ran.json()["state"], "suspended", "{ran}");
}

/// There, a cluster whose product can't be suspended is asked to suspend all the same.
#[test]
fn a_product_that_cannot_be_suspended_is_said_to_be_one() {
    let sky = Sky::usual();
    let ran = sky.run(&["cluster", "stop", "--cluster", "free"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    is_one_line(&ran);
    assert!(ran.stderr.contains("crfree") && sky.changes().is_empty(), "{ran}");
}

/// There, a question to a suspended cluster is a connection error.
#[test]
fn a_question_to_a_suspended_cluster_says_how_to_resume_it() {
    let sky = Sky::usual();
    let commands: [&[&str]; 3] = [
        &["query", "--cluster", "asleep", "SELECT 1"],
        &["cluster", "shell", "--cluster", "asleep", "-c", "SELECT 1"],
        &["audit", "list", "--cluster", "asleep"],
    ];
    for args in commands {
        let ran = sky.run(args);
        assert_eq!(ran.code, Some(1), "{ran}");
        is_one_line(&ran);
        assert!(ran.stderr.contains("suspended") && ran.stderr.contains("cluster start"), "{ran}");
    }
    assert!(sky.changes().is_empty(), "{:?}", sky.changes());
}

/// There, the administrator's password travels in the arguments of a process.
#[test]
fn no_password_is_taken_from_the_command_line() {
    let sky = Sky::usual();
    let secret = "correct-horse-battery-staple";
    let ran = sky.run(&["cluster", "create", "fresh", "--product", "cr1", "--password", secret, "--plan"]);
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.stderr.contains("env:NAME or file:PATH") && !ran.stderr.contains(secret), "{}", ran.stderr);
    assert!(sky.changes().is_empty());
}
