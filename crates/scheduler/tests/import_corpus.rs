//! Expressions that people have written, imported, against programs of other people: every fire of ten years.
//!
//! `data/cron_corpus.tsv` says of each expression whose rules it was written for and where it stands. The others are
//! `cronsim`, which follows Debian's cron, and `croniter`, both from PyPI: `scripts/setup` puts them into a folder of
//! their own. Where they are not to be had the comparison with the models of the import is made all the same.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a panic is how a test fails")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::hex;
use clusterkeep_scheduler::import::{Format, Imported, Source, Surroundings, import};
use clusterkeep_scheduler::{JobSpec, Schedule};
use clusterkeep_testkit::skip;
use sha2::{Digest, Sha256};

const ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"];
const FROM: &str = "2026-01-01T00:00:00Z";
const UNTIL: &str = "2036-01-01T00:00:00Z";

/// What fires more often than so in ten years is compared around each change of the clock and over a year alone, unless
/// `CLUSTERKEEP_ALL_FIRES` is set: the others' programs take minutes for it.
const OFTEN: u64 = 100_000;

/// How many expressions are compared with `croniter` over all ten years, and how often those may fire: it takes a tenth of
/// a millisecond for each fire. With `CLUSTERKEEP_ALL_FIRES` they may fire [`OFTEN`].
const SAMPLE: usize = 40;
const SELDOM: u64 = 1_000;

/// What is not the same, and why. Nothing else may differ.
const DIFFERENT: [(&str, &str); 5] = [
    ("22 3 0 * *", "a month has no day 0: cron refuses the line, and so does the import"),
    ("0 0 30 2 *", "it never fires, and means that: here such a job is refused, and said to be"),
    ("0 0 31 2 *", "it never fires, and means that: here such a job is refused, and said to be"),
    ("0/5 14,18 * * *", "cron refuses a step without a range; cronsim and the import read it from 0 to 59"),
    ("0 12 1/5 * *", "cron refuses a step without a range; cronsim and the import read it from 1 to 31"),
];

/// Where another program is wrong, and how. It is left out, and the models of the import still hold for the line.
const WRONG: [(&str, &str, &str, &str); 4] = [
    ("cronsim", "Australia/Lord_Howe", "0 */4 * * *", HALF_AN_HOUR),
    ("cronsim", "Australia/Lord_Howe", "30 * * * *", HALF_AN_HOUR),
    ("cronsim", "Australia/Lord_Howe", "0 */2 * * *", HALF_AN_HOUR),
    ("croniter", "UTC", "17 23-23/24 * * *", "it takes a range of one value with a step for one around the end"),
];
const HALF_AN_HOUR: &str = "it steps by the distance in minutes, over the half hour that the clock goes back";

struct Line {
    reader: Format,
    text: String,
    source: String,
}

fn corpus() -> Vec<Line> {
    let text = include_str!("data/cron_corpus.tsv");
    let lines = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let parts: Vec<&str> = line.split('\t').collect();
        let [reader, text, source] = parts.as_slice() else { panic!("{line}") };
        Line { reader: reader.parse().unwrap(), text: (*text).to_owned(), source: (*source).to_owned() }
    });
    lines.collect()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn imported(line: &Line, zone: &str) -> Imported {
    let text = match line.reader {
        Format::Crontab => format!("{} /bin/true\n", line.text),
        Format::Kubernetes => format!(
            "{{apiVersion: batch/v1, kind: CronJob, metadata: {{name: a}}, spec: {{schedule: \"{}\", jobTemplate: {{spec: \
             {{template: {{spec: {{containers: [{{name: a, image: a}}], restartPolicy: Never}}}}}}}}}}}}",
            line.text
        ),
        other => panic!("{other}"),
    };
    let around = Surroundings::from(instant(FROM)).zone(zone.parse().unwrap());
    import(line.reader, &[Source { name: "corpus".into(), text }], &around).unwrap()
}

/// The only job of an import.
fn job(imported: &Imported, line: &Line) -> JobSpec {
    match imported.jobs.as_slice() {
        [job] => job.clone(),
        _ => panic!("{}: {:?}", line.text, imported.notes),
    }
}

