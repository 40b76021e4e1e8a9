use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target {
    #[setting(range = 1..=63)]
    table: String,
}

fn main() {}
