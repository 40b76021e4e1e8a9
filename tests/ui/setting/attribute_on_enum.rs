use danube_sink::prelude::*;

#[derive(Setting)]
#[setting(rename = "mode")]
enum Mode {
    Append,
    Upsert,
}

fn main() {}
