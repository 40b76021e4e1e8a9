use danube_sink::prelude::*;

#[derive(Setting)]
struct Login {
    #[setting(secret)]
    password: String,
}

fn main() {}
