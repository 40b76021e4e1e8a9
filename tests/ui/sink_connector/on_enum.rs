use danube_sink::prelude::*;

#[sink_connector]
enum Sink {
    Http,
}

fn main() {}
