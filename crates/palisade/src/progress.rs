//! The progress bar: on standard error, and only where somebody is watching.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use palisade_pipeline::Progress;

/// A bar of bytes with counts of events and findings, or nothing.
pub struct Bar {
    bar: Option<ProgressBar>,
}

impl Bar {
    /// A bar if standard error is a terminal and `wanted`.
    pub fn new(wanted: bool) -> Bar {
        if !wanted || !std::io::stderr().is_terminal() {
            return Bar { bar: None };
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template(
            "{bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta_precise} {msg}",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(250));
        Bar { bar: Some(bar) }
    }

    /// A bar of events instead of bytes; `None`: nobody knows how many there are.
    pub fn of_events(wanted: bool, total: Option<u64>) -> Bar {
        let Bar { bar } = Bar::new(wanted);
        if let Some(bar) = &bar {
            let (form, all) = match total {
                Some(total) => ("{bar:24} {human_pos}/{human_len} events {eta_precise} {msg}", total),
                None => ("{spinner} {human_pos} events {msg}", 0),
            };
            bar.set_length(all);
            bar.set_style(
                ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
        }
        Bar { bar }
    }

    /// So many events are done; the last of this kind.
    pub fn events(&self, done: u64, kind: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(kind.to_owned());
        }
    }

    /// Shows how far the run is.
    pub fn show(&self, progress: Progress) {
        if let Some(bar) = &self.bar {
            bar.set_length(progress.total);
            bar.set_position(progress.bytes.min(progress.total));
            // The clock of the bar decides how often this is drawn; a message costs an allocation.
            bar.set_message(format!("{} events, {} findings", progress.events, progress.findings));
        }
    }

    /// Shows how many bytes of how many are done, and of what.
    pub fn of(&self, done: u64, all: u64, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_length(all);
            bar.set_position(done.min(all));
            bar.set_message(what.to_owned());
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
