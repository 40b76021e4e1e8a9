//! Writes embeddings of Danube topics into PostgreSQL with pgvector: `cargo run -p danube-sink-pgvector -- dev`

use std::process::ExitCode;

fn main() -> ExitCode {
    danube_sink::main::<danube_sink_pgvector::Pgvector>()
}
