//! `retention plan --format html`: one page that stands by itself.

use crate::support::{DB, MANIFEST, Place};

const NOW: &str = "2014-01-15T00:00:00Z";

#[test]
fn a_plan_is_a_page_by_itself() {
    let place = Place::with_weather();
    let args = ["retention", "plan", "-f", "weather.yaml", "--cluster", DB, "--now", NOW];
    let page = place.run(&[&args[..], &["--format", "html"]].concat()).done().stdout;
    let hash = place.run(&[&args[..], &["--format", "json"]].concat()).json()["hash"].as_str().unwrap().to_owned();
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    for part in [
        hash.as_str(),
        "Build 1 rollup, then drop 288 slices",
        "prefers-color-scheme: dark",
        "@media print",
        "<span class=\"verdict\">drop</span>",
        "newest slice",
        "observations ending at or before 2013-10-16 00:00 EDT may go",
        "clusterkeep retention apply -f weather.yaml --cluster sqlite://weather.db",
        &format!("--expect-plan {}", &hash[..8]),
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    for outside in ["<script", "http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "the page refers to something outside: {outside}");
    }
}

#[test]
fn refusals_stand_on_the_page_and_nothing_that_is_named_becomes_html() {
    let place = Place::with_weather();
    let manifest = MANIFEST.replace("max_share: 90%", "max_share: 25%");
    place.write("weather.yaml", &manifest.replace("name: weather\nzone", "name: <b>weather</b>\nzone"));
    let args = ["retention", "plan", "-f", "weather.yaml", "--cluster", DB, "--now", NOW, "--format", "html"];
    let ran = place.run(&args);
    assert_eq!(ran.code, Some(4));
    assert!(ran.stdout.contains("&lt;b&gt;weather&lt;/b&gt;") && !ran.stdout.contains("<b>weather</b>"));
    assert!(ran.stdout.contains("<b>refused:</b> observations: 13,822 of 17,520 rows"), "{}", ran.stdout);
    assert!(ran.stdout.contains("<b>hint:</b> raise `guard.max_share`"));
}

#[test]
fn nothing_else_is_a_page() {
    let place = Place::with_weather();
    let rows = place.value("SELECT count(*) FROM observations");
    for args in [
        &["retention", "apply", "-f", "weather.yaml", "--cluster", DB, "--now", NOW, "--expect-plan", "12345678"][..],
        &["retention", "hold", "list", "--cluster", DB],
        &["query", "--cluster", DB, "SELECT 1"],
        &["cluster", "list"],
    ] {
        let ran = place.run(&[args, &["--format", "html"]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran}");
        assert!(ran.stderr.contains("only `retention plan` is shown as HTML"), "{ran}");
    }
    assert_eq!(place.value("SELECT count(*) FROM observations"), rows);
}
