//! The binary as a binary: what it prints where, and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod approval;
mod audit;
mod bad_input;
mod cloud;
mod cluster_change;
mod cluster_data;
mod cluster_jobs;
mod cluster_local;
mod cluster_look;
mod cluster_power;
mod cluster_servers;
mod cluster_shell;
mod ctk_failures;
mod deploy;
mod help;
mod oneoff;
mod query;
mod retention;
mod retention_html;
mod retention_import;
mod retention_kept;
mod retention_restore;
mod retention_servers;
mod retention_tags;
mod schedule;
mod schedule_chains;
mod schedule_changes;
mod schedule_fires;
mod schedule_import;
mod schedule_look;
mod schedule_servers;
mod schedule_store;
mod schedule_table;
mod schemas;
mod servers;
mod signals;
mod support;
