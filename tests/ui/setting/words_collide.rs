use danube_sink::prelude::*;

#[derive(Setting)]
enum Mode {
    AppendOnly,
    #[setting(rename = "append-only")]
    Append,
}

fn main() {}
