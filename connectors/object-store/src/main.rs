//! Writes records of Danube topics into files of an object store: `cargo run -p danube-sink-object-store -- dev`

use std::process::ExitCode;

fn main() -> ExitCode {
    danube_sink::main::<danube_sink_object_store::ObjectStore>()
}
