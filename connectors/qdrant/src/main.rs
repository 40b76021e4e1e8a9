//! Writes records of Danube topics as points into Qdrant: `cargo run -p danube-sink-qdrant -- dev`

use std::process::ExitCode;

fn main() -> ExitCode {
    danube_sink::main::<danube_sink_qdrant::Qdrant>()
}
