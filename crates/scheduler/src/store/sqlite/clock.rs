//! The clock that leases of one machine go by: it does not stand still while the machine sleeps, and nobody sets it.

#[cfg(target_os = "linux")]
use clusterkeep_core::Error;
use clusterkeep_core::Result;

/// A clock, and the name of the time for which its readings can be compared.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// On Linux the machine's present life; elsewhere the clock is that of the day, whose readings always compare.
    pub(super) boot: String,
}

impl Clock {
    #[cfg(target_os = "linux")]
    pub(super) fn new() -> Result<Self> {
        const PATH: &str = "/proc/sys/kernel/random/boot_id";
        let boot = std::fs::read_to_string(PATH).map_err(|error| Error::caused(format!("read {PATH}"), error))?;
        Ok(Self { boot: boot.trim().to_owned() })
    }

    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::unnecessary_wraps, reason = "it can fail where there is more to read")]
    pub(super) fn new() -> Result<Self> {
        Ok(Self { boot: String::new() })
    }

    /// Microseconds since the machine was started.
    #[cfg(target_os = "linux")]
    #[allow(clippy::unused_self, reason = "as elsewhere")]
    pub(super) fn now(&self) -> i64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000)
    }

    /// Microseconds since 1970.
    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::unused_self, reason = "as elsewhere")]
    pub(super) fn now(&self) -> i64 {
        clusterkeep_core::clock::now().timestamp_micros()
    }
}
