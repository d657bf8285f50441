//! Jobs that start and stop clusters, jobs that name the cluster that they work on, and that none of them works on the
//! database that keeps its schedule.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use clusterkeep_core::sql::Engine;
use clusterkeep_testkit::cloud::Fixture;
use clusterkeep_testkit::servers;

use crate::cloud::Sky;
use crate::schedule_store::{end, until};
use crate::support::{DB, MANIFEST, Place, Ran};

/// A timetable with these jobs, which run once a year.
fn timetable(jobs: &[(&str, &str)]) -> String {
    let jobs = jobs.iter().map(|(name, run)| format!("- {{ name: {name}, when: '@yearly', run: {run} }}\n"));
    format!("kind: Timetable\nnamespace: power\njobs:\n{}", jobs.collect::<String>())
}

/// Jobs that start and stop this cluster.
fn both(cluster: &str) -> String {
    timetable(&[
        ("up", &format!("{{ action: cluster_start, cluster: {cluster} }}")),
        ("down", &format!("{{ action: cluster_stop, cluster: {cluster}, approve: within_guards }}")),
    ])
}

const TRIGGER: [&str; 6] = ["schedule", "trigger", "-f", "jobs.yaml", "--state", "memory:"];

#[test]
fn a_cluster_of_this_machine_is_started_and_stopped_by_jobs() {
    if !servers::is_there(Engine::Postgres) {
        return;
    }
    let place = Place::empty();
    // The account that the server runs under must get to its folder.
    let state = std::env::temp_dir().join(format!("clusterkeep-cli-jobs-{}", std::process::id()));
    let run = |args: &[&str]| -> Ran {
        place.run_with(args, |command| {
            command.env("XDG_STATE_HOME", &state).env("PATH", std::env::var_os("PATH").unwrap_or_default())
        })
    };
    let trigger = |job: &str, more: &[&str]| run(&[&TRIGGER[..], &[job], more].concat());
    let is = || run(&["cluster", "list", "--local", "--format", "json"]).done().json()[0]["state"].clone();
    run(&["cluster", "create", "local:jobs", "--engine", "postgres"]).done();
    place.write("jobs.yaml", &both("local:jobs"));

    let running = trigger("up", &[]).done();
    assert!(running.stdout.contains("succeeded: local:jobs was running"), "{running}");
    let down = trigger("down", &[]).done();
    assert!(down.stdout.contains("succeeded: local:jobs stopped in ") && is() == "suspended", "{down}");
    let again = trigger("down", &[]).done();
    assert!(again.stdout.contains("succeeded: local:jobs was stopped"), "{again}");

    // What only looks starts nothing.
    let period = ["--from", "2026-01-01", "--until", "2028-01-02"];
    let simulated = run(&[&["schedule", "simulate", "-f", "jobs.yaml"], &period[..]].concat()).done();
    assert!(simulated.stdout.contains("up ") && is() == "suspended", "{simulated}");
    run(&[&["schedule", "simulate", "up", "-f", "jobs.yaml", "--takes", "5min"], &period[..]].concat()).done();
    assert_eq!(is(), "suspended");

    let up = trigger("up", &[]).done();
    assert!(up.stdout.contains("succeeded: local:jobs started in ") && is() == "running", "{up}");
    run(&["query", "--cluster", "local:jobs", "SELECT 1"]).done();

    // Schedules that are kept on the same server would stop with it.
    let info = run(&["cluster", "info", "--cluster", "local:jobs", "--format", "json"]).done().json();
    let url = info["url"].as_str().unwrap_or_else(|| panic!("{info}")).to_owned();
    let (server, _) = url.rsplit_once('/').unwrap();
    let kept = run(&["run", "-f", "jobs.yaml", "--state", &format!("{server}/other")]);
    assert!(kept.code == Some(2) && kept.stderr.contains("schedules are not kept in the database"), "{kept}");
    assert_eq!(is(), "running");

    // The one of the command line is meant where a job names none.
    place.write("jobs.yaml", &timetable(&[("down", "{ action: cluster_stop, approve: within_guards }")]));
    trigger("down", &["--cluster", "local:jobs"]).done();
    assert_eq!(is(), "suspended");
    std::fs::remove_dir_all(state).unwrap();
}

