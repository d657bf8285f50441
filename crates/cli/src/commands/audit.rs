//! `audit`: reads the record of what was done, and checks that it is whole.

use std::sync::Arc;

use clusterkeep_core::audit::{self, Audit, Entry, Head, JsonlAudit, Record, TableAudit};
use clusterkeep_core::sql::ConnectOptions;
use clusterkeep_core::state::State;
use clusterkeep_core::{Error, ExitCode, Result};
use serde::Serialize;

use crate::args::{AuditCommand, AuditSource, ListArgs, VerifyArgs};
use crate::context::{Context, state_folder};
use crate::output::{Format, Listing};

/// How many records are read at once.
const PAGE: usize = 1000;

pub(super) async fn run(command: AuditCommand, context: &Context) -> Result<ExitCode> {
    match command {
        AuditCommand::List(args) => list(args, context).await,
        AuditCommand::Verify(args) => verify(args, context).await,
    }
}

/// The audit that is meant; `None` where nothing was ever recorded.
async fn open(source: &AuditSource, context: &Context) -> Result<Option<Audit>> {
    if let Some(path) = &source.file {
        if !path.exists() {
            return Err(Error::input(format!("there is no file `{}`", path.display()))
                .with_hint("name the file of an audit, or the cluster whose database holds one"));
        }
        return Ok(Some(Arc::new(JsonlAudit::at(path))));
    }
    if source.plans {
        return Ok(Some(Arc::new(JsonlAudit::at(state_folder()?.join(super::retention::PLANS)))));
    }
    let options = ConnectOptions::default().read_only();
    let db = match &source.state {
        Some(address) => context.connect_state(address, options).await?,
        None => context.connect(&source.cluster, options).await?.db,
    };
    let state = State::of(db);
    if !state.exists().await? {
        return Ok(None);
    }
    Ok(Some(Arc::new(TableAudit::new(state, &source.chain))))
}

async fn list(args: ListArgs, context: &Context) -> Result<ExitCode> {
    let mut records = Vec::new();
    if let Some(audit) = open(&args.source, context).await?
        && let Some(head) = audit.head().await?
    {
        let limit = args.limit as usize;
        records = audit.read((head.number + 1).saturating_sub(limit as u64).max(1), limit).await?;
    }
    let listing = Listing::of(&records, "nothing was recorded yet")
        .column("number", |record: &Record| record.number.into())
        .column("at", |record| show(record, |entry| entry.at.format("%Y-%m-%d %H:%M:%S UTC").to_string()).into())
        .column("event", |record| show(record, event).into())
        .column("subject", |record| show(record, |entry| entry.subject.clone()).into())
        .column("plan", |record| show(record, |entry| entry.plan.chars().take(8).collect()).into())
        .column("step", |record| record.entry().ok().and_then(|entry| entry.step).into())
        .column("who", |record| show(record, |entry| entry.actor.clone()).into())
        .column("what", |record| show(record, what).into());
    context.printer.data(&listing.render(context.printer.format(), &records)?)?;
    Ok(ExitCode::Done)
}

/// A field of what the record says; empty where a later version wrote it.
fn show(record: &Record, field: impl Fn(&Entry) -> String) -> Option<String> {
    record.entry().ok().map(|entry| field(&entry))
}

fn event(entry: &Entry) -> String {
    serde_json::to_value(entry.event).ok().and_then(|event| event.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The part of the data that fits into a row: what became of how much.
fn what(entry: &Entry) -> String {
    let text = |key: &str| entry.data.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    let number = |key: &str| entry.data.get(key).and_then(serde_json::Value::as_u64);
    let objects = entry.data.get("objects").and_then(serde_json::Value::as_array);
    let only = objects.filter(|all| all.len() == 1).and_then(|all| all.first()?.as_str());
    let objects = objects.map(Vec::len);
    let parts = [
        text("change").map(|change| match only {
            Some(object) => format!("{change} {object}"),
            None => change,
        }),
        text("outcome"),
        text("approval").map(|approval| format!("approved by {approval}")),
        text("about"),
        text("table"),
        text("id").map(|id| id.chars().take(8).collect()),
        number("version").map(|n| format!("version {n}")),
        text("reason"),
        objects.map(|n| format!("{n} object{}", if n == 1 { "" } else { "s" })),
        number("runs").map(|n| format!("{n} run{}", if n == 1 { "" } else { "s" })),
        number("steps").map(|n| format!("{n} step{}", if n == 1 { "" } else { "s" })),
        number("done").map(|n| format!("{n} done")),
        text("message"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

async fn verify(args: VerifyArgs, context: &Context) -> Result<ExitCode> {
    let expected = args.head.as_deref().map(known_head).transpose()?;
    let audit = open(&args.source, context).await?;
    let mut head: Option<Head> = None;
    let mut whole = 0;
    let mut wrong = None;
    let mut seen = expected.is_none();
    if let Some(audit) = audit {
        loop {
            let from = head.as_ref().map_or(1, |head| head.number + 1);
            let records = audit.read(from, PAGE).await?;
            if records.is_empty() {
                break;
            }
            if let Some((number, hash)) = &expected {
                seen |= records.iter().any(|record| record.number == *number && record.hash.starts_with(hash.as_str()));
            }
            match audit::verify(head.clone(), &records) {
                Ok(next) => {
                    head = next;
                    whole = head.as_ref().map_or(0, |head| head.number);
                }
                Err(broken) => {
                    whole = broken.number.saturating_sub(1);
                    wrong = Some(broken.to_string());
                    break;
                }
            }
        }
    }
    if wrong.is_none() && !seen {
        let given = args.head.unwrap_or_default();
        wrong = Some(format!("record {given} is not there: the newest records were cut off or replaced"));
    }
    answer(context, head.as_ref(), whole, wrong)
}

/// What a check found.
#[derive(Debug, Serialize)]
struct Checked {
    whole: bool,
    records: u64,
    head: Option<String>,
    broken: Option<String>,
}

fn answer(context: &Context, head: Option<&Head>, records: u64, broken: Option<String>) -> Result<ExitCode> {
    let code = if broken.is_some() { ExitCode::Failed } else { ExitCode::Done };
    let checked = [Checked { whole: broken.is_none(), records, head: head.map(ToString::to_string), broken }];
    let text = match (context.printer.format(), &checked) {
        (Format::Table, [Checked { broken: Some(wrong), .. }]) => {
            format!("broken: {wrong}; {records} records before it are whole")
        }
        (Format::Table, [Checked { head: Some(head), .. }]) => format!("whole: {records} records, head {head}"),
        (Format::Table, _) => "whole: nothing was recorded yet".to_owned(),
        (format, [only]) => Listing::of(&checked, "")
            .column("whole", |checked: &Checked| checked.whole.into())
            .column("records", |checked| checked.records.into())
            .column("head", |checked| checked.head.clone().into())
            .column("broken", |checked| checked.broken.clone().into())
            .render(format, only)?,
    };
    context.printer.data(&text)?;
    Ok(code)
}

/// A head as `audit verify` and reports print it.
fn known_head(text: &str) -> Result<(u64, String)> {
    text.split_once(':')
        .and_then(|(number, hash)| Some((number.parse().ok()?, hash.to_ascii_lowercase())))
        .filter(|(_, hash)| hash.len() >= 8 && hash.chars().all(|c| c.is_ascii_hexdigit()))
        .ok_or_else(|| {
            Error::input("the head is no `number:hash`")
                .with_hint("copy it from where it was printed: 12:9b1c0a52de3f4471")
        })
}
