use danube_sink::prelude::*;

#[derive(Setting)]
union Port {
    short: u16,
    long: u32,
}

fn main() {}
