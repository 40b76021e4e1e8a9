//! What `dev` shows while records are delivered.

use std::{
    io::{IsTerminal, stdout},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::print;

/// Without a terminal a line comes at most this often.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// A bar where there is a terminal, plain lines where not.
pub(crate) struct Progress {
    records: u64,
    started: Instant,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    pub(crate) fn start(records: u64) -> Self {
        let now = Instant::now();
        let bar = (stdout().is_terminal() && records > 0).then(|| bar(records));
        if bar.is_none() {
            print(stdout(), &format!("publishing {records} records\n"));
        }
        Self { records, started: now, bar, last_line: now }
    }

    pub(crate) fn at(&mut self, acknowledged: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(acknowledged),
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                print(stdout(), &format!("{acknowledged} of {} acknowledged\n", self.records));
            }
            None => {}
        }
    }

    /// Takes the bar away and says how it went.
    pub(crate) fn finish(self, acknowledged: u64, summary: &str) -> String {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let speed = acknowledged as f64 / seconds.max(f64::EPSILON);
        format!(
            "{acknowledged} of {} records delivered and acknowledged in {seconds:.2} s ({speed:.0} a second)\n{summary}",
            self.records
        )
    }
}

fn bar(records: u64) -> ProgressBar {
    let bar = ProgressBar::new(records);
    // The template is a constant; a bar with the default look is shown if it should be wrong.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} acknowledged") {
        bar.set_style(style);
    }
    bar
}
