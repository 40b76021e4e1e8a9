use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target {
    #[state]
    count: u32,
}

fn main() {}
