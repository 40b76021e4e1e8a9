//! The pipeline between a broker in memory and a scripted sink, on a clock that is paused: it jumps to the next timer
//! when nothing else is left to do, so that hours pass at once.
//!
//! `schedules` checks the laws under random schedules; the other files test single cases.

mod batches;
mod behaviour;
mod bench;
#[cfg(feature = "avro")]
mod compressed;
mod decided;
mod detaching;
mod drain;
mod faults;
#[cfg(feature = "cel")]
mod filtered;
mod first_contact;
mod isolation;
mod ledger;
mod log;
mod losses;
mod mass_refusals;
mod memory;
mod memory_budget;
mod metrics;
mod parts;
mod pending;
mod redelivery;
mod refusals;
mod schedules;
mod spool_faults;
mod spooled;
mod takeover;
mod target;
mod tasks;

use tokio::time::sleep;

use self::{
    bench::{Bench, MS, SECOND, TOPIC},
    memory::Kind,
    target::Answer,
};
use super::Pipeline;

/// A pipeline with a write that never answers, and with a batch that gets a fatal error once the pipeline is drained. It needs
/// a paused clock.
pub(crate) async fn fails_in_a_drain_that_hangs() -> Pipeline {
    const OTHER: &str = "/default/other";
    let mut bench = Bench::new();
    bench.tasks = 2;
    bench.map(OTHER);
    bench.create(OTHER);
    bench.target.hang(TOPIC);
    bench.target.answers([Answer::Fatal]);
    bench.publish(1);
    let pipeline = bench.start();
    sleep(2 * SECOND).await;
    bench.publish_to(OTHER, 1, Kind::Plain);
    sleep(100 * MS).await;
    assert_eq!(bench.target.calls().len(), 1, "the second batch is open");
    pipeline
}
