//! What jobs do: tables of temporary data cleaned each night, a download that is transformed and loaded, a sequence of
//! statements, and a sine wave that is written every 20 ms. Nothing leaves this machine.
//!
//!     cargo run -p clusterkeep-examples --example jobs

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clusterkeep_core::age::{Age, hours};
use clusterkeep_core::sql::{ConnectOptions, Db, sql};
use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::target::{Addresses, Http, Sql, SqlRunner};
use clusterkeep_scheduler::{
    Event, Job, MemoryStore, Misfire, Run, RunQuery, RunRecord, RunState, Scheduler, Store, TargetKind, Targets,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir().map_err(|error| Error::caused("make a folder", error))?;
    let url = format!("sqlite://{}", folder.path().join("house.db").display());
    let db = Db::connect_with(&url.parse()?, ConnectOptions::default().create()).await?;
    db.execute(sql("CREATE TABLE scratch (made INTEGER, text TEXT)")).await?;
    db.execute(sql("INSERT INTO scratch VALUES (1, 'old'), (2, 'old'), (4102444800, 'new')")).await?;
    db.execute(sql("CREATE TABLE weather (place TEXT PRIMARY KEY, celsius REAL)")).await?;

    cleanup(&url).await?;
    println!("left after a night: {} row", db.query(sql("SELECT count(*) FROM scratch")).await?.scalar::<i64>()?);
    download_and_load(&db).await?;
    for row in db.query(sql("SELECT place, celsius FROM weather ORDER BY place")).await?.iter() {
        println!("{}: {:.1} °C", row.get::<String>("place")?, row.get::<f64>("celsius")?);
    }
    sine(&folder.path().join("sine.csv")).await
}

/// Each night, walked through without waiting: statements one after the other, all or none.
async fn cleanup(url: &str) -> Result<()> {
    let statements = Sql {
        cluster: Some(url.to_owned()),
        transaction: true,
        ..Sql::of(["DELETE FROM scratch WHERE made < strftime('%s', 'now')", "SELECT count(*) AS kept FROM scratch"])
    };
    let runs = Scheduler::builder()
        .targets(Targets::none().with(TargetKind::Sql, SqlRunner::on(Addresses)))
        .job(Job::named("cleanup").target(statements).cron("0 4 * * *").zone("Europe/Vienna"))
        .simulate(at("2026-03-28T00:00:00Z")?, at("2026-03-29T00:00:00Z")?)
        .await?;
    for run in runs {
        println!("{} {}: {}", run.key.job, run.state, run.message.unwrap_or_default());
    }
    Ok(())
}

/// A request whose answer is kept with its run, and a handler after it that makes rows of the answer.
async fn download_and_load(db: &Db) -> Result<()> {
    let store: Arc<dyn Store> = MemoryStore::new().into();
    let source =
        serve(r#"[{"place": "New York", "fahrenheit": 41.0}, {"place": "Vienna", "fahrenheit": 50.0}]"#).await?;
    let (from, into) = (store.clone(), db.clone());
    let load = move |run: Run| {
        let (from, into) = (from.clone(), into.clone());
        async move { load(&run, &*from, &into).await }
    };
    let (ends, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let scheduler = Scheduler::builder()
        .store(store)
        .targets(Targets::local())
        .handler("load", load)
        .job(Job::named("download").target(Http::get(source)).every(hours(6)))
        .job(Job::named("load").run("load").after_job("download"))
        .on_event(move |event| {
            if let Event::Finished(run) = event {
                // Nobody listens any more where the example has failed.
                ends.send(RunRecord::clone(run)).ok();
            }
        })
        .start()
        .await?;
    scheduler.trigger("download").await?;
    for _ in 0..2 {
        let run = tokio::time::timeout(Duration::from_secs(30), ended.recv()).await;
        let run = run.ok().flatten().ok_or_else(|| Error::failed("wait for the jobs"))?;
        println!("{} {}: {}", run.key.job, run.state, run.error.or(run.message).unwrap_or_default());
    }
    scheduler.drain().await.map(drop)
}

/// What a job came to stands in the record of its run, for whoever asks the store.
async fn load(run: &Run, store: &dyn Store, db: &Db) -> Result<()> {
    const PUT: &str = "INSERT INTO weather VALUES (?, ?) ON CONFLICT (place) DO UPDATE SET celsius = excluded.celsius";
    let latest = RunQuery::of(&run.key().namespace, "download").in_states([RunState::Succeeded]).limit(1);
    let answer = store.runs(&latest).await?.pop().and_then(|run| run.result).unwrap_or_default();
    let rows: Vec<Row> =
        serde_json::from_value(answer).map_err(|error| Error::caused("read what was downloaded", error))?;
    for Row { place, fahrenheit } in &rows {
        db.execute(sql(PUT).bind(place).bind((fahrenheit - 32.0) / 1.8)).await?;
    }
    run.message(format!("{} rows", rows.len())).await;
    Ok(())
}

/// A row of the answer.
#[derive(serde::Deserialize)]
struct Row {
    place: String,
    fahrenheit: f64,
}

/// A sine wave, a line every 20 ms, for half a second.
async fn sine(file: &Path) -> Result<()> {
    let path = file.to_path_buf();
    let write = move |run: Run| {
        let path = path.clone();
        async move {
            let seconds = f64::from(run.nominal().timestamp_subsec_millis()) / 1_000.0;
            let line =
                format!("{},{:.4}\n", run.nominal().format("%H:%M:%S%.3f"), (seconds * std::f64::consts::TAU).sin());
            let mut file =
                OpenOptions::new().create(true).append(true).open(&path).map_err(|e| Error::io("open", &path, e))?;
            file.write_all(line.as_bytes()).map_err(|error| Error::io("write", &path, error))
        }
    };
    let every: Age = "20ms".parse()?;
    let job = Job::named("sine").run("sine").every(every).misfire(Misfire::Skip);
    let scheduler = Scheduler::builder().handler("sine", write).job(job).start().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    scheduler.drain().await?;
    let text = std::fs::read_to_string(file).map_err(|error| Error::io("read", file, error))?;
    println!("{} points of a sine wave, the first: {}", text.lines().count(), text.lines().next().unwrap_or_default());
    Ok(())
}

/// A web server that answers everybody with the same document; returns where it is.
async fn serve(document: &'static str) -> Result<String> {
    let failed = |error| Error::caused("serve a document", error);
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
            let mut request = [0; 4_096];
            // Whatever it asks for, and whether or not it waits for the answer.
            if stream.read(&mut request).await.is_ok() {
                stream.write_all(format!("{head} {}\r\n\r\n{document}", document.len()).as_bytes()).await.ok();
            }
        }
    });
    Ok(format!("http://{address}/weather.json"))
}

fn at(text: &str) -> Result<DateTime<Utc>> {
    text.parse().map_err(|error| Error::caused(format!("read the instant `{text}`"), error))
}
