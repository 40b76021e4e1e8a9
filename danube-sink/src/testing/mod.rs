//! Conformance kit for connectors: tests of delivery, failures, outages and hostile payloads, called from a test.
//!
//! Each scenario starts the [embedded broker](crate::dev) and the real [`SinkRuntime`](crate::SinkRuntime) with a new
//! connector, over real sockets. The kit wraps the connector and injects faults into its write attempts. At the end it
//! compares the target with the published records, and checks acknowledgements, retries and dead letters exactly, at the
//! broker and in `/metrics`.
//!
//! ```text
//!  kit ──publishes──▶ broker ──▶ runtime ──▶ kit: faults, log ──▶ connector ──▶ target
//!   ▲                   │           │                │                            │
//!   └───────── acks, dead letters, metrics, attempts ┴──────────── held ──────────┘
//! ```
//!
//! A [`Subject`] provides the connector, its payloads, and the records in the target. In a binary crate the test is a module
//! beside the connector, `#[cfg(test)] mod conformance;` in its `main.rs`, so that nothing must be public; `tokio` is its only
//! dependency. A complete example, for a connector that writes a file for each record:
//!
//! ```
//! use std::fs;
//!
//! use danube_sink::{
//!     prelude::*,
//!     testing::{Prepared, Subject, conforms, from_toml},
//! };
//! #
//! # /// Writes a file for each record.
//! # #[sink_connector(main = false)]
//! # struct Files {
//! #     /// Where they are written.
//! #     folder: PathBuf,
//! #     #[topic_mappings]
//! #     topics: TopicMappings,
//! # }
//! #
//! # #[sink_connector]
//! # impl SinkConnector for Files {
//! #     async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
//! #         fs::create_dir_all(&self.folder).initialization("create the folder")
//! #     }
//! #
//! #     async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
//! #         let id = record.payload()["id"].as_u64();
//! #         let id = id.ok_or_else(|| ConnectorError::invalid_record(&record, "no number `id`"))?;
//! #         fs::write(self.folder.join(id.to_string()), record.bytes()).retryable("write a file")
//! #     }
//! # }
//!
//! struct Folder(PathBuf);
//!
//! impl Subject for Folder {
//!     type Connector = Files;
//!
//!     fn connector(&self, topic: &str, subscription: &str) -> Prepared<Files> {
//!         let folder = &self.0;
//!         from_toml(&format!(
//!             "[files]\nfolder = {folder:?}\n\
//!              [[files.topic_mappings]]\ntopic = '{topic}'\nsubscription = '{subscription}'"
//!         ))
//!     }
//!
//!     fn payload(&self, number: u64) -> Vec<u8> {
//!         format!(r#"{{"id":{number}}}"#).into_bytes()
//!     }
//!
//!     async fn held(&self) -> Vec<u64> {
//!         let files = fs::read_dir(&self.0).expect("the folder");
//!         files.map(|file| file.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
//!     }
//!
//!     async fn count(&self) -> Option<u64> {
//!         Some(fs::read_dir(&self.0).expect("the folder").count() as u64)
//!     }
//! }
//!
//! # /*
//! #[tokio::test(flavor = "multi_thread")]
//! # */
//! async fn files_conform() {
//!     let folder = std::env::temp_dir().join(format!("files-{}", std::process::id()));
//!     fs::create_dir_all(&folder).unwrap();
//!     conforms(Folder(folder.clone())).await.assert();
//!     fs::remove_dir_all(&folder).unwrap();
//! }
//! # tokio::runtime::Runtime::new().unwrap().block_on(files_conform());
//! ```
//!
//! # Scenarios
//!
//! | Scenario | Expectation |
//! |---|---|
//! | starts and stops without a record | `initialize` and `shutdown` are called once; the target is empty |
//! | one record, 1 000 records | the target has the first batches when the connector returns `Ok`, and every record at the end; `health_check` passes |
//! | batches up to `batch_size` | waiting records fill batches, and none is larger |
//! | an attempt fails before or after the write, partially, hangs, or is cancelled halfway | the batch, or its part that was not written, is retried and in the target |
//! | an outage of many attempts | the records are retried, beyond `max_retries` |
//! | the target is unavailable ([`Subject::take_away`]) | the connector returns a temporary failure, and writes when the target is back |
//! | the broker loses its connections and restarts | nothing is lost, with a batch in hand each time |
//! | shutdown with an open batch, or during a write | records in hand are written and acknowledged |
//! | a second start continues where the first ended | records published in between are delivered, and none twice |
//! | the target refuses everything ([`Subject::refuse_all`]) | the records are retried; none is rejected |
//! | payloads of every type, to dead letters or skipped | empty payloads, text, bytes, other JSON and almost-JSON are rejected, or accepted and in the target ([`Subject::count`]); valid records between them are delivered; no error repeats a value |
//! | hostile values in every field | each value of a JSON object payload, fifty at most and of an array the first two, is replaced by some thirty values of other types, ranges and encodings, removed, and there twice under its name; they are accepted or rejected as above, and counted unless the subject is [idempotent](Subject::idempotent): its target may hold them as one record |
//! | hostile keys and attributes | routing keys and attributes with quotes, braces, line breaks, NUL, of 12 KB: accepted or rejected as in the row above |
//! | many invalid records in a batch | they do not take one attempt each |
//! | the last version of a key stays ([`Subject::version`]) | also with one key several times in a batch, and after attempts that fail |
//! | a topic with partitions, three tasks, a KeyShared subscription and three tasks | everything is delivered; the last version of a key stays |
//!
//! In every scenario no record is lost, and none is in the target twice, unless the subject is not
//! [idempotent](Subject::idempotent) and the scenario causes redeliveries. Unless the scenario disturbs the broker,
//! acknowledgements, settled records, retries, dead letters and skipped records are checked exactly. A busy machine may cause
//! redeliveries, whose acknowledgements may be missing in the metrics, and further timeouts in scenarios with hanging writes.

