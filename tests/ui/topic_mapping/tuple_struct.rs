use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target(String);

fn main() {}
