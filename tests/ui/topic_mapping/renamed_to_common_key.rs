use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target {
    #[setting(rename = "batch_size")]
    rows: usize,
}

fn main() {}
