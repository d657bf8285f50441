//! The same manifest on a real PostgreSQL; and no password anywhere, wherever it comes from.

use clusterkeep_core::sql::sql;
use clusterkeep_testkit::servers;

use crate::support::{Place, Ran};

const OBSERVATIONS: &str = "\
INSERT INTO observations SELECT o, at, extract(hour FROM at), 50 FROM unnest(ARRAY['EWR', 'JFK']) AS o, \
generate_series('2013-01-01 05:00Z'::timestamptz, '2014-01-01 04:00Z', '1 hour') AS at";

/// The address without its password, with the place where that is; and the password.
fn split(url: &str) -> (String, String) {
    let (head, host) = url.split_once('@').unwrap();
    let (scheme, user) = head.split_once("://").unwrap();
    let (user, password) = user.split_once(':').unwrap();
    let sign = if host.contains('?') { '&' } else { '?' };
    (format!("{scheme}://{user}@{host}{sign}password=env:DB_PASSWORD"), password.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_works_on_postgres() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    let table =
        "CREATE TABLE observations (origin text, time_hour timestamptz, temp double precision, humid double precision)";
    db.execute(sql(table)).await.unwrap();
    db.execute(sql(OBSERVATIONS)).await.unwrap();

    let place = Place::empty();
    place.write("weather.yaml", crate::support::MANIFEST);
    let (address, password) = split(database.url());
    let run = |args: &[&str]| {
        let ran =
            place.run_with(args, |command| command.env("CLUSTERKEEP_CLUSTER", &address).env("DB_PASSWORD", &password));
        assert!(!ran.everything().contains(&password), "{ran}");
        ran
    };
    let model = ["-f", "weather.yaml", "--now", "2014-01-15"];
    let plan = run(&[&["retention", "plan", "-vvv"], &model[..]].concat()).done();
    assert!(plan.stdout.contains("`as` is ignored") || plan.stdout.contains("note: "), "{plan}");
    let hash = plan.stdout.split_once("--expect-plan ").unwrap().1.trim().to_owned();
    assert!(!plan.stdout.contains("--cluster"), "what the environment names is not repeated: {plan}");
    run(&[&["retention", "apply", "--expect-plan", &hash], &model[..]].concat()).done();
    let again = run(&[&["retention", "plan"], &model[..]].concat()).done();
    assert!(again.stdout.contains("nothing to do"), "{again}");
    let count = run(&["query", "--format", "csv", "SELECT sum(temp_count) AS n FROM observations_daily"]).done();
    assert_eq!(count.stdout, "n\n17520\n");
    run(&["audit", "verify"]).done();

    let writing = run(&["query", "WITH gone AS (DELETE FROM observations RETURNING 1) SELECT count(*) FROM gone"]);
    assert_eq!(writing.code, Some(4), "{writing}");
    let through_a_function = run(&["query", "SELECT set_config('a.b', 'c', false), nextval('nothing')"]);
    assert_ne!(through_a_function.code, Some(0), "{through_a_function}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_a_failure_that_does_not_show_it() {
    let Some(database) = servers::postgres().await else { return };
    let (address, password) = split(database.url());
    let place = Place::empty();
    let wrong = format!("{password}-but-wrong");
    let args = ["query", "--cluster", &address, "SELECT 1", "-vvv"];
    let ran: Ran = place.run_with(&args, |command| command.env("DB_PASSWORD", &wrong));
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(!ran.everything().contains(&password), "{ran}");
    assert!(ran.stderr.contains("hint: check user name and password"), "{ran}");
}