mod checks;
pub(crate) mod documents;
mod fault;
mod harness;
mod http;
mod ledger;
mod log;
mod markers;
mod numbers;
mod probe;
mod publish;
mod report;
mod running;
mod scenarios;
mod subject;
mod verdicts;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::{
    documents::{assert_examples_load, assert_generated, assert_templates_load, own_settings},
    http::{HttpReply, HttpRequest, HttpServer},
    report::{Report, Scenario, ScenarioResult},
    subject::{Prepared, Subject, from_toml, from_toml_with},
    verdicts::verdict_table,
};
use crate::error::ConnectorResult;

/// Makes one attempt to write, as the runtime does: `attempt(timeout, connector.process_batch(records))`. Batches within it
/// have the [`deadline`](crate::Batch::deadline) of this `write_timeout_ms`.
///
/// # Errors
/// Those of the call; [`ConnectorError::Retryable`](crate::ConnectorError::Retryable) if it takes longer than the timeout;
/// [`ConnectorError::Fatal`](crate::ConnectorError::Fatal) if it succeeds without an outcome for one of its batches.
pub async fn attempt(timeout: Duration, call: impl Future<Output = ConnectorResult<()>>) -> ConnectorResult<()> {
    crate::pipeline::attempt(timeout, call).await
}

/// Runs all conformance scenarios with the subject, one after the other.
///
/// It takes some seconds; a scenario that fails may take as long as [`Subject::patience`]. Call it on a multi-threaded runtime
/// if the connector blocks. Dropping the future starts the shutdown of the running connector.
pub async fn conforms(subject: impl Subject) -> Report {
    scenarios::run(subject, &[]).await
}

/// Runs the conformance scenarios with these names, as listed in a [`Report`], after the very first one; to debug a failing
/// scenario.
///
/// An unknown name is reported as a failure. Dropping the future starts a shutdown as with [`conforms`].
pub async fn conforms_in(subject: impl Subject, scenarios: &[&'static str]) -> Report {
    scenarios::run(subject, scenarios).await
}
