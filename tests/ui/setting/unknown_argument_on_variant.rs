use danube_sink::prelude::*;

#[derive(Setting)]
enum Mode {
    #[setting(renam = "append")]
    AppendOnly,
    Upsert,
}

fn main() {}
