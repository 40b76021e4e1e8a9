//! Benchmark report of the delivery engine: a line for each figure, with its goal.
//!
//! `cargo bench -p danube-sink-tests --bench report` prints these lines on the standard output; no other line begins with
//! these words:
//!
//! ```text
//! figure NAME VALUE GOAL        measured; GOAL is `>=0.9` or `<=150`, `-` where there is none
//! control NAME VALUE            the same comparison of a bare loop with a bare loop: how far to trust the figure
//! void NAME: REASON             measured, but not valid
//! left out NAME: REASON         not measured here
//! ```
//!
//! Progress goes to the standard error. `-- --quick` runs fewer rounds. `-- --only TEXT` measures the figures whose name
//! contains TEXT. The broker is an embedded one in a process of its own, or the real one of `DANUBE_TEST_URL`, with the
//! dispatch window `DANUBE_TEST_WINDOW` (default 10).
//!
//! The broker, the publishers, the connector and the bare loop (its baseline) each run in a process of their own, so that the
//! CPU time of a process is that of one client alone. Each process is this program again.

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
        return roles::run(role);
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
    measures::spool::all(&report, &brokers);
    measures::latency::all(&report, &brokers, speed);
    measures::bursts::all(&report, &brokers);
}
