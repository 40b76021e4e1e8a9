use danube_sink::prelude::*;

#[derive(Setting)]
struct Login {
    #[state]
    tries: u32,
}

fn main() {}
