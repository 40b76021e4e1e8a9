//! The program's `dev` command.

use std::{
    collections::HashSet,
    fs,
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    http::{HeaderMap, Method, Uri},
};
use danube_sink_tests::free_port;

/// Runs `dev` with the configuration of the package and another address of the API.
fn dev(address: &str, name: &str) -> Output {
    let file = format!("{}/{name}-{}.toml", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    let text = include_str!("../../connector.toml").replace("http://localhost:8080", address);
    fs::write(&file, text).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_danube-sink-http"));
    command.args(["--config", &file, "dev"]).env_remove("CONNECTOR_CONFIG_PATH").output().expect("it starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_sends_every_event_of_the_repository() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let paths = Arc::<Mutex<HashSet<String>>>::default();
    let keep = {
        let paths = Arc::clone(&paths);
        async move |method: Method, uri: Uri, headers: HeaderMap| {
            if method == Method::PUT && headers.contains_key("idempotency-key") {
                paths.lock().expect("whole").insert(uri.path().to_owned());
            }
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(keep)).await });
    let output = tokio::task::spawn_blocking(move || dev(&address, "there")).await.expect("no panic");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text.contains("100 of 100 records delivered and acknowledged"), "{text}");
    let paths = paths.lock().expect("whole");
    assert_eq!(paths.len(), 100);
    assert!(paths.iter().all(|path| path.starts_with("/earthquakes/")), "{paths:?}");
}

#[test]
fn dev_reports_that_no_api_listens() {
    let address = format!("http://127.0.0.1:{}", free_port());
    let output = dev(&address, "away");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for part in [address.as_str(), "`url`", "cargo run -p danube-sink-http --example receiver", "refused"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}
