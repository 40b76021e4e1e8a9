use danube_sink::prelude::*;

#[derive(Setting)]
enum Mode<const N: usize> {
    Append,
}

fn main() {}
