//! A conformance kit: an author calls it from a test, and it plays with the connector what happens to connectors.
//!
//! Each scenario starts the [embedded broker](crate::dev) and the real [`SinkRuntime`](crate::SinkRuntime) with a fresh
//! connector, over real sockets. The kit stands between the runtime and the connector, which does not know of it, and lets
//! tries fail. At the end it compares the target with what was published, and counts acknowledgements, retries and dead
//! letters exactly, at the broker and in `/metrics`.
//!
//! ```text
//!  kit ──publishes──▶ broker ──▶ runtime ──▶ kit: faults, log ──▶ connector ──▶ target
//!   ▲                   │           │                │                            │
//!   └───────── acks, dead letters, metrics, tries ───┴──────────── held ──────────┘
//! ```
//!
//! An author says three things in a [`Subject`]: how to make the connector, a payload, and what the target holds. In a
//! program the test stands beside the connector, as `#[cfg(test)] mod conformance;` in its `main.rs`, so that nothing has to
//! be public; `tokio` is its only dependency. This is a whole one, of a connector that writes a file for each record:
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
//!         let folder = self.0.display();
//!         from_toml(&format!(
//!             "[files]\nfolder = '{folder}'\n\
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
//! # What is played
//!
//! | Scenario | What has to be so |
//! |---|---|
//! | opens and closes without a record | `initialize` and `shutdown` are called once; the target is empty |
//! | one record, 1 000 records | the target has each batch when the connector answers `Ok`; `health_check` passes |
//! | batches up to `batch_size` | waiting records make full batches, and none is larger |
//! | a try fails before or after the write, in part, hangs, or is given up halfway | the batch, or the part that was not written, comes again and is held |
//! | an outage of many tries | the records are waited for, beyond `max_retries` |
//! | the target is away ([`Subject::take_away`]) | the connector says that its failure may pass, and writes when the target is back |
//! | the broker loses its connections and restarts | nothing is lost, with a batch in hand each time |
//! | shutdown with an open batch, or during a write | what is in hand is written and acknowledged |
//! | a second start goes on where the first ended | what came meanwhile is delivered, and nothing again |
//! | the target refuses everything ([`Subject::refuse_all`]) | the records are waited for; none is rejected |
//! | payloads of every type, to dead letters or skipped | empty, text, bytes, foreign JSON and what is almost JSON are taken or rejected; the connector's own between them are delivered; no error repeats a value |
//! | hostile values in every field | each value in a payload that is a JSON object is each of some thirty that another type, range or encoding has; they are taken or rejected as above |
//! | hostile keys and attributes | routing keys and attributes with quotes, braces, line breaks, NUL, of 12 KB: taken or rejected as above |
//! | many invalid records in a batch | they do not cost an attempt each |
//! | the last version of a key stays ([`Subject::version`]) | also with one key several times in a batch, and after attempts that fail |
//! | a topic with partitions, three tasks, a KeyShared subscription and three tasks | everything is delivered; the last version of a key stays |
//!
//! In every scenario nothing is lost, and nothing is held twice unless the subject says that it is not
//! [idempotent](Subject::idempotent) and the scenario makes records come again. Where the broker is left in peace,
//! acknowledgements, settled records, retries, dead letters and skipped records are counted exactly.

mod checks;
pub(crate) mod documents;
mod ledger;
mod log;
mod numbers;
mod probe;
mod publish;
mod report;
mod running;
mod scenarios;
mod stage;
mod subject;
mod verdicts;

#[cfg(test)]
mod tests;

pub use self::{
    documents::{assert_examples_load, assert_generated, own_settings},
    report::{Report, Scenario, Verdict},
    subject::{Prepared, Subject, from_toml},
    verdicts::verdict_table,
};

/// Plays every scenario with the subject, one after the other.
///
/// It takes some seconds; a scenario that fails may take as long as [`Subject::patience`] says. Call it on a runtime with
/// several threads if the connector blocks. Dropping the future begins the shutdown of the connector that is running.
pub async fn conforms(subject: impl Subject) -> Report {
    scenarios::play(subject, &[]).await
}

/// Plays the scenarios of these names, as a [`Report`] names them, and before them the first one of all; to look at one
/// that fails.
///
/// A name that no scenario has fails. Dropping the future is as with [`conforms`].
pub async fn conforms_in(subject: impl Subject, scenarios: &[&'static str]) -> Report {
    scenarios::play(subject, scenarios).await
}
