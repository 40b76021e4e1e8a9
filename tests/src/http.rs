//! HTTP client for the metrics and health endpoint.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Status code and body of a page.
pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", address.port())).await.expect("the endpoint listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the endpoint reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the endpoint answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status code");
    (code, body.to_owned())
}

/// Sum of a metric over all its labels.
pub async fn metric(address: SocketAddr, name: &str) -> f64 {
    labelled(address, name, "").await
}

/// Sum of a metric over the samples whose labels contain `label`.
pub async fn labelled(address: SocketAddr, name: &str, label: &str) -> f64 {
    let (_, text) = get(address, "/metrics").await;
    let samples = text.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(label)
    });
    samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
