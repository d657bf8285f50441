//! The namespace of what is run without a timetable: made of host, user and what is run, as for a file that names none.
//!
//! Two different commands live side by side on one store, and the same one is the same job, wherever it is started from
//! again. A run at once has a namespace of its own, so that it takes nothing from the one that waits for its times.

use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::Target;

use crate::args::RunArgs;
use crate::files;

/// That of a target that is run whenever its time has come.
pub(super) fn of(target: &Target, args: &RunArgs) -> Result<String> {
    Ok(files::ephemeral_of(&format!("{}/{}", told(target, args)?, target.kind())))
}

/// That of a target that is run at once.
pub(super) fn once(target: &Target, args: &RunArgs) -> Result<String> {
    Ok(files::ephemeral_of(&format!("{}/once", told(target, args)?)))
}

/// What is run, and where: processes in their folder, statements on their cluster.
fn told(target: &Target, args: &RunArgs) -> Result<String> {
    let text = serde_json::to_string(target).map_err(|error| Error::caused("tell what is run", error))?;
    let place = match target {
        Target::Command(_) | Target::Python(_) | Target::Node(_) | Target::Rust(_) => {
            std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default()
        }
        Target::Sql(_) => args.cluster.cluster.clone().unwrap_or_default(),
        _ => String::new(),
    };
    Ok(format!("{text}\n{place}"))
}
