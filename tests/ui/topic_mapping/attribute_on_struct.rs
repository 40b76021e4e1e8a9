use danube_sink::prelude::*;

#[derive(TopicMapping)]
#[state]
struct Target {
    table: String,
}

fn main() {}
