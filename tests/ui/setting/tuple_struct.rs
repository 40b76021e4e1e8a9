use danube_sink::prelude::*;

#[derive(Setting)]
struct Port(u16);

fn main() {}
