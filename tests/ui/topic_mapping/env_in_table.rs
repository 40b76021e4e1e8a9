use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target {
    login: Option<Login>,
}

#[derive(Setting)]
struct Login {
    #[setting(env = "TARGET_USER")]
    user: String,
}

fn main() {}
