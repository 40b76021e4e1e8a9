use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target {
    #[setting(secret, default = "key")]
    token: Secret,
}

fn main() {}
