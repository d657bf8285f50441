//! A typed client of the CrateDB Cloud HTTP API.
//!
//! Reading is tolerant: unknown fields, unknown words and timestamps without an offset are taken as they come. Writing
//! is strict: what the API would refuse is refused here, before anything is sent. Every call has a deadline, and every
//! error keeps what the server said. Nothing here decides anything: what to start, stop or delete is said by callers.

mod error;

pub use error::{CloudError, CloudErrorKind};
