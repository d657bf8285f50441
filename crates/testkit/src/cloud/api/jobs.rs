//! Jobs: data into a cluster, and out of it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::{Call, Fields, MISSING};
use super::super::errands::Errand;
use super::super::world::World;
use super::super::world::job::{Direction, File, Job, Outcome};
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/clusters/{cluster_id}/import-jobs/", imports),
    route("POST", "/api/v2/clusters/{cluster_id}/import-jobs/", import),
    route("GET", "/api/v2/clusters/{cluster_id}/import-jobs/{import_job_id}/", import_job),
    route("DELETE", "/api/v2/clusters/{cluster_id}/import-jobs/{import_job_id}/", delete_import),
    route("GET", "/api/v2/clusters/{cluster_id}/import-jobs/{import_job_id}/progress/", progress),
    route("GET", "/api/v2/clusters/{cluster_id}/export-jobs/", exports),
    route("POST", "/api/v2/clusters/{cluster_id}/export-jobs/", export),
    route("GET", "/api/v2/clusters/{cluster_id}/export-jobs/{export_job_id}/", export_job),
    route("DELETE", "/api/v2/clusters/{cluster_id}/export-jobs/{export_job_id}/", delete_export),
];

/// What the sources of imports are made of. `dynamodb` is newer than the vendor's document.
const SOURCES: [(&str, &[&str], &[&str]); 5] = [
    ("url", &["url"], &[]),
    ("file", &["id"], &[]),
    ("s3", &["bucket", "file_path", "secret_id"], &["endpoint"]),
    ("azureblob", &["container_name", "blob_name", "secret_id"], &[]),
    ("dynamodb", &["region", "table_name", "secret_id"], &["endpoint", "kinesis_stream_name"]),
];

/// How many records a source has that nobody reads.
const RECORDS: u64 = 1_000;

fn imports(world: &mut World, call: &Call) -> Answered {
    list(world, call, Direction::Import)
}

fn exports(world: &mut World, call: &Call) -> Answered {
    list(world, call, Direction::Export)
}

/// Newest first.
fn list(world: &World, call: &Call, direction: Direction) -> Answered {
    let cluster = world.cluster(call)?.id;
    let jobs = world.jobs.iter().rev().filter(|job| job.cluster == cluster && job.direction == direction);
    Answer::ok(&jobs.map(|job| view(world, call, job)).collect::<Vec<Value>>())
}

fn view(world: &World, call: &Call, job: &Job) -> Value {
    let file = world.files.iter().find(|file| Some(file.id) == job.file);
    // The file of an export is there when it is full.
    let file = file.filter(|file| file.content.is_some());
    job.view(call.now, file.map(|file| file.brief(&call.endpoint)))
}

/// The place of the job of the path.
fn find(world: &World, call: &Call, direction: Direction) -> Result<usize, Answer> {
    let cluster = world.cluster(call)?.id;
    let id = call.id(if direction == Direction::Import { "import_job_id" } else { "export_job_id" })?;
    let at = world.jobs.iter().position(|job| job.id == id && job.cluster == cluster && job.direction == direction);
    at.ok_or_else(Answer::not_found)
}

fn import_job(world: &mut World, call: &Call) -> Answered {
    Answer::ok(&view(world, call, &world.jobs[find(world, call, Direction::Import)?]))
}

fn export_job(world: &mut World, call: &Call) -> Answered {
    Answer::ok(&view(world, call, &world.jobs[find(world, call, Direction::Export)?]))
}

fn delete_import(world: &mut World, call: &Call) -> Answered {
    delete(world, call, Direction::Import)
}

fn delete_export(world: &mut World, call: &Call) -> Answered {
    delete(world, call, Direction::Export)
}

/// Cancels one that runs, and drops one that has ended from the list.
fn delete(world: &mut World, call: &Call, direction: Direction) -> Answered {
    let at = find(world, call, direction)?;
    world.cluster_mut(call)?;
    world.jobs.remove(at);
    Answer::nothing()
}

fn progress(world: &mut World, call: &Call) -> Answered {
    let job = &world.jobs[find(world, call, Direction::Import)?];
    let progress = job.progress(call.now);
    let mut file = progress.numbers();
    file["name"] = source_name(&job.request).into();
    file["status"] = progress.status.word().into();
    file["message"] = progress.message.clone().into();
    let mut numbers = progress.numbers();
    let offset: usize =
        call.query("offset").unwrap_or("0").parse().map_err(|_| Answer::field("offset", "Not a valid integer."))?;
    numbers["files"] = if offset == 0 { json!([file]) } else { json!([]) };
    numbers["total_files"] = 1.into();
    numbers["processed_files"] = i32::from(job.ends() <= call.now).into();
    numbers["failed_files"] = 0.into();
    Answer::ok(&json!({"job_id": job.id, "message": progress.message, "progress": numbers, "details": {}}))
}

/// What the source calls its file.
fn source_name(request: &Value) -> String {
    let places =
        ["/url/url", "/s3/file_path", "/azureblob/blob_name", "/file/name", "/file/id", "/dynamodb/table_name"];
    places.iter().find_map(|place| request.pointer(place)?.as_str()).unwrap_or_default().to_owned()
}

