//! An API to try the connector with: it prints the requests. `cargo run -p danube-sink-http --example receiver`

#![allow(clippy::print_stdout, reason = "it is there to print")]

use axum::{
    Router,
    http::{HeaderMap, Method, Uri},
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let print = async |method: Method, uri: Uri, headers: HeaderMap, body: String| {
        let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or("-");
        println!("{method} {uri} key {key}, {} bytes: {:.80}", body.len(), body.trim_end());
    };
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}; Ctrl-C ends", listener.local_addr()?);
    axum::serve(listener, Router::new().fallback(print)).await
}
