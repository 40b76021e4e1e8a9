use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target<T> {
    table: T,
}

fn main() {}
