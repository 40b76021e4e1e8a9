//! The macros of `danube-sink`, which re-exports them. Each is read, checked and written in files of those names:
//! tokens → `Raw…` (`syntax`) → `Checked…` (`check`, which finds every mistake) → code (`emit`, or `fallback` after one).

#![warn(missing_docs)]

mod connector;
mod diagnostics;
mod expand;
mod field;
mod file;
mod implementation;
mod mapping;
mod names;

use proc_macro::TokenStream;

/// Makes a struct a sink connector that is its own configuration, and completes its `impl SinkConnector`.
///
/// ```text
/// /// Posts the records of each topic to an HTTP endpoint.
/// #[sink_connector]
/// struct HttpSink {
///     /// Base URL that requests are sent to.
///     base_url: Url,                          // a required key of [http_sink]
///     #[setting(default = "10s")]
///     timeout: Duration,                      // a key with a default
///     #[setting(secret)]
///     token: Option<Secret>,                  // HTTP_SINK_TOKEN, or the file that HTTP_SINK_TOKEN_FILE names
///     #[topic_mappings]
///     topics: TopicMappings<Endpoint>,        // [[http_sink.topic_mappings]]
///     #[state]
///     client: Client,                         // not configuration: starts as its Default
/// }
///
/// #[sink_connector]
/// impl SinkConnector for HttpSink {
///     async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> { … }
///     async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> { … }
/// }
/// ```
///
/// # On the struct
/// - `section = "…"`: the table of the settings; without it, the struct's name in snake case
/// - `config = "…"`: the file that holds if neither `--config` nor `CONNECTOR_CONFIG_PATH` names one; looked for in the
///   current folder, then in the package's
/// - `dev_hint = "…"`: what the `dev` command says about the target
/// - `main = false`: no `fn main` is written; without it, the struct is a whole program
///
/// Doc comments become the help of the keys. A setting's type is one that implements `Setting`.
///
/// # The configuration file
/// With `config = "…"`, the file must be there when the connector is built, in the package's folder, and is looked at as it
/// is at start: a key that is unknown or missing, a value that its type cannot take, a topic that is mapped twice, a secret
/// in the file are errors of the build, each with its line of the file and what to write instead. A change of the file is a
/// reason to build again.
///
/// What the environment may give is not missed: `danube_service_url`, the secrets. What a `Setting` with a reader of its own
/// says beyond its `SHAPE` is heard at start.
///
/// # On a field
/// - nothing, or `#[setting(default = …)]`: a key of the section
/// - `#[setting(secret)]`, `#[setting(secret, env = "NAME")]`: a secret from the environment, never from the file
/// - `#[topic_mappings]`: the topic mappings; exactly one field
/// - `#[state]`: the connector's own, not configuration
///
/// # On the impl
/// `async_trait` is applied. Where they are left out, `consumer_configs` is written from the topic mappings, and
/// `process` from `process_batch`.
#[proc_macro_attribute]
pub fn sink_connector(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::sink_connector(arguments.into(), item.into()).into()
}

/// Makes a struct what one topic mapping says beyond the common keys: each field is a key.
///
/// ```text
/// #[derive(TopicMapping)]
/// struct Target {
///     /// The table that the topic's records go to.
///     table: String,
///     #[setting(default = false)]
///     truncate: bool,
/// }
/// ```
#[proc_macro_derive(TopicMapping, attributes(setting, state, topic_mappings))]
pub fn topic_mapping(item: TokenStream) -> TokenStream {
    expand::topic_mapping(item.into()).into()
}
