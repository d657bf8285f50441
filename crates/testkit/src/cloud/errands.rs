//! What jobs do in a real database: imports are read by the database itself, exports are written here.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::server::{Shared, lock};
use super::world::World;
use super::world::job::{Direction, Job, Outcome};

/// A table is made with a column, and this one goes when the data has brought others.
const PLACEHOLDER: &str = "clusterkeep_placeholder";

/// A job that a real database is to do.
#[derive(Debug)]
pub(super) struct Errand {
    job: Uuid,
    cluster: Uuid,
    direction: Direction,
    request: Value,
    file: Option<Uuid>,
}

impl Errand {
    pub(super) fn of(job: &Job) -> Self {
        let request = job.request.clone();
        Self { job: job.id, cluster: job.cluster, direction: job.direction, request, file: job.file }
    }
}

/// Sends out all that wait. The world is locked meanwhile.
pub(super) fn send_all(world: &mut World, shared: &Arc<Shared>) {
    for errand in std::mem::take(&mut world.errands) {
        let backing = world.clusters.iter().find(|cluster| cluster.id == errand.cluster);
        let Some(target) = backing.and_then(|cluster| cluster.backing.clone()) else { continue };
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            let outcome = run(&errand, &target, &shared).await;
            let mut world = lock(&shared.world);
            if let Some(job) = world.jobs.iter_mut().find(|job| job.id == errand.job) {
                job.outcome = outcome;
            }
        });
    }
}

async fn run(errand: &Errand, target: &Url, shared: &Shared) -> Outcome {
    let ended = match errand.direction {
        Direction::Import => import(errand, target, shared).await,
        Direction::Export => export(errand, target, shared).await,
    };
    ended.unwrap_or_else(Outcome::Failed)
}

/// One statement, and the database's answer or its complaint.
async fn statement(target: &Url, text: &str, args: Value) -> Result<Value, String> {
    let mut url = target.clone();
    url.set_path("/_sql");
    let client = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
    let sent = client.post(url).json(&json!({"stmt": text, "args": args})).send().await;
    let answer: Value = match sent {
        Ok(answer) => answer.json().await.map_err(|error| error.without_url().to_string())?,
        Err(error) => return Err(error.without_url().to_string()),
    };
    match answer.pointer("/error/message").and_then(Value::as_str) {
        Some(message) => Err(message.to_owned()),
        None => Ok(answer),
    }
}

/// A table as the API has it, quoted unless it is quoted already: `schema.table`, where names may have any letters.
fn quoted(table: &str) -> String {
    if table.contains('"') {
        return table.to_owned();
    }
    match table.split_once('.') {
        Some((schema, name)) => format!("\"{schema}\".\"{name}\""),
        None => format!("\"{table}\""),
    }
}

/// The database reads the file itself. A table that is not there gets its columns from the data.
async fn import(errand: &Errand, target: &Url, shared: &Shared) -> Result<Outcome, String> {
    let request = &errand.request;
    let text = |place: &str| request.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned();
    let table = quoted(&text("/destination/table"));
    let mut has_placeholder = false;
    let (source, bytes) = {
        let world = lock(&shared.world);
        match world.files.iter().find(|file| Some(file.id) == errand.file) {
            Some(file) => (file.download_url(&shared.endpoint), file.content.as_ref().map_or(0, Vec::len) as u64),
            None => (text("/url/url"), 0),
        }
    };
    if request.pointer("/destination/create_table") == Some(&Value::Bool(true)) {
        let create = match request.pointer("/destination/table_definition").and_then(Value::as_array) {
            Some(columns) => {
                let columns: Vec<String> = columns
                    .iter()
                    .map(|column| {
                        let part = |name: &str| column[name].as_str().unwrap_or_default();
                        format!("\"{}\" {} {}", part("name"), part("type"), part("extra"))
                    })
                    .collect();
                format!("CREATE TABLE IF NOT EXISTS {table} ({})", columns.join(", "))
            }
            None => format!("CREATE TABLE {table} ({PLACEHOLDER} BOOLEAN) WITH (column_policy = 'dynamic')"),
        };
        match statement(target, &create, json!([])).await {
            Ok(_) => has_placeholder = create.contains(PLACEHOLDER),
            Err(error) if error.contains("RelationAlreadyExists") => {}
            Err(error) => return Err(error),
        }
    }
    let (format, compression) = (text("/format"), text("/compression"));
    let mut copy = format!("COPY {table} FROM ? WITH (format = '{format}', wait_for_completion = true");
    if compression == "gzip" {
        copy.push_str(", compression = 'gzip'");
    }
    copy.push_str(") RETURN SUMMARY");
    let summary = statement(target, &copy, json!([source])).await?;
    statement(target, &format!("REFRESH TABLE {table}"), json!([])).await?;
    if has_placeholder
        && let Err(error) =
            statement(target, &format!("ALTER TABLE {table} DROP COLUMN {PLACEHOLDER}"), json!([])).await
    {
        // It stays where nothing was imported: a table has at least one column.
        tracing::debug!(error, "the placeholder of an imported table stays");
    }
    let column = |name: &str| summary["cols"].as_array().and_then(|cols| cols.iter().position(|col| col == name));
    let sum = |name: &str| {
        let at = column(name);
        let rows = summary["rows"].as_array().into_iter().flatten();
        rows.filter_map(|row| at.and_then(|at| row[at].as_u64())).sum::<u64>()
    };
    let (records, failed) = (sum("success_count"), sum("error_count"));
    if records == 0 {
        let errors = column("errors").map(|at| summary["rows"][0][at].to_string()).unwrap_or_default();
        if failed > 0 || errors.len() > 2 {
            return Err(format!("No record could be imported: {errors}"));
        }
    }
    Ok(Outcome::Done { records, failed, bytes })
}

/// All rows, as lines.
async fn export(errand: &Errand, target: &Url, shared: &Shared) -> Result<Outcome, String> {
    let request = &errand.request;
    let text = |place: &str| request.pointer(place).and_then(Value::as_str).unwrap_or_default();
    let table = quoted(text("/source/table"));
    let answer = statement(target, &format!("SELECT * FROM {table}"), json!([])).await?;
    let columns: Vec<&str> = answer["cols"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let rows = answer["rows"].as_array().map_or(&[][..], Vec::as_slice);
    let mut lines = match text("/destination/format") {
        "csv" => csv_lines(&columns, rows)?,
        _ => {
            let mut lines = String::new();
            for row in rows {
                let row: serde_json::Map<String, Value> =
                    columns.iter().enumerate().map(|(at, name)| ((*name).to_owned(), row[at].clone())).collect();
                writeln!(lines, "{}", Value::Object(row)).map_err(|error| error.to_string())?;
            }
            lines.into_bytes()
        }
    };
    if text("/compression") == "gzip" {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        lines = gzip.write_all(&lines).and_then(|()| gzip.finish()).map_err(|error| error.to_string())?;
    }
    let outcome = Outcome::Done { records: rows.len() as u64, failed: 0, bytes: lines.len() as u64 };
    let now = shared.clock.now();
    let mut world = lock(&shared.world);
    if let Some(file) = world.files.iter_mut().find(|file| Some(file.id) == errand.file) {
        file.content = Some(lines);
        file.modified = now;
    }
    Ok(outcome)
}

fn csv_lines(columns: &[&str], rows: &[Value]) -> Result<Vec<u8>, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns).map_err(|error| error.to_string())?;
    for row in rows {
        let cells = (0..columns.len()).map(|at| match &row[at] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        writer.write_record(cells).map_err(|error| error.to_string())?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}
