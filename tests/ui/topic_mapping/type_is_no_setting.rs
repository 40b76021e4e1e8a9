use danube_sink::prelude::*;

#[derive(TopicMapping)]
struct Target {
    table: std::net::TcpStream,
}

fn main() {}
