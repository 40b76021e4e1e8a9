use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target {
    #[setting(renam = "tabel")]
    table: String,
}

fn main() {}
