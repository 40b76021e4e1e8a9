use danube_sink::prelude::*;

#[derive(Setting)]
enum Mode {
    #[default]
    Append,
    #[default]
    Upsert,
}

fn main() {}
