//! What the behaviour tests share: a broker to test against, a target that remembers, and a ledger that compares.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

mod broker;
mod certificates;
mod compare;
mod fronts;
mod hostile;
mod http;
mod ledger;
mod order;
mod policy;
mod publisher;
mod safe;
mod target;

pub use self::{
    broker::{Broker, flood, payload, topic},
    certificates::{Ca, Identity, replace},
    compare::compare,
    fronts::{Relay, SafeFront},
    hostile::shows_no_value,
    http::{get, labelled, metric},
    ledger::Ledger,
    order::{ORDER, Order, OrderFormat, OrderSink},
    publisher::{Load, Published, Publisher},
    safe::SafeBroker,
    target::{Answer, Target, TestSink},
};

use std::time::Duration;

/// How long anything that has to happen may take on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The value of the future, or a panic that names what did not happen.
pub async fn within<T>(what: &str, happening: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, happening).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {} s", PATIENCE.as_secs()),
    }
}

/// Returns when the condition, looked at again and again, holds.
pub async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(what, holds).await;
}

/// The README's connector compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The connector of the README is built with the file in this folder.
#[test]
fn the_readme_shows_the_file_that_its_connector_is_built_with() {
    let shown = include_str!("../connector.toml");
    assert!(include_str!("../../README.md").contains(&format!("```toml\n{shown}```\n")), "{shown}");
}
