//! Writes records of Danube topics to OpenSearch or Elasticsearch: `cargo run -p danube-sink-opensearch -- dev`

use std::process::ExitCode;

fn main() -> ExitCode {
    danube_sink::main::<danube_sink_opensearch::Opensearch>()
}
