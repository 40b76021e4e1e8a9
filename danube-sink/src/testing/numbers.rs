//! Counters of `/metrics`, scraped as by a monitoring system.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Counters of a connector, summed over its topics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) received: u64,
    pub(super) settled: u64,
    pub(super) acks: u64,
    pub(super) retries: u64,
    pub(super) dead_letters: u64,
    pub(super) skipped: u64,
}

impl Numbers {
    pub(super) async fn read(address: SocketAddr) -> Result<Self, String> {
        let page = page(address).await.map_err(|error| format!("/metrics does not respond: {error}"))?;
        Ok(Self {
            received: sum(&page, "danube_sink_intake_messages_total"),
            settled: sum(&page, "danube_sink_settle_records_total"),
            acks: sum(&page, "danube_sink_settle_acks_total"),
            retries: sum(&page, "danube_sink_write_retries_total"),
            dead_letters: sum(&page, "danube_sink_settle_dead_letters_total"),
            skipped: sum(&page, "danube_sink_settle_skipped_total"),
        })
    }
}

async fn page(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut page = String::new();
    stream.read_to_string(&mut page).await?;
    Ok(page)
}

fn sum(page: &str, name: &str) -> u64 {
    let samples = page.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
    samples.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}
