use danube_sink::prelude::*;

#[derive(TopicMapping)]
#[setting(rename = "target")]
struct Target {
    table: String,
}

fn main() {}
