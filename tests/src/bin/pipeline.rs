//! Pipeline over a broker in memory, on one thread: `pipeline FORMAT RECORDS [MAPPINGS]` prints its number of allocations.
//! With MAPPINGS, each has a window of 100.
//!
//! FORMAT is the name of an [`OrderFormat`]. The test of allocations and `.ci/instructions` run it with two numbers of
//! records, so that the cost of the start cancels out.

#![allow(clippy::print_stdout, reason = "it serves tests alone")]

use std::{alloc::System, error::Error};

use danube_sink::__measure::MemoryRun;
use danube_sink_tests::{ORDER, OrderFormat, OrderSink};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const USAGE: &str = "pipeline FORMAT RECORDS [MAPPINGS]";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or(USAGE)?;
    let format = OrderFormat::ALL.into_iter().find(|format| format.name() == name).ok_or("no such FORMAT")?;
    let records = arguments.next().ok_or(USAGE)?.parse()?;
    let mut run = MemoryRun { schema: format.schema(), ..MemoryRun::new(records, ORDER) };
    if let Some(mappings) = arguments.next() {
        (run.mappings, run.window) = (mappings.parse()?, 100);
    }
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let region = Region::new(ALLOCATOR);
    tokio.block_on(run.time(vec![OrderSink(format)]))?;
    let change = region.change();
    println!("{}", change.allocations + change.reallocations);
    Ok(())
}
