use danube_sink::prelude::*;

#[derive(Setting)]
enum Mode {}

fn main() {}
