//! Helpers of the behaviour tests: a broker to test against, a target in memory, and a ledger of lost and duplicated records.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

mod broker;
mod certificates;
mod compare;

mod hostile;
mod http;
mod ledger;
mod mapping;
mod policy;
mod proxies;
mod publisher;
mod readme;
mod running;
pub mod stores;
mod target;
mod tls_broker;

pub use self::{
    broker::{Broker, flood, payload, topic},
    certificates::{Ca, Identity, replace},
    compare::{compare, settle_allocator},
    hostile::assert_no_value_leaks,
    http::{get, labelled, metric},
    ledger::Ledger,
    mapping::{consumer, mapping},
    proxies::{Relay, TlsProxy},
    publisher::{Load, Published, Publisher},
    running::Running,
    target::{Answer, Target, TestSink},
    tls_broker::TlsBroker,
};

pub use danube_client::SchemaType;

use std::{
    net::TcpListener,
    process,
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Timeout of everything that a test waits for, long enough for a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Timeout of what takes a load of many records.
const PATIENCE_OF_LOADS: Duration = Duration::from_secs(900);

/// Awaits the future with a timeout of [`PATIENCE`]; panics with `what` if it elapses.
pub async fn within<T>(what: &str, happening: impl Future<Output = T>) -> T {
    within_time(PATIENCE, what, happening).await
}

/// Waits until the condition holds; polls it.
pub async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    within(what, holds(condition)).await;
}

/// [`until`] with a timeout of 15 minutes, for a condition that takes a load of many records.
pub async fn until_loaded<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    within_time(PATIENCE_OF_LOADS, what, holds(condition)).await;
}

async fn within_time<T>(patience: Duration, what: &str, happening: impl Future<Output = T>) -> T {
    match tokio::time::timeout(patience, happening).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {} s", patience.as_secs()),
    }
}

async fn holds<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    while !condition().await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Blocks until a server in another process answers; panics with its log when `patience` has passed. For helpers that start
/// servers, which give no signal when they are ready.
#[allow(clippy::disallowed_methods, reason = "helpers that start servers run outside of tasks, too")]
pub fn wait_for_server(patience: Duration, answers: impl Fn() -> bool, log: impl Fn() -> String) {
    let started = Instant::now();
    while !answers() {
        assert!(started.elapsed() < patience, "the server does not answer: {}", log());
        thread::sleep(Duration::from_millis(20));
    }
}

/// A port that nothing listens on, for a server in another process, or for none. It is below those that the system gives to sockets
/// that ask for any, so that none of them, nor a connection, takes it before the server does.
pub fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Tests of several processes begin apart from each other.
    let begin = process::id().wrapping_mul(101) % u32::from(COUNT);
    let ports = std::iter::repeat_with(|| TAKEN.fetch_add(1, Ordering::Relaxed));
    let ports = ports.take(COUNT.into()).map(|taken| (begin + u32::from(taken)) % u32::from(COUNT));
    let mut ports = ports.filter_map(|port| u16::try_from(port).ok()).map(|port| FIRST + port);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// The code of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The doctest of the README is built with the file in this folder.
#[test]
fn the_readme_shows_the_configuration_of_its_connector() {
    let shown = include_str!("../connector.toml");
    assert!(include_str!("../../README.md").contains(&format!("```toml\n{shown}```\n")), "{shown}");
}
