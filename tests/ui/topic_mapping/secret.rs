use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target {
    #[setting(secret)]
    token: Secret,
}

fn main() {}