fn import(world: &mut World, call: &Call) -> Answered {
    let cluster = world.cluster_mut(call)?;
    cluster.is_awake()?;
    let (id, is_backed) = (cluster.id, cluster.backing.is_some());
    let known = ["type", "format", "compression", "destination", "schema", "ingestion_type"];
    let names = SOURCES.iter().map(|(name, ..)| *name);
    let fields = call.fields(&known.into_iter().chain(names).collect::<Vec<_>>())?;
    let mut errors = Errors::default();
    let (kind, format) = (fields.required("type", &mut errors), fields.required("format", &mut errors));
    one_of("format", &format, &["csv", "json", "parquet"], &fields, &mut errors);
    let compression = compression(&fields, &mut errors);
    let destination = fields.object("destination", &["table", "create_table", "table_definition"])?;
    let Some(destination) = destination else { return Err(Answer::field("destination", MISSING)) };
    let table = destination.required("table", &mut errors);
    let create = if destination.has("create_table") { destination.flag("create_table")? } else { true };
    let source = source(world, &kind, &fields, &mut errors)?;
    errors.none()?;
    let mut request = json!({
        "type": kind,
        "format": format,
        "compression": compression,
        "destination": {"table": table, "create_table": create},
    });
    if let Some(definition) = destination.get("table_definition") {
        request["destination"]["table_definition"] = definition.clone();
    }
    if let Some(schema) = fields.get("schema") {
        request["schema"] = schema.clone();
    }
    request[&kind] = source;
    let file = request.pointer("/file/id").and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
    let content = world.files.iter().find(|known| Some(known.id) == file).and_then(|file| file.content.as_ref());
    let (records, bytes) = content.map_or((RECORDS, RECORDS * 64), |content| {
        let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64;
        (if format == "csv" { lines.saturating_sub(1) } else { lines }, content.len() as u64)
    });
    let real = is_backed && ["url", "file"].contains(&kind.as_str()) && format != "parquet";
    let outcome = if real { Outcome::Working } else { Outcome::Done { records, failed: 0, bytes } };
    begin(world, call, id, Direction::Import, request, outcome, file)
}

fn one_of(name: &str, value: &str, allowed: &[&str], fields: &Fields, errors: &mut Errors) {
    if fields.has(name) && !allowed.contains(&value) {
        errors.add(name, &format!("Must be one of: {}.", allowed.join(", ")));
    }
}

fn compression(fields: &Fields, errors: &mut Errors) -> String {
    let compression = fields.text("compression", errors).unwrap_or_else(|| "none".to_owned());
    one_of("compression", &compression, &["gzip", "none"], fields, errors);
    compression
}

/// Where the data comes from, checked as far as it can be.
fn source(world: &World, kind: &str, fields: &Fields, errors: &mut Errors) -> Result<Value, Answer> {
    let Some((_, needs, may)) = SOURCES.iter().find(|(name, ..)| *name == kind) else {
        if fields.has("type") {
            errors.add("type", "Must be one of: url, file, s3, azureblob, dynamodb.");
        }
        return Ok(Value::Null);
    };
    let known: Vec<&str> = needs.iter().chain(*may).copied().chain(["name"]).collect();
    let Some(source) = fields.object(kind, &known)? else {
        errors.add(kind, MISSING);
        return Ok(Value::Null);
    };
    let mut view = json!({});
    for name in *needs {
        view[*name] = source.required(name, errors).into();
    }
    for name in *may {
        if let Some(text) = source.text(name, errors) {
            view[*name] = text.into();
        }
    }
    let is = |id: Uuid, name: &str| view[name].as_str().and_then(|text| text.parse().ok()) == Some(id);
    if kind == "file" && source.has("id") && !world.files.iter().any(|file| is(file.id, "id") && file.content.is_some())
    {
        errors.add("file", "The file does not exist or was not uploaded.");
    }
    if source.has("secret_id") && !world.secrets.iter().any(|secret| is(secret.id, "secret_id")) {
        errors.add("secret_id", "The secret does not exist.");
    }
    Ok(view)
}

fn export(world: &mut World, call: &Call) -> Answered {
    let cluster = world.cluster_mut(call)?;
    cluster.is_awake()?;
    let (id, is_backed) = (cluster.id, cluster.backing.is_some());
    let fields = call.fields(&["source", "destination", "compression"])?;
    let mut errors = Errors::default();
    let compression = compression(&fields, &mut errors);
    let source = fields.object("source", &["table"])?.ok_or_else(|| Answer::field("source", MISSING))?;
    let destination =
        fields.object("destination", &["format"])?.ok_or_else(|| Answer::field("destination", MISSING))?;
    let (table, format) = (source.required("table", &mut errors), destination.required("format", &mut errors));
    one_of("format", &format, &["csv", "json", "parquet"], &destination, &mut errors);
    errors.none()?;
    let organization = world.organization_of(world.cluster(call)?);
    let mut file = File::new(organization, &format!("{table}.{format}"), call.now);
    let real = is_backed && format != "parquet";
    let outcome = if real {
        Outcome::Working
    } else {
        let content = if format == "csv" { "id\n1\n2\n3\n" } else { "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n" };
        file.content = Some(content.as_bytes().to_vec());
        Outcome::Done { records: 3, failed: 0, bytes: content.len() as u64 }
    };
    let request = json!({"source": {"table": table}, "destination": {"format": format}, "compression": compression});
    let file_id = file.id;
    world.files.push(file);
    begin(world, call, id, Direction::Export, request, outcome, Some(file_id))
}

/// Puts the job on the list, and a real database to work.
fn begin(
    world: &mut World,
    call: &Call,
    cluster: Uuid,
    direction: Direction,
    request: Value,
    outcome: Outcome,
    file: Option<Uuid>,
) -> Answered {
    let failure = if world.job_failures.is_empty() { None } else { Some(world.job_failures.remove(0)) };
    let works = matches!(outcome, Outcome::Working) && failure.is_none();
    let job = Job {
        id: Uuid::new_v4(),
        cluster,
        direction,
        request,
        began: call.now,
        length: world.operation_time,
        outcome: failure.map_or(outcome, Outcome::Failed),
        file,
    };
    if works {
        world.errands.push(Errand::of(&job));
    }
    let view = view(world, call, &job);
    world.jobs.push(job);
    Answer::created(&view)
}
