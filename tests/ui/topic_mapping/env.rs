use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target {
    #[setting(env = "TABLE")]
    table: String,
}

fn main() {}
