//! The folder of the demo: a database with real weather that appears whole or not at all, and the manifest beside it.

use std::path::{Path, PathBuf};

use clusterkeep_core::manifest;
use clusterkeep_core::sql::{ConnectOptions, Db};
use clusterkeep_core::{Error, Result};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::Manifest;
use clusterkeep_retention::text::grouped;
use clusterkeep_scheduler::Timetable;
use clusterkeep_testkit::weather;

use crate::output::Printer;

/// What the demo works on.
#[derive(Debug)]
pub(super) struct Weather {
    pub(super) db: Db,
    pub(super) manifest: Manifest,
    pub(super) timetable: Timetable,
    /// The file that both come from.
    pub(super) file: PathBuf,
    /// Where the report goes.
    pub(super) report: PathBuf,
    /// Where the schedule keeps its runs.
    pub(super) runs: PathBuf,
}

/// The manifest as it stands in the repository.
const MANIFEST: &str = include_str!("../../../../examples/weather.yaml");

/// Where it lies in the repository, so that a change to it there shows here.
const IN_REPOSITORY: &str = "examples/weather.yaml";

/// Opens the demo's database, or makes it.
pub(super) async fn weather(dir: &Path, printer: &Printer) -> Result<Weather> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create the folder", dir, e))?;
    let file = manifest_file(dir)?;
    let manifest = only::<Manifest>(&file)?;
    let timetable = only::<Timetable>(&file)?;
    let path = dir.join("weather.db");
    if !path.exists() {
        load(&path, printer).await?;
    }
    let db = open(&path, false).await?;
    if !Retention::new(db.clone()).allows_simulation().await? {
        return Err(Error::input(format!("`{}` is not a database of the demo", path.display()))
            .with_hint("name another folder with --dir, or move that file away"));
    }
    Ok(Weather { db, manifest, timetable, file, report: dir.join("report.html"), runs: dir.join("jobs.db") })
}

async fn open(path: &Path, create: bool) -> Result<Db> {
    let url = format!("sqlite://{}", path.display()).parse()?;
    let options = ConnectOptions::default();
    Db::connect_with(&url, if create { options.create() } else { options }).await
}

/// Loads the data under another name first: a demo that was killed leaves no half of it.
async fn load(path: &Path, printer: &Printer) -> Result<()> {
    let partial = path.with_extension("db.partial");
    if let Err(e) = std::fs::remove_file(&partial)
        && e.kind() != std::io::ErrorKind::NotFound
    {
        return Err(Error::io("remove what an interrupted demo left in", &partial, e));
    }
    let db = open(&partial, true).await?;
    let rows = weather::load(&db).await?;
    Retention::new(db.clone()).allow_simulation("clusterkeep demo").await?;
    db.close().await;
    drop(db);
    std::fs::rename(&partial, path).map_err(|e| Error::io("put the database in place at", path, e))?;
    printer.note(&format!(
        "loaded {} rows of hourly weather at three airports of New York in 2013 into {}\n",
        grouped(rows),
        path.display(),
    ));
    Ok(())
}

/// The manifest: the repository's where the demo runs in it, else a copy in the demo's folder.
fn manifest_file(dir: &Path) -> Result<PathBuf> {
    let in_repository = PathBuf::from(IN_REPOSITORY);
    if in_repository.is_file() {
        return Ok(in_repository);
    }
    let copy = dir.join("weather.yaml");
    if !copy.exists() {
        std::fs::write(&copy, MANIFEST).map_err(|e| Error::io("write", &copy, e))?;
    }
    Ok(copy)
}

fn only<T: manifest::Manifest>(file: &Path) -> Result<T> {
    let found = manifest::read_file::<T>(file)?.into_iter().next();
    found.map(|located| located.value).ok_or_else(|| Error::input(format!("`{}` has no {}", file.display(), T::KIND)))
}
