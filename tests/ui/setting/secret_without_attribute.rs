use danube_sink::prelude::*;

#[derive(Setting)]
struct Login {
    password: Option<Secret>,
}

fn main() {}
