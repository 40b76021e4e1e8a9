//! Appends records of Danube topics to Delta tables, on disk or in S3: `cargo run -p danube-sink-delta-lake -- dev`

use std::process::ExitCode;

fn main() -> ExitCode {
    danube_sink::main::<danube_sink_delta_lake::DeltaLake>()
}
