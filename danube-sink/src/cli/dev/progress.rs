//! The progress of `dev` while records are delivered.

use std::{
    io::{IsTerminal, stdout},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{cli::output::print_progress, observe::Undelivered};

/// The shortest time between two lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(1);

/// A progress bar on a terminal, else plain lines.
pub(crate) struct Progress {
    /// How many acknowledgements are expected.
    deliveries: u64,
    started: Instant,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    pub(crate) fn start(records: u64, deliveries: u64) -> Self {
        let now = Instant::now();
        let bar = (stdout().is_terminal() && deliveries > 0).then(|| bar(deliveries));
        if bar.is_none() {
            print_progress(&format!("publishing {records} records\n"));
        }
        Self { deliveries, started: now, bar, last_line: now }
    }

    pub(crate) fn update(&mut self, acknowledged: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(acknowledged),
            None if self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                print_progress(&format!("{acknowledged} of {} acknowledged\n", self.deliveries));
            }
            None => {}
        }
    }

    /// Removes the bar, and returns the summary.
    pub(crate) fn finish(self, acknowledged: u64, kept: &Undelivered, summary: &str) -> String {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let speed = acknowledged as f64 / seconds.max(f64::EPSILON);
        let (what, undelivered) = match kept.total() {
            0 => ("delivered and acknowledged", String::new()),
            _ => ("acknowledged", format!(": {}", kept.text(acknowledged))),
        };
        format!(
            "{acknowledged} of {} records {what} in {seconds:.2} s ({speed:.0} a second){undelivered}\n{summary}",
            self.deliveries
        )
    }
}

impl Undelivered {
    fn text(&self, acknowledged: u64) -> String {
        let mut text = format!("{} delivered", acknowledged.saturating_sub(self.total()));
        for (count, what) in [
            (self.skipped, "skipped as invalid"),
            (self.dead_letters, "published as dead letters"),
            (self.filtered, "not kept by `where`"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text
    }
}

fn bar(deliveries: u64) -> ProgressBar {
    let bar = ProgressBar::new(deliveries);
    // The template is a constant; if it is invalid, the bar has the default style.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} acknowledged") {
        bar.set_style(style);
    }
    bar
}
