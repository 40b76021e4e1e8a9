//! The pipeline without a network: `.ci/instructions` runs it with two numbers of records, so that the cost of the start cancels
//! out.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    danube_sink_tests_pipeline::run(std::env::args().skip(1))
}
