//! Cron expressions: the next fire, parsing and size, beside the crates `cron`, `croner` and `cronexpr` in the same run.
//!
//! Next fires are asked for from the same random instants (2020 to 2037), in UTC and in New York; each figure is that of
//! the fastest of 15 passes, for peers like for ours: whatever else the machine does only adds to it. Bytes are what the process grows by, per expression, where 50,000 of them are kept: an allocator that counts
//! would need unsafe code.
//!
//!     cargo bench --manifest-path benches/peers/Cargo.toml

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends where it can't go on"
)]

use std::hint::black_box;
use std::process::Command;
use std::str::FromStr;
use std::time::Instant;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clusterkeep_scheduler::{Cron, Schedule, Trigger};

/// What is asked for, in five fields.
const EXPRESSIONS: [(&str, &str); 6] = [
    ("every minute", "* * * * *"),
    ("every 5 minutes", "*/5 * * * *"),
    ("daily 03:30", "30 3 * * *"),
    ("weekdays 9-17", "0 9-17 * * MON-FRI"),
    ("1st of the month", "0 0 1 * *"),
    ("29 February", "0 0 29 2 *"),
];

const STARTS: usize = 5_000;
const KEPT: usize = 50_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, engine, text] = arguments.as_slice()
        && flag == "--grown"
    {
        println!("{}", grown_here(engine, text));
        return;
    }
    println!(
        "peers: cron 0.17.0 (chrono-tz), croner 4.0.3 (chrono-tz), cronexpr 1.7.0 (jiff, its own zones); defaults"
    );
    println!("{:<34}{:>12}{:>12}{:>12}{:>12}{:>14}", "", "clusterkeep", "cron", "croner", "cronexpr", "best peer/ours");
    let starts = starts();
    for (zone, name) in [(Tz::UTC, "UTC"), (Tz::America__New_York, "New York")] {
        for (what, text) in EXPRESSIONS {
            next(&format!("next, {name}, {what}"), text, zone, &starts);
        }
    }
    for (what, text) in EXPRESSIONS {
        parse(&format!("parse, {what}"), text);
    }
    for (what, text) in EXPRESSIONS {
        size(&format!("bytes, {what}"), text);
    }
    println!("size_of one compiled expression: {} bytes", size_of::<Cron>());
}

fn next(what: &str, text: &str, zone: Tz, starts: &[DateTime<Utc>]) {
    let ours = Schedule::new(Trigger::Cron(Cron::parse(text).unwrap())).zone(zone.into());
    let cron = cron::Schedule::from_str(&for_cron(text)).unwrap();
    let croner = croner::Cron::from_str(text).unwrap();
    let cronexpr = cronexpr::parse_crontab(&format!("{text} {}", zone.name())).unwrap();
    let local: Vec<DateTime<Tz>> = starts.iter().map(|at| at.with_timezone(&zone)).collect();
    let stamps: Vec<jiff::Timestamp> =
        starts.iter().map(|at| jiff::Timestamp::from_second(at.timestamp()).unwrap()).collect();
    line(
        what,
        "ns",
        time(starts, |at| ours.next_after(*at)),
        [
            time(&local, |at| cron.after(at).next()),
            time(&local, |at| croner.find_next_occurrence(at, false).ok()),
            time(&stamps, |at| cronexpr.find_next(*at).ok()),
        ],
    );
}

fn parse(what: &str, text: &str) {
    let texts = vec![text; STARTS];
    let others = vec![for_cron(text); STARTS];
    let zoned = vec![format!("{text} UTC"); STARTS];
    line(
        what,
        "ns",
        time(&texts, |text| Cron::parse(text)),
        [
            time(&others, |text| cron::Schedule::from_str(text)),
            time(&texts, |text| croner::Cron::from_str(text)),
            time(&zoned, |text| cronexpr::parse_crontab(text)),
        ],
    );
}

fn size(what: &str, text: &str) {
    line(what, "B", grown("clusterkeep", text), ["cron", "croner", "cronexpr"].map(|engine| grown(engine, text)));
}

/// What one expression costs, in a process of its own: memory that was freed before would be used again.
fn grown(engine: &str, text: &str) -> f64 {
    let program = std::env::current_exe().expect("the path of this program");
    let output = Command::new(program).args(["--grown", engine, text]).output().expect("this program starts");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

fn grown_here(engine: &str, text: &str) -> f64 {
    match engine {
        "clusterkeep" => growth(|| Cron::parse(text).unwrap()),
        "cron" => growth(|| cron::Schedule::from_str(&for_cron(text)).unwrap()),
        "croner" => growth(|| croner::Cron::from_str(text).unwrap()),
        _ => growth(|| cronexpr::parse_crontab(&format!("{text} UTC")).unwrap()),
    }
}

/// `cron` wants seconds in front; days of the week are named in all of these, so that their numbers don't matter.
fn for_cron(text: &str) -> String {
    format!("0 {text}")
}

/// Instants from 2020 to 2037, the same in each run.
fn starts() -> Vec<DateTime<Utc>> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let random = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    let (first, last) = (1_577_836_800, 2_145_916_800);
    let seconds = random.map(|number| first + i64::try_from(number % (last - first) as u64).unwrap());
    seconds.take(STARTS).map(|second| DateTime::from_timestamp(second, 0).unwrap()).collect()
}

/// Nanoseconds per call: the fastest of 15 passes over all of `inputs`.
fn time<T, R>(inputs: &[T], mut call: impl FnMut(&T) -> R) -> f64 {
    let passes = (0..15).map(|_| {
        let start = Instant::now();
        for input in inputs {
            black_box(call(black_box(input)));
        }
        start.elapsed().as_secs_f64() * 1e9 / inputs.len() as f64
    });
    passes.fold(f64::INFINITY, f64::min)
}

/// Bytes by which the process grows for each of many.
fn growth<T>(make: impl Fn() -> T) -> f64 {
    let mut kept = Vec::with_capacity(KEPT);
    // The vector's own pages are part of what one costs, and are not there before they are written.
    let before = resident();
    kept.extend(std::iter::repeat_with(&make).take(KEPT));
    let after = resident();
    black_box(&kept);
    (after - before).max(0.0) / KEPT as f64
}

/// Resident memory in bytes, where the system tells.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kibibytes.unwrap_or_default() * 1024.0
}

fn line(what: &str, unit: &str, ours: f64, peers: [f64; 3]) {
    let best = peers.iter().copied().fold(f64::INFINITY, f64::min);
    let cell = |value: f64| format!("{value:.0} {unit}");
    println!(
        "{what:<34}{:>12}{:>12}{:>12}{:>12}{:>14}",
        cell(ours),
        cell(peers[0]),
        cell(peers[1]),
        cell(peers[2]),
        if ours > 0.0 { format!("{:.2}", best / ours) } else { "-".to_owned() },
    );
}
