use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target {
    #[setting(rename = "tabel")]
    table: String,
}

fn main() {}
