use danube_sink::prelude::*;

#[derive(Setting)]
enum Mode {
    #[setting(default)]
    Append,
    Upsert,
}

fn main() {}
