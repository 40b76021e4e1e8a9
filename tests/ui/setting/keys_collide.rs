use danube_sink::prelude::*;

#[derive(Setting)]
struct Retry {
    attempts: u32,
    #[setting(rename = "attempts")]
    tries: u32,
}

fn main() {}
