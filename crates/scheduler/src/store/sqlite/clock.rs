//! The clock that leases of one machine go by: it does not stand still while the machine sleeps, and nobody sets it.

#[cfg(target_os = "linux")]
use clusterkeep_core::Error;
use clusterkeep_core::Result;
use clusterkeep_core::clock::{Clock as _, SystemClock};

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

    /// Microseconds since the machine was started; since 1970, where it does not tell that.
    #[allow(clippy::unused_self, reason = "only who has made sure of the boot may read it")]
    pub(super) fn now(&self) -> i64 {
        let since = SystemClock.elapsed().and_then(|since| i64::try_from(since.as_micros()).ok());
        since.unwrap_or_else(|| SystemClock.now().timestamp_micros())
    }
}
