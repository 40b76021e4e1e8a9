//! Embedded broker in a process of its own, which a test can kill: `broker PORT`.

use std::net::Ipv4Addr;

use danube_sink::dev::{BrokerOptions, EmbeddedBroker};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("broker PORT")?.parse()?;
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let _broker = EmbeddedBroker::start(BrokerOptions { address, ..BrokerOptions::default() }).await?;
    std::future::pending().await
}
