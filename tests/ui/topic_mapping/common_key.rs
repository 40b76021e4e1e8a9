use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target {
    subscription: String,
}

fn main() {}
