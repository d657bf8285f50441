//! What a process may use, set from outside before it begins.
//!
//! A shell waits for a line on its standard input and becomes the program then; in between its limits are set. So no
//! process is ever without them, and none of this needs code between fork and exec.

use std::ffi::OsString;

use clusterkeep_core::Result;

use crate::model::target::Limits;

/// What the shell does that waits.
const GATE: &str = "read -r _ && exec \"$@\"";

/// The words that make `words` wait for a line.
pub(super) fn gated(words: Vec<OsString>) -> Vec<OsString> {
    let mut gated: Vec<OsString> = ["/bin/sh", "-c", GATE, "sh"].map(OsString::from).into();
    gated.extend(words);
    gated
}

#[cfg(target_os = "linux")]
pub(super) fn set(pid: u32, limits: &Limits) -> Result<()> {
    use clusterkeep_core::Error;
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let Limits { cpu, memory, files, processes, file_size } = limits;
    let cpu = cpu.and_then(|age| age.as_duration()).map(|length| length.as_secs());
    let all = [
        (Resource::Cpu, cpu),
        (Resource::As, memory.map(crate::model::target::Size::bytes)),
        (Resource::Nofile, *files),
        (Resource::Nproc, *processes),
        (Resource::Fsize, file_size.map(crate::model::target::Size::bytes)),
    ];
    for (resource, most) in all.into_iter().filter_map(|(resource, most)| Some((resource, most?))) {
        // At the soft limit of time comes SIGXCPU, which can be ignored; a second later SIGKILL.
        let hard = if resource == Resource::Cpu { most.saturating_add(1) } else { most };
        prlimit(Pid::from_raw(pid.cast_signed()), resource, Rlimit { current: Some(most), maximum: Some(hard) })
            .map_err(|error| Error::caused("set the limits of a process", error))?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn set(_: u32, _: &Limits) -> Result<()> {
    Err(clusterkeep_core::Error::failed("limits of processes are for Linux alone"))
}
