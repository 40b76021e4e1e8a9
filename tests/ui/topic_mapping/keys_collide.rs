use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target {
    table: String,
    #[setting(rename = "table")]
    view: String,
}

fn main() {}
