use danube_sink::prelude::*;

#[derive(Setting)]
struct Login {
    #[setting(env = "CONNECTOR_NAME")]
    name: String,
}

fn main() {}
