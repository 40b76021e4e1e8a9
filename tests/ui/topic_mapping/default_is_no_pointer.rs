use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Table {
    #[setting(default = "user.id")]
    key: Pointer,
}

fn main() {}