/// Each line imported, once for all tests, in one zone after the other.
fn all() -> &'static [(Line, &'static str, Imported)] {
    static ALL: OnceLock<Vec<(Line, &'static str, Imported)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let lines = corpus().into_iter().zip(ZONES.into_iter().cycle());
        let read = |(line, zone)| {
            let imported = imported(&line, zone);
            (line, zone, imported)
        };
        lines.map(read).collect()
    })
}

#[test]
fn the_corpus_has_its_sources_and_is_what_it_says() {
    let corpus = corpus();
    assert!(corpus.len() >= 200, "{}", corpus.len());
    let distinct: std::collections::BTreeSet<_> = corpus.iter().map(|line| &line.text).collect();
    assert!(distinct.len() >= 200, "{}", distinct.len());
    assert!(corpus.iter().all(|line| line.source.contains('/')));
}

/// Each import against the model of what it came from: over all ten years, in a zone whose clock changes.
#[test]
fn every_fire_of_ten_years_by_the_models_of_the_import() {
    for (line, _, imported) in all() {
        if let Some((_, why)) = DIFFERENT.iter().find(|(text, _)| *text == line.text) {
            let notes = &imported.notes;
            assert!(notes.iter().any(|note| note.text.contains("cron")), "{}: {why}: {notes:?}", line.text);
            continue;
        }
        let job = job(imported, line);
        let fires = &imported.equivalences[0];
        assert!(fires.is_explained(), "{}: {fires:?}", line.text);
        assert_eq!(fires.here, fires.same, "{}: {fires:?}", line.text);
        // What a cron daemon makes up for after a gap, one run for each time, is one run here: nothing else is less.
        let lost: u64 = fires.differences.iter().map(|difference| difference.count).sum();
        assert_eq!(fires.there, fires.same + lost, "{}: {fires:?}", line.text);
        assert!(job.zone.to_string() == "UTC" || job.gap.is_some() && job.fold.is_some(), "{job:?}");
    }
}

/// One question to the other programs.
struct Question {
    program: &'static str,
    zone: &'static str,
    text: String,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    most: u64,
}

impl Question {
    fn line(&self) -> String {
        let Self { program, zone, text, from, until, most } = self;
        format!("{program}\t{zone}\t{text}\t{}\t{}\t{most}\n", from.timestamp(), until.timestamp())
    }

    fn ours(&self, schedule: &Schedule) -> Vec<i64> {
        let mut fires = Vec::new();
        let mut after = self.from - TimeDelta::nanoseconds(1);
        while let Some(at) =
            schedule.next_after(after).filter(|at| *at < self.until && (fires.len() as u64) < self.most)
        {
            fires.push(at.timestamp());
            after = at;
        }
        fires
    }
}

/// The interpreter that has the other programs.
fn python() -> Option<String> {
    let place = std::env::var("CLUSTERKEEP_CRONS").ok().or_else(|| {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/crons/bin/python");
        kept.exists().then(|| kept.to_str().unwrap().to_owned())
    });
    let there = place.as_ref().is_some_and(|python| {
        Command::new(python)
            .args(["-c", "import croniter, cronsim"])
            .output()
            .is_ok_and(|output| output.status.success())
    });
    if !there {
        skip::skip_without(
            "crons",
            "no cronsim and croniter in target/crons, nor by the interpreter at CLUSTERKEEP_CRONS",
        );
    }
    place.filter(|_| there)
}

