use danube_sink::prelude::*;

#[sink_connector]
fn sink() {}

fn main() {
    sink();
}
