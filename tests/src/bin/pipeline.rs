//! The pipeline without a network: prints its number of allocations. The test of allocations runs it with two numbers of records,
//! so that the cost of the start cancels out.

#![allow(clippy::print_stdout, reason = "it serves tests alone")]

use std::{alloc::System, error::Error};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<(), Box<dyn Error>> {
    let region = Region::new(ALLOCATOR);
    danube_sink_tests_pipeline::run(std::env::args().skip(1))?;
    let change = region.change();
    println!("{}", change.allocations + change.reallocations);
    Ok(())
}
