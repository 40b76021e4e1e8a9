//! Writes records of Danube topics to PostgreSQL tables: `cargo run -p danube-sink-postgres -- dev`

use std::process::ExitCode;

fn main() -> ExitCode {
    danube_sink::main::<danube_sink_postgres::Postgres>()
}
