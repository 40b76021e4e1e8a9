use danube_sink::prelude::*;

#[derive(Setting)]
#[setting(rename = "retry")]
struct Retry {
    attempts: u32,
}

fn main() {}
