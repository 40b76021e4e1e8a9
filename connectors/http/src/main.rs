//! Sends records of Danube topics to an HTTP API: `cargo run -p danube-sink-http -- dev`

use std::process::ExitCode;

fn main() -> ExitCode {
    danube_sink::main::<danube_sink_http::Http>()
}
