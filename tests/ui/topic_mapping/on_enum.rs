use danube_sink::prelude::*;

#[derive(TopicMapping)]
enum Target {
    Table,
}

fn main() {}
