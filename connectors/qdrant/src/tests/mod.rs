//! The connector with an engine of Qdrant, which the tests start, and with a scripted server.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod answers;
mod changes;
mod collections;
mod conformance;
mod contents;
mod halves;
mod ledger;
mod points;
pub(crate) mod process;
mod readme;
mod requests;
mod schemas;
mod settings;

use danube_sink::{
    ConnectorConfig, ConnectorError, ConnectorResult, SinkConnector, SinkRecord, testing::from_toml_with,
};
use serde_json::{Value, json};

use super::Qdrant;
use process::Process;

const TOPIC: &str = "/default/t";

/// A connector for one topic, with more keys for its mapping.
fn connector(url: &str, mapping: &str) -> Qdrant {
    connector_with(url, mapping, &[])
}

/// A [`connector`] with environment variables.
fn connector_with(url: &str, mapping: &str, variables: &[(&str, &str)]) -> Qdrant {
    let name = if mapping.contains("collection_name") { "" } else { "collection_name = 'c'\n" };
    let text = format!(
        "[qdrant]\napi.url = '{url}'\n\n[[qdrant.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\n{name}{mapping}"
    );
    from_toml_with(&text, variables).expect("a configuration").0
}

async fn initialize(connector: &mut Qdrant) -> ConnectorResult<()> {
    connector.initialize(ConnectorConfig::new("http://localhost:6650", "qdrant")).await
}

/// An initialized connector of a server.
async fn started(url: &str, mapping: &str) -> Qdrant {
    let mut connector = connector(url, mapping);
    initialize(&mut connector).await.expect("a server that takes points");
    connector
}

/// A server with a collection `c` of vectors with two dimensions.
fn with_collection() -> Process {
    let server = Process::start();
    server.create("c", &json!({ "vectors": { "size": 2, "distance": "Dot" } }));
    server
}

fn record(offset: u64, key: Option<&str>, payload: &str) -> SinkRecord {
    let record = SinkRecord::builder(TOPIC).subscription("s").offset(offset).publish_time(1_517_966_773_840);
    let record = record.producer("p", 7, offset).attribute("tenant", "acme").payload(payload.to_owned());
    match key {
        Some(key) => record.key(key).build(),
        None => record.build(),
    }
}

fn records<P: AsRef<str>>(payloads: impl IntoIterator<Item = P>) -> Vec<SinkRecord> {
    payloads.into_iter().zip(0..).map(|(payload, offset)| record(offset, None, payload.as_ref())).collect()
}

/// The ids of the points, in order.
fn ids(points: &[Value]) -> Vec<&Value> {
    points.iter().map(|point| &point["id"]).collect()
}

/// The message of a partial failure.
fn rejected(answer: ConnectorResult<()>) -> String {
    match answer {
        Err(ConnectorError::Partial(failure)) => format!("{failure} {failure:?}"),
        other => panic!("not rejected: {other:?}"),
    }
}