/// It listens on another port after each start.
#[test]
fn retention_finds_a_cluster_of_this_machine_again_that_was_stopped_and_started() {
    if !servers::is_there(Engine::Postgres) {
        return;
    }
    let place = Place::empty();
    let state = std::env::temp_dir().join(format!("clusterkeep-cli-again-{}", std::process::id()));
    let command = |args: &[&str]| {
        let mut command = place.command(args);
        command.env("XDG_STATE_HOME", &state).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    };
    let run = |args: &[&str]| Ran::of(args, command(args).output().unwrap()).done();
    let cluster = ["--cluster", "local:again"];
    run(&["cluster", "create", "local:again", "--engine", "postgres"]);
    let table = "CREATE TABLE observations (origin TEXT, time_hour BIGINT, temp REAL, humid REAL)";
    run(&[&["query"], &cluster[..], &["--write", table]].concat());
    place.write("weather.yaml", MANIFEST.split("---").next().unwrap());
    let job = "{ action: retention, manifest: weather, approve: within_guards, cluster: 'local:again' }";
    place.write("jobs.yaml", &timetable(&[("thin", job)]).replace("@yearly", "@every 1s"));
    let args = ["run", "-f", "jobs.yaml", "-f", "weather.yaml", "--state", "memory:"];
    let mut child = command(&args).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    until(&mut lines, "succeeded");
    run(&[&["cluster", "stop"], &cluster[..]].concat());
    until(&mut lines, "local:again is stopped");
    run(&[&["cluster", "start"], &cluster[..]].concat());
    until(&mut lines, "succeeded");
    end(child);
    run(&[&["cluster", "stop"], &cluster[..]].concat());
    std::fs::remove_dir_all(state).unwrap();
}

