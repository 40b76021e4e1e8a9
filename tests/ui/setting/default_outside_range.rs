use danube_sink::prelude::*;

#[derive(Setting)]
struct Retry {
    #[setting(default = 11, range = 0..=10)]
    attempts: u32,
}

fn main() {}
