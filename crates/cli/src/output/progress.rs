//! What is seen of long work: one line that moves on a terminal, one line per finished step elsewhere.

use std::sync::Arc;
use std::time::Duration;

use clusterkeep_core::event::{Event, Events};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Printer;

/// The progress of an apply.
#[derive(Debug, Clone)]
pub struct Progress {
    bar: Option<ProgressBar>,
    printer: Printer,
}

impl Progress {
    /// A progress for `steps` steps.
    #[must_use]
    pub fn of(steps: usize, printer: &Printer) -> Self {
        let template = "{bar:24} {pos} of {len} steps, {eta} left  {wide_msg}";
        let bar = bar(printer, Some(steps as u64), template, Duration::from_millis(200));
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
            (Event::StepStarted { what, .. }, Some(bar)) => bar.set_message(what.clone()),
            (Event::Progress { what, done, total }, Some(bar)) => {
                let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
                bar.set_message(format!("{what}: {done}{of}"));
            }
            (Event::StepFinished { finished, .. }, Some(bar)) => bar.set_position(*finished as u64),
            (Event::StepFinished { what, outcome, finished, steps, .. }, None) => {
                self.printer.note(&format!("step {finished} of {steps}: {what}: {outcome}"));
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

/// A line that moves, where there is a terminal to move it on.
pub(super) fn bar(printer: &Printer, total: Option<u64>, template: &str, tick: Duration) -> Option<ProgressBar> {
    (!printer.is_quiet() && printer.colour_err).then(|| {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        // The template is fixed text; a style that could not be read leaves the default one.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(tick);
        bar
    })
}
