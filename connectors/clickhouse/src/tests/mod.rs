//! The connector with real servers, which the tests start, and with a scripted one.

#[cfg(feature = "arrow")]
mod arrow;
mod changes;
mod conformance;
mod content;
mod errors;
mod formats;
mod hosts;
mod ledger;
mod names;
pub(crate) mod process;
mod readme;
mod refusals;
mod schemas;
mod scripted;
mod unchanged;
mod values;

use danube_sink::{ConnectorResult, SinkConnector, SinkRecord, testing::from_toml};

use super::Clickhouse;
use process::{Engine, Process};

/// A connector for the topic `/default/t`, with more keys for its mapping.
fn connector(url: &str, mapping: &str) -> Clickhouse {
    let text = format!(
        "[clickhouse]\napi.url = '{url}'\n\n[[clickhouse.topic_mappings]]\n\
         topic = '/default/t'\nsubscription = 's'\n{}{mapping}",
        if mapping.contains("\ntable = ") { "" } else { "table = 't'\n" }
    );
    from_toml(&text).expect("a configuration").0
}

/// An initialized connector of a server.
async fn started(server: &Process, mapping: &str) -> Clickhouse {
    let mut connector = connector(&server.url(), mapping);
    initialize(&mut connector).await.expect("a server that takes rows");
    connector
}

async fn initialize(connector: &mut Clickhouse) -> ConnectorResult<()> {
    connector.initialize(danube_sink::ConnectorConfig::new("http://localhost:6650", "clickhouse")).await
}

fn records<P: AsRef<str>>(payloads: impl IntoIterator<Item = P>) -> Vec<SinkRecord> {
    let record = |(offset, payload): (usize, P)| {
        let record = SinkRecord::builder("/default/t").subscription("s").offset(offset as u64);
        record
            .publish_time(1_517_966_773_840)
            .producer("p", 7, offset as u64)
            .payload(payload.as_ref().to_owned())
            .build()
    };
    payloads.into_iter().enumerate().map(record).collect()
}

/// The message of a partial failure: records that are rejected before the server sees them.
fn rejected(answer: ConnectorResult<()>) -> String {
    match answer {
        Err(danube_sink::ConnectorError::Partial(failure)) => failure.to_string(),
        other => panic!("not rejected: {other:?}"),
    }
}
