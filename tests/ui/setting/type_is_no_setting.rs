use danube_sink::prelude::*;

struct Client;

#[derive(Setting)]
struct Retry {
    client: Client,
}

fn main() {}
