//! The figures that the delivery engine is held to, a line each.
//!
//! `cargo bench -p danube-sink-tests --bench report` prints on its standard output, and nothing else there begins with these
//! words:
//!
//! ```text
//! figure NAME VALUE GOAL        measured; GOAL is `>=0.9` or `<=150`, `-` where there is none
//! control NAME VALUE            the same comparison of a bare loop with a bare loop: how far to trust the figure
//! void NAME: REASON             measured, and worth nothing
//! left out NAME: REASON         not measured here
//! ```
//!
//! Progress goes to the standard error. `-- --quick` takes fewer rounds. `-- --only TEXT` measures what has TEXT in its name.
//! The broker is an embedded one in a process of its own, or with `DANUBE_TEST_URL` a real one, whose dispatch window is
//! `DANUBE_TEST_WINDOW`, 10 without it.
//!
//! Broker, publishers, the connector and the bare loop that it is compared with each run in a process of their own, which is
//! this program again: so the CPU time of a process is that of a client alone.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it measures alone"
)]

mod child;
mod figures;
mod measures;
mod roles;

use figures::Report;
use measures::Brokers;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let value_of = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    if let Some(role) = value_of("--child") {
        return roles::play(role);
    }
    let report = Report {
        is_quick: arguments.iter().any(|argument| argument == "--quick"),
        only: value_of("--only").cloned().unwrap_or_default(),
    };
    let brokers = Brokers::of_environment();
    measures::pipeline::all(&report);
    measures::quickstart::all(&report);
    measures::memory::all(&report, &brokers);
    measures::dead_letters::all(&report, &brokers);
    measures::throughput::window_10(&report, &brokers);
    let speed = measures::throughput::window_1000(&report, &brokers);
    measures::latency::all(&report, &brokers, speed);
    measures::bursts::all(&report, &brokers);
}
