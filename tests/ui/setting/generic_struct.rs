use danube_sink::prelude::*;

#[derive(Setting)]
struct Retry<T> {
    attempts: T,
}

fn main() {}