#[test]
fn clusters_of_the_cloud_are_stopped_by_jobs() {
    let sky = Sky::usual();
    let trigger = |cluster: &str, job: &str| {
        sky.place.write("jobs.yaml", &both(cluster));
        sky.run(&[&TRIGGER[..], &[job]].concat())
    };
    let stopped = trigger("staging", "down").done();
    assert!(stopped.stdout.contains("succeeded: staging stopped in "), "{stopped}");
    let again = trigger("staging", "down").done();
    assert!(again.stdout.contains("succeeded: staging was stopped"), "{again}");
    let changes = sky.changes();
    assert!(changes.len() == 1 && changes[0].starts_with("PUT "), "{changes:?}");
    let free = trigger("free", "down");
    assert!(free.code == Some(1) && free.stdout.contains("failed: cluster free can't be suspended"), "{free}");
    let nobody = trigger("nobody", "up");
    assert!(nobody.code == Some(1) && nobody.stdout.contains("nobody"), "{nobody}");
    assert_eq!(sky.changes(), changes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_the_cloud_is_started_by_a_job() {
    let Some(database) = servers::cratedb().await else { return };
    let sky = tokio::task::block_in_place(Sky::empty);
    let (_, rest) = database.url().split_once('@').unwrap();
    let server = format!("http://{}", rest.split(['/', '?']).next().unwrap());
    sky.add(Fixture::named("real").product("cr1").suspended(true).backed_by(&server));
    sky.place.write("jobs.yaml", &both("real"));
    let trigger = |job: &str| sky.run(&[&TRIGGER[..], &[job]].concat());
    let up = trigger("up").done();
    assert!(up.stdout.contains("succeeded: real started in "), "{up}");
    // It runs on, and nobody owes it a suspension.
    assert_eq!(sky.run(&["cluster", "ping", "--cluster", "real"]).done().stdout, "cloud: yes, database: yes\n");
    let running = trigger("up").done();
    assert!(running.stdout.contains("succeeded: real was running"), "{running}");
    trigger("down").done();
    assert_eq!(sky.cloud.clusters()[0]["suspended"], true);
}

#[test]
fn a_start_that_takes_too_long_is_undone() {
    let sky = Sky::empty();
    // Its database never answers.
    let id = sky.add(Fixture::named("asleep").product("cr1").suspended(true));
    sky.place.write(
        "jobs.yaml",
        "kind: Timetable\nnamespace: power\njobs:\n- { name: up, when: '@yearly', timeout: 3 s, run: { action: \
         cluster_start, cluster: asleep } }\n",
    );
    let ran = sky.run(&[&TRIGGER[..], &["up"]].concat());
    assert!(ran.code == Some(1) && ran.stdout.contains("cut off after 3 s"), "{ran}");
    assert_eq!(sky.changes().iter().filter(|change| change.starts_with("PUT ")).count(), 2, "{:?}", sky.changes());
    let begun = std::time::Instant::now();
    while sky.cloud.cluster(id)["suspended"] != true {
        assert!(begun.elapsed().as_secs() < 10, "it is not suspended again: {}", sky.cloud.cluster(id));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn what_cannot_be_started_or_stopped_is_refused_when_it_is_read() {
    let place = Place::empty();
    place.write("weather.db", "");
    place.write("weather.yaml", MANIFEST);
    for (job, part) in [
        ("{ action: cluster_start, cluster: 'sqlite://weather.db' }", "which nobody here can start"),
        ("{ action: cluster_stop, cluster: 'postgres://a@b/c', approve: within_guards }", "which nobody here can stop"),
        ("{ action: cluster_stop, cluster: 'local:dev' }", "would stop local:dev, and nobody has approved that"),
        ("{ action: cluster_stop, cluster: 'local:dev', approve: always }", "unknown value `always`"),
        ("{ action: cluster_start, name: 'local:dev' }", "unknown field `name`"),
        ("{ action: cluster_start, cluster: weather.db }", "`weather.db` is neither a URL nor the id"),
        ("{ action: cluster_start }", "no cluster is named"),
        (
            "{ action: retention, manifest: weather, approve: within_guards, cluster: a.db }",
            "its cluster can't be found",
        ),
        ("{ action: retention, manifest: weather, approve: within_guards }", "works on a cluster, and none is named"),
    ] {
        place.write("jobs.yaml", &timetable(&[("it", job)]));
        let ran = place.run(&["run", "-f", "jobs.yaml", "-f", "weather.yaml"]);
        assert!(ran.code == Some(2) && ran.stderr.contains(part), "{job}: {ran}");
        assert!(ran.stderr.starts_with("error: jobs.yaml:4:"), "{job}: {ran}");
    }
    place.write("jobs.yaml", &timetable(&[("it", "{ action: cluster_start }")]));
    let own = place.run(&["run", "-f", "jobs.yaml", "--cluster", DB]);
    assert!(own.code == Some(2) && own.stderr.contains("which nobody here can start"), "{own}");
}

#[test]
fn a_stored_job_names_what_it_stops() {
    let sky = Sky::usual();
    let place = &sky.place;
    let state = ["--state", "sqlite://jobs.db"];
    let jobs = |run: &str| {
        format!("kind: Timetable\nnamespace: power\njobs:\n- {{ name: down, when: '@every 1s', run: {run} }}\n")
    };
    place.write("allow.yaml", "kind: Permissions\nnamespaces: { power: { clusters: [staging] } }\n");
    for (job, part) in [
        ("{ action: cluster_stop, approve: within_guards }", "cluster_stop out of the store names no cluster"),
        ("{ action: cluster_stop, cluster: free, approve: within_guards }", "may not use the cluster `free`"),
        ("{ action: cluster_stop, cluster: staging }", "would stop staging (running), and nobody has approved that"),
        ("{ action: cluster_stop, cluster: staging, approve: within_guards }", "staging stopped in "),
    ] {
        place.write("jobs.yaml", &jobs(job));
        let plan =
            place.run(&[&["schedule", "plan", "-f", "jobs.yaml", "--format", "json"], &state[..]].concat()).done();
        let hash = plan.json()["hash"].as_str().unwrap()[..8].to_owned();
        let apply = ["schedule", "apply", "-f", "jobs.yaml", "--expect-plan", &hash];
        place.run(&[&apply[..], &state].concat()).done();
        let args = ["run", "--namespace", "power", "--allow", "allow.yaml", "--cluster", "staging"];
        let mut command = place.command(&[&args[..], &state].concat());
        let mut child = command.envs(sky.environment()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        until(&mut lines, part);
        end(child);
    }
}

#[test]
fn retention_works_on_the_cluster_that_its_job_names() {
    let place = Place::with_weather();
    place.write("weather.yaml", &MANIFEST.replace("max_share: 90%", "max_share: 100%"));
    for copy in ["other.db", "third.db"] {
        std::fs::copy(place.path().join("weather.db"), place.path().join(copy)).unwrap();
    }
    let jobs = |cluster: &str| {
        let run = format!("{{ action: retention, manifest: weather, approve: within_guards{cluster} }}");
        place.write("jobs.yaml", &timetable(&[("thin", &run)]));
    };
    let trigger = |more: &[&str]| {
        place.run_with(&[&TRIGGER[..], &["thin", "-f", "weather.yaml"], more].concat(), |command| {
            command.env("THIRD", "sqlite://third.db")
        })
    };
    let rows = |db: &str| {
        let ran = place.run(&["query", "--cluster", db, "--format", "csv", "SELECT count(*) FROM observations"]).done();
        ran.stdout.lines().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = rows(DB);
    jobs(", cluster: 'sqlite://other.db'");
    trigger(&[]).done();
    assert!(rows("sqlite://other.db") < before, "the rows of the one that is named are gone");
    assert_eq!(rows(DB), before);
    // Named by a reference, beside one of the command line.
    jobs(", cluster: 'env:THIRD'");
    trigger(&["--cluster", DB]).done();
    assert!(rows("sqlite://third.db") < before && rows(DB) == before);
    jobs("");
    trigger(&["--cluster", DB]).done();
    assert_eq!(rows(DB), rows("sqlite://other.db"));
}

#[test]
fn no_job_works_on_the_database_that_keeps_its_schedule() {
    let place = Place::empty();
    place.write("weather.db", "");
    place.write("weather.yaml", MANIFEST);
    let refused = |ran: &Ran| {
        assert!(ran.code == Some(2) && ran.stderr.contains("schedules are not kept in the database"), "{ran}");
        assert!(!place.path().join("jobs.db").exists(), "nothing is made: {ran}");
    };
    let run = |args: &[&str]| {
        place.run_with(args, |command| {
            command.env("JOBS", "sqlite://jobs.db").env("PATH", std::env::var_os("PATH").unwrap_or_default())
        })
    };
    for job in [
        "{ sql: 'SELECT 1', cluster: 'sqlite://./jobs.db' }",
        "{ sql: 'SELECT 1', cluster: 'env:JOBS' }",
        "{ action: retention, manifest: weather, approve: within_guards, cluster: 'sqlite://jobs.db' }",
    ] {
        place.write("jobs.yaml", &timetable(&[("it", job)]));
        let files = ["-f", "jobs.yaml", "-f", "weather.yaml", "--state", "sqlite://jobs.db"];
        refused(&run(&[&["run"], &files[..]].concat()));
        refused(&run(&[&["schedule", "trigger", "it"], &files[..]].concat()));
    }
    let one = ["run", "--when", "@every 1s", "--state", "sqlite://jobs.db", "--cluster", "sqlite://jobs.db"];
    refused(&run(&[&one[..], &["--", "sql:select 1"]].concat()));
}

#[test]
fn a_stored_job_on_the_database_that_keeps_it_is_refused() {
    let place = Place::empty();
    let state = ["--state", "sqlite://jobs.db"];
    place.write(
        "jobs.yaml",
        "kind: Timetable\nnamespace: power\njobs:\n- { name: own, when: '@every 1s', run: { sql: 'DELETE FROM \
         clusterkeep_scheduler_runs', cluster: 'sqlite://jobs.db' } }\n",
    );
    place.write(
        "allow.yaml",
        "kind: Permissions\nnamespaces: { power: { targets: [sql], clusters: ['sqlite://jobs.db'] } }\n",
    );
    let plan = place.run(&[&["schedule", "plan", "-f", "jobs.yaml", "--format", "json"], &state[..]].concat()).done();
    let hash = plan.json()["hash"].as_str().unwrap()[..8].to_owned();
    let apply = ["schedule", "apply", "-f", "jobs.yaml", "--expect-plan", &hash];
    place.run(&[&apply[..], &state].concat()).done();
    let args = ["run", "--namespace", "power", "--allow", "allow.yaml"];
    let mut child = place.command(&[&args[..], &state].concat()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    until(&mut lines, "refused: schedules are not kept in the database");
    end(child);
}
