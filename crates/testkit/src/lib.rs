//! What tests need that touch the world: real database servers, and ways to make them fail.
//!
//! It is for tests, of this workspace and of its users. It never touches a server that it did not start.
//!
//! - [`audited`]: what an audit must say after faults
//! - [`blobs`]: a real server of Azure's blob storage
//! - [`cloud`]: a local server of the CrateDB Cloud API
//! - [`mod@conformance`]: what every engine must do alike, as a suite
//! - [`servers`]: a database of its own for each test, on a private PostgreSQL, MariaDB or CrateDB
//! - [`fault`]: a database that fails, or kills its process, at a statement of your choice
//! - [`nodes`]: a CrateDB of several nodes, which can be killed and started again
//! - [`objects`]: a real S3 server
//! - [`proxy`]: a way to a server that can be cut, stalled or closed
//! - [`skip`]: tests that can't run here say so
//! - [`weather`]: real data to try things on

pub mod audited;
pub mod blobs;
pub mod cloud;
pub mod conformance;
pub mod fault;
mod keeper;
pub mod nodes;
pub mod objects;
pub mod proxy;
pub mod servers;
pub mod skip;
pub mod weather;
