use danube_sink::prelude::*;

#[derive(Setting)]
enum Mode {
    Append,
    Upsert { key: String },
}

fn main() {}
