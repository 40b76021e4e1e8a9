use danube_sink::prelude::*;

#[derive(Setting)]
struct Login {
    #[setting(secret)]
    password: Secret,
    password_env: Option<String>,
}

fn main() {}
