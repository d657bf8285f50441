//! What is seen while somebody else works: one line that moves on a terminal, one line per finished step elsewhere.

use std::sync::Arc;
use std::time::Duration;

use clusterkeep_core::event::{Event, Events};
use indicatif::ProgressBar;

use super::Printer;
use super::progress::bar;

/// The status line of a wait.
#[derive(Debug, Clone)]
pub struct Status {
    bar: Option<ProgressBar>,
    printer: Printer,
}

impl Status {
    /// A line that says `what` until more is known.
    #[must_use]
    pub fn of(what: &str, printer: &Printer) -> Self {
        let bar = bar(printer, None, "{spinner} {elapsed}  {wide_msg}", Duration::from_millis(120));
        if let Some(bar) = &bar {
            bar.set_message(what.to_owned());
        }
        Self { bar, printer: printer.clone() }
    }

    /// The listener that moves it.
    #[must_use]
    pub fn events(&self) -> Events {
        let this = Arc::new(self.clone());
        Events::to(move |event| this.show(&event))
    }

    fn show(&self, event: &Event) {
        match (event, &self.bar) {
            (Event::Operation { .. } | Event::Progress { .. } | Event::StepStarted { .. }, Some(bar)) => {
                bar.set_message(single_line(&words(event)));
            }
            (Event::Operation { status, .. }, None) if matches!(status.as_str(), "succeeded" | "failed") => {
                self.printer.note(&single_line(&words(event)));
            }
            (Event::StepFinished { what, outcome, finished, steps, .. }, _) => {
                let line = format!("step {finished} of {steps}: {what}: {outcome}");
                match &self.bar {
                    Some(bar) => bar.set_message(single_line(&line)),
                    None => self.printer.note(&single_line(&line)),
                }
            }
            _ => {}
        }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn words(event: &Event) -> String {
    match event {
        Event::Operation { cluster, what, status, message } => {
            let message = message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
            format!("{what} {cluster}: {status}{message}")
        }
        Event::Progress { what, done, total } => {
            let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
            format!("{what}: {done}{of}")
        }
        Event::StepStarted { what, .. } => what.clone(),
        _ => String::new(),
    }
}

/// What a server says must not break the line, or steer the terminal.
fn single_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
