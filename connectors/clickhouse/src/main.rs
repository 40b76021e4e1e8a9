//! Inserts records of Danube topics into ClickHouse tables: `cargo run -p danube-sink-clickhouse -- dev`

use std::process::ExitCode;

fn main() -> ExitCode {
    danube_sink::main::<danube_sink_clickhouse::Clickhouse>()
}
