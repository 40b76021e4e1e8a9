//! The connector with real servers, which the tests start, and with a scripted one.

mod conformance;
mod deletes;
mod documents;
mod errors;
mod ledger;
mod names;
mod pipelines;
pub(crate) mod process;
mod readme;
mod schemas;
mod scripted;
mod settings;
mod target;
mod templates;
mod times;
mod tls;
mod versions;

use std::time::Duration;

use danube_sink::{
    ConnectorConfig, ConnectorError, ConnectorResult, RecordBuilder, SinkConnector, SinkRecord,
    testing::{attempt, from_toml},
};

use super::Opensearch;
use process::{Engine, Process};

/// How long a write may take: servers of other tests use the same machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A connector for the topic `/default/t`, with the keys of its mapping.
fn connector(url: &str, mapping: &str) -> Opensearch {
    let text = format!(
        "[opensearch]\napi = {{ url = '{url}', timeout = '100s' }}\n\n[[opensearch.topic_mappings]]\ntopic = '/default/t'\nsubscription = 's'\n{mapping}"
    );
    from_toml(&text).expect("a configuration").0
}

/// An initialized connector of a server.
async fn started(server: &Process, mapping: &str) -> Opensearch {
    let mut connector = connector(&server.url(), mapping);
    initialize(&mut connector).await.expect("a server that takes documents");
    connector
}

async fn initialize(connector: &mut Opensearch) -> ConnectorResult<()> {
    let mut core = ConnectorConfig::new("http://localhost:6650", "opensearch");
    core.write_timeout = PATIENCE;
    connector.initialize(core).await
}

/// Makes one attempt to write records.
async fn write(connector: &mut Opensearch, records: Vec<SinkRecord>) -> ConnectorResult<()> {
    attempt(PATIENCE, connector.process_batch(records)).await
}

/// A record at an offset, published so many milliseconds after the first.
fn record(offset: u64, payload: &str) -> RecordBuilder {
    let record = SinkRecord::builder("/default/t").subscription("s").offset(offset);
    record.publish_time(1_517_966_773_840 + offset).producer("p", 7, offset).payload(payload.to_owned())
}

fn records<P: AsRef<str>>(payloads: impl IntoIterator<Item = P>) -> Vec<SinkRecord> {
    payloads.into_iter().enumerate().map(|(offset, payload)| record(offset as u64, payload.as_ref()).build()).collect()
}

/// The message of a partial failure.
fn partial(answer: ConnectorResult<()>) -> String {
    match answer {
        Err(ConnectorError::Partial(failure)) => failure.to_string(),
        other => panic!("no partial failure: {other:?}"),
    }
}
