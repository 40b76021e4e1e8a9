//! The pipeline over a broker in memory, with a record and a sink for measurements of its cost.

mod order;

pub use self::order::{ORDER, Order, OrderFormat, OrderSink};

use std::error::Error;

use danube_sink::__measure::MemoryRun;

const USAGE: &str = "FORMAT RECORDS [MAPPINGS]";

/// Runs the pipeline on one thread, with the arguments of a command line: `FORMAT RECORDS [MAPPINGS]`.
///
/// FORMAT is the name of an [`OrderFormat`]. With MAPPINGS, each has a window of 100.
///
/// # Errors
/// An argument is missing or invalid, or the pipeline ends before every message was acknowledged.
pub fn run(arguments: impl IntoIterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let mut arguments = arguments.into_iter();
    let name = arguments.next().ok_or(USAGE)?;
    let format = OrderFormat::ALL.into_iter().find(|format| format.name() == name).ok_or("no such FORMAT")?;
    let records = arguments.next().ok_or(USAGE)?.parse()?;
    let mut run = MemoryRun { schema: format.schema(), ..MemoryRun::new(records, ORDER) };
    if let Some(mappings) = arguments.next() {
        (run.mappings, run.window) = (mappings.parse()?, 100);
    }
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio.block_on(run.time(vec![OrderSink(format)]))?;
    Ok(())
}
