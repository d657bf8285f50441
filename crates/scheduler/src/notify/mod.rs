//! Telling people and programs what becomes of jobs.
//!
//! ```text
//! ends of runs ──> router ──> a queue per sink ──> its sender
//! heartbeat  ──────────^
//! ```
//!
//! A scheduler tells of the runs whose ends it has recorded itself, so that of several on one store one does. What came
//! before a run (failures in a row, the last success) is asked of the store, not remembered: a restart changes nothing.
//!
//! Nothing here holds a run up: every queue has an end, and what finds no place in it, or is not taken by its sink in time,
//! is dropped, logged and heard as an [`Event`](crate::Event). What is queued in a process that is killed is gone.

mod command;
mod context;
mod heartbeat;
mod mail;
mod outbox;
mod router;
mod rules;
mod smtp;
mod stored;
mod template;
mod webhook;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use clusterkeep_core::{Error, Result};

pub use context::Facts;
pub(crate) use outbox::Reachable;
pub(crate) use router::{Ear, Notifier, unmade};
pub(crate) use rules::Rules;
pub(crate) use template::check;

use crate::model::{Occasion, SinkKind, SinkSpec};

/// What is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What tells it from any other: the same again where a delivery is attempted again.
    pub id: String,
    /// Why it is told.
    pub occasion: Occasion,
    /// The subject: one line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// What it is about.
    pub facts: Facts,
}

/// Why a message was not delivered.
#[derive(Debug)]
pub enum Undelivered {
    /// It may be taken later.
    Again(Error),
    /// Trying again can't help.
    Never(Error),
}

/// Somewhere that messages go; a program may have its own.
///
/// A call may be dropped at any await, where it takes longer than its sink may.
#[async_trait]
pub trait Sink: Send + Sync + fmt::Debug {
    /// Delivers a message.
    async fn deliver(&self, message: &Message) -> Result<(), Undelivered>;
}

/// The sink that a file describes.
pub(crate) fn sink(spec: &SinkSpec) -> Result<Arc<dyn Sink>> {
    Ok(match &spec.kind {
        SinkKind::Webhook(webhook) => Arc::new(webhook::WebhookSink::new(webhook)?),
        SinkKind::Mail(mail) => Arc::new(mail::MailSink::new(mail)?),
        SinkKind::Command(exec) => Arc::new(command::CommandSink::new(exec)?),
    })
}

/// Checks a sink as far as can be done without I/O.
pub(crate) fn check_sink(spec: &SinkSpec) -> Result<()> {
    sink(spec).map(drop)
}

/// An error with all of its causes, for one line of a log.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    // A server's answer is part of it, and is for screens.
    text.replace(char::is_control, " ")
}