fn ask(python: &str, questions: &str, list: bool) -> Vec<String> {
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/oracle.py")).args(list.then_some("--list"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let questions = questions.to_owned();
    let writer = std::thread::spawn(move || input.write_all(questions.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Days around the changes of a zone's clock, and the year 2028, which has a leap day.
fn windows(zone: &str) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    use chrono::{Offset, TimeZone};
    let zone: chrono_tz::Tz = zone.parse().unwrap();
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let mut windows = vec![(instant("2028-02-20T00:00:00Z"), instant("2028-03-10T00:00:00Z"))];
    let mut day = instant(FROM);
    while day < instant(UNTIL) {
        let next = day + TimeDelta::days(1);
        if offset(day) != offset(next) {
            windows.push((day - TimeDelta::days(1), next + TimeDelta::days(1)));
        }
        day = next;
    }
    windows
}

/// `cronsim` reads no nicknames.
fn fields(text: &str) -> String {
    if text == "@monthly" { "0 0 1 * *".to_owned() } else { text.to_owned() }
}

/// Expressions that fire at most so often in ten years: as good as drawn, and the same ones each time.
fn sample(most: u64) -> std::collections::BTreeSet<String> {
    let known = all().iter().filter(|(line, ..)| DIFFERENT.iter().all(|(text, _)| *text != line.text));
    let seldom = known.filter(|(.., imported)| imported.equivalences.first().is_some_and(|fires| fires.there <= most));
    let mut texts: Vec<&str> = seldom.map(|(line, ..)| line.text.as_str()).collect();
    texts.sort_by_key(|text| Sha256::digest(text));
    texts.dedup();
    texts.into_iter().take(SAMPLE).map(str::to_owned).collect()
}

#[test]
fn every_fire_of_ten_years_by_other_programs() {
    let Some(python) = python() else { return };
    let complete = std::env::var_os("CLUSTERKEEP_ALL_FIRES").is_some();
    let (mut questions, mut jobs, mut shortened) = (Vec::new(), Vec::new(), 0);
    let sample = sample(if complete { OFTEN } else { SELDOM });
    assert_eq!(sample.len(), SAMPLE);
    for (line, zone, imported) in all() {
        if DIFFERENT[..3].iter().any(|(text, _)| *text == line.text) {
            continue;
        }
        let mut job = job(imported, line);
        // Debian's rules for the clock's changes are not those of Kubernetes, which no program here has but its own.
        let zone = if line.reader == Format::Crontab { *zone } else { "UTC" };
        job.zone = zone.parse().unwrap();
        let often = imported.equivalences.first().is_none_or(|fires| fires.there > OFTEN);
        if line.text.contains("0/5") || line.text.contains("1/5") {
            // Cron refuses it, so that no rule for changes came with it; cronsim takes it for one of fixed times.
            (job.gap, job.fold) =
                (Some(clusterkeep_scheduler::Gap::RunAfter), Some(clusterkeep_scheduler::Fold::First));
        }
        let schedule = job.schedule().unwrap();
        let whole = vec![(instant(FROM), instant(UNTIL))];
        let spans = if often && !complete { windows(zone) } else { whole };
        shortened += usize::from(often && !complete);
        for (from, until) in spans {
            questions.push(Question {
                program: "cronsim",
                zone,
                text: fields(&line.text),
                from,
                until,
                most: u64::MAX,
            });
            jobs.push(schedule.clone());
        }
        let (from, until) = (instant(FROM), instant(UNTIL));
        let most = if sample.contains(&line.text) { u64::MAX } else { 100 };
        questions.push(Question { program: "croniter", zone: "UTC", text: fields(&line.text), from, until, most });
        jobs.push(schedule.zone("UTC".parse().unwrap()));
    }
    if shortened > 0 {
        eprintln!(
            "not run in full: {shortened} expressions that fire very often; set CLUSTERKEEP_ALL_FIRES=1 to run them"
        );
    }
    let text: String = questions.iter().map(Question::line).collect();
    let answers = ask(&python, &text, false);
    assert_eq!(answers.len(), questions.len());
    let mut wrong = String::new();
    for ((question, schedule), answer) in questions.iter().zip(&jobs).zip(&answers) {
        let ours = question.ours(schedule);
        let mut digest = Sha256::new();
        ours.iter().for_each(|at| digest.update(format!("{at}\n")));
        let hex = hex::digits(&digest.finalize());
        if *answer == format!("{} {hex}", ours.len()) {
            continue;
        }
        let known = WRONG.iter().find(|(program, zone, text, _)| {
            (*program, *zone, *text) == (question.program, question.zone, question.text.as_str())
        });
        if let Some((program, zone, text, why)) = known {
            eprintln!("left out: {program} on `{text}` in {zone}: {why}");
            continue;
        }
        let theirs: Vec<i64> = ask(&python, &question.line(), true).iter().filter_map(|at| at.parse().ok()).collect();
        let first = (0..).find(|i| ours.get(*i) != theirs.get(*i)).unwrap();
        let at = |fires: &[i64]| fires.get(first).map(|at| DateTime::from_timestamp(*at, 0).unwrap().to_rfc3339());
        writeln!(
            wrong,
            "{} `{}` in {}: {:?} here, {:?} there ({answer})",
            question.program,
            question.text,
            question.zone,
            at(&ours),
            at(&theirs)
        )
        .unwrap();
    }
    assert!(wrong.is_empty(), "{wrong}");
}
