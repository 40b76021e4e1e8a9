//! A bulk API to try the connector with: it prints the documents. `cargo run -p verdicts --example api`

#![allow(clippy::print_stdout, reason = "it is there to print")]

use axum::{Router, http::Uri};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let store = async |uri: Uri, body: String| {
        let items: Vec<_> = body.lines().map(|_| r#"{"status":201}"#).collect();
        println!("{uri}, {} documents:\n{body}", items.len());
        format!(r#"{{"items":[{}]}}"#, items.join(","))
    };
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}/bulk; Ctrl-C ends", listener.local_addr()?);
    axum::serve(listener, Router::new().fallback(store)).await
}
