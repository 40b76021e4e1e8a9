//! The macros, with the documentation of their attributes: here its examples can be compiled.

/// Makes a struct a sink connector that is its own configuration, and completes its `impl SinkConnector`.
///
/// ```no_run
/// use danube_sink::prelude::*;
///
/// /// Posts the records of each topic to an HTTP endpoint.
/// #[sink_connector]
/// struct HttpSink {
///     /// Base URL that requests are sent to.
///     base_url: Url, // a required key of [http_sink]
///     /// Timeout of one request.
///     #[setting(default = "10s", range = "100ms"..="5m")]
///     timeout: Duration,
///     /// Bearer token.
///     #[setting(secret)]
///     token: Option<Secret>, // from HTTP_SINK_TOKEN, or the file that HTTP_SINK_TOKEN_FILE names
///     /// Where each topic goes.
///     #[topic_mappings]
///     topics: TopicMappings<Endpoint>, // [[http_sink.topic_mappings]]
///     #[state]
///     sent: u64, // not configuration: starts as its `Default`
/// }
///
/// #[derive(TopicMapping)]
/// struct Endpoint {
///     path: String,
/// }
///
/// #[sink_connector]
/// impl SinkConnector for HttpSink {
///     async fn initialize(&mut self, _config: ConnectorConfig) -> ConnectorResult<()> {
///         Ok(()) // connect to the target
///     }
///
///     async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
///         self.sent += records.len() as u64; // write them in one go
///         Ok(())
///     }
/// }
/// ```
///
/// That is a whole program: the macro also writes `main`. The doc comments are the help of the program and of its keys.
/// Errors are reported when the program is compiled, each at its place, and all of them at once. The
/// [guide](crate::guide::configuration) has the settings of every connector.
///
/// # On the struct
///
/// | Argument | Meaning | Without it |
/// |---|---|---|
/// | `section = "…"` | the table of the settings | the struct's name in snake case |
/// | `config = "…"` | a file of the package, which is validated when the connector is compiled. If neither `--config` nor `CONNECTOR_CONFIG_PATH` names a file, the program reads the one of this name in the current folder; only `dev` falls back to the copy in the program | one of the two is required |
/// | `name = "…"` | the connector's name, until the file or `CONNECTOR_NAME` gives it another | the package's |
/// | `version = "…"` | what `--version` prints | the package's |
/// | `dev_hint = "…"` | what the `dev` command prints about the target | nothing |
/// | `validate = path` | a check of the whole connector, see [below](#checks-of-your-own) | none |
/// | `validate_external = path` | a check of its secrets and of the files that it names, see [below](#checks-of-your-own) | none |
/// | `main = false` | no `fn main` is written, see [below](#several-connectors-and-libraries) | one is |
///
/// # On a field
///
/// A field without an attribute is a required key of the section; an `Option` is optional. A field with `#[cfg(…)]` is a key
/// of the builds that have it; all but the topic mappings may have one.
///
/// | Attribute | Meaning |
/// |---|---|
/// | `#[setting(…)]` | a key, with the arguments below |
/// | `#[setting(secret)]` | a secret, see [below](#secrets-and-variables) |
/// | `#[topic_mappings(…)]` | the topic mappings, see [below](#topic-mappings); exactly one field |
/// | `#[state]` | the connector's own, not configuration: starts as `Default` |
///
/// | Argument of `setting` | Meaning |
/// |---|---|
/// | `default = …` | the value without the key: a literal, or an array of them. Durations and sizes are strings with a unit: `"10s"`, `"5MiB"` |
/// | `default` | the value without the key is the `Default` of the type, which no constraint validates |
/// | `default(key = …, …)` | for a table of a library, which derives [`Setting`](derive@crate::Setting): other defaults for some of its keys |
/// | `example = …` | the value that the template shows for a key without a default: a literal. Of a nested table that requires no key, `template --minimal` shows the examples |
/// | `rename = "…"` | the key, instead of the field's name |
/// | `range = …` | the range of numbers (`1..=100`), durations (`"1s"..="5m"`) and sizes (`"1KiB"..`), as Rust's ranges |
/// | `length = …` | the number of characters of a string, values of an array, keys of a map: `1..=64` |
/// | `one_of = […]` | the allowed strings or integers, to the letter |
/// | `items(…)` | a `range`, `length` or `one_of` for each value of an array or map |
/// | `validate = path` | a check of the value, see [below](#checks-of-your-own) |
/// | `env = "…"` | an environment variable that overrides the file, or the variable of a secret |
/// | `secret` | a secret |
///
/// ```
/// # use danube_sink::prelude::*;
/// # use std::collections::BTreeMap;
/// #[sink_connector(section = "store", name = "store-sink", main = false)]
/// struct Store {
///     #[setting(default = 8, range = 1..=64, env = "STORE_CONNECTIONS")]
///     connections: u8,
///     #[setting(default = "5MiB", range = "1KiB"..="64MiB")]
///     chunk: ByteSize,
///     #[setting(rename = "type", default = "s3", one_of = ["s3", "gcs"])]
///     kind: String,
///     #[setting(length = 1.., items(length = 1..=253))]
///     hosts: Vec<String>,
///     #[setting(default = 0.5, range = 0.0..1.0)]
///     sampling: f64,
///     #[setting(example = "eu-central-1")]
///     region: String,
///     #[setting(default)]
///     labels: BTreeMap<String, String>,
///     #[setting(default(header = "api-key"))]
///     login: Login,
///     #[setting(secret, env = "STORE_KEY")]
///     key: Secret,
///     #[cfg(unix)]
///     socket: Option<PathBuf>,
///     #[topic_mappings(subscription_type = "Exclusive", batch_size = 500, single_writer = true)]
///     topics: TopicMappings,
/// }
///
/// #[derive(Setting)]
/// struct Login {
///     header: String,
///     #[setting(secret)]
///     token: Option<Secret>,
/// }
/// # #[sink_connector]
/// # impl SinkConnector for Store {
/// #     async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> { Ok(()) }
/// #     async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> { Ok(()) }
/// # }
/// # fn main() {}
/// ```
///
/// # Secrets and variables
///
/// `#[setting(secret)]` is for a [`Secret`](crate::Secret) or an `Option` of one. It comes from an environment variable, or from
/// the file that the variable with `_FILE` at its end names; never from the configuration file. In reports, logs and the
/// effective configuration it is `***`.
///
/// | Secret | Variable, if `env` names no other |
/// |---|---|
/// | `token` of the connector whose section is `[http_sink]` | `HTTP_SINK_TOKEN` |
/// | `token` of a table `[http_sink.api]` | `HTTP_SINK_API_TOKEN` |
/// | `token` of a topic mapping of `[http_sink]` | `HTTP_SINK_TOKEN` |
///
/// Tables and topic mappings may need a secret each. Beside a secret `token` they have the optional key `token_env`, by which
/// the file names the variable: `token_env = "ORDERS_TOKEN"`.
///
/// `#[setting(env = "STORE_URL")]` is a key of the file that a variable overrides. Its value is a string, or TOML where the type
/// takes no string: `STORE_HOSTS='["a", "b"]'`. An optional table that the file does not have is there if such a variable of it
/// is set; that of a secret is not enough. Topic mappings and arrays of tables have no such keys, because a variable has one
/// value.
///
/// # Types
///
/// Numbers, `bool`, `String`, `PathBuf`, `Url`, `Duration` (`"250ms"`, `"10s"`, `"5m"`, `"1h"`, `"7d"`),
/// [`ByteSize`](crate::ByteSize) (`"64KiB"`, `"5MiB"`, `"5MB"`), [`Pointer`](crate::Pointer) (`"/user/id"`, a JSON pointer into
/// the payload), [`Metadata`](crate::Metadata) (`"offset"`, metadata of a record), [`Field`](crate::Field) (either, or
/// `"attribute:NAME"`), [`Template`](crate::Template) (`"/users/{/user/id}"`, a string that each record fills in),
/// [`Parsed`](crate::Parsed) of any type with `FromStr`, and `Option`, `Vec`, `BTreeMap` and `HashMap` of them, whose keys are
/// `String` or any type with `FromStr`, `IpAddr`, and [`Options`](crate::Options), which a library of the target reads. A type of
/// your own derives [`Setting`](derive@crate::Setting): an enum whose variants are strings, or a struct whose fields are the keys
/// of a table within the section. A table cannot contain itself, not even in a `Vec`: its keys are known when the connector is
/// compiled, and the compiler reports a cycle.
///
/// # Topic mappings
///
/// `#[topic_mappings(…)]` sets defaults of common keys for mappings without them, because the author of a connector knows its
/// target: `#[topic_mappings(subscription_type = "Exclusive", single_writer = true)]`. It takes every
/// [common key of a mapping](crate::guide::configuration#common-keys-of-a-topic-mapping) but `topic`, `subscription` and
/// `consumer_name`, which each mapping of the file has for itself. A value of the file, in the mapping or at its root, overrides
/// them; the environment does not.
///
/// # Checks of your own
///
/// `#[setting(validate = path)]` names a function: on a field, of a reference to the value (to what is in it, for an `Option`; or
/// to what it dereferences to: `&str` for a `String`, `&Path` for a `PathBuf`); on a struct
/// that derives `TopicMapping` or `Setting`, of the struct. That of a `TopicMapping` may also take its common keys, as
/// `&MappingSettings`. `#[sink_connector(validate = path)]` names a function of the connector. Its error becomes part of the
/// report, with the line of the key: a string, a [`Diagnostic`](crate::config::Diagnostic) with a remedy, or several
/// [`Diagnostics`](crate::config::Diagnostics). A struct is checked when every setting of its own is valid.
///
/// `#[sink_connector(validate_external = path)]` names another function of the connector, for what is not in the file: which secrets
/// are set and whether they can be used, and files such as certificates
/// ([`TlsFiles`](crate::config::TlsFiles)). `check --no-environment` does not call it, since it knows neither; there,
/// an optional secret is never set.
///
/// ```
/// # use danube_sink::prelude::*;
/// use danube_sink::config::{Diagnostic, Diagnostics, MappingSettings};
///
/// #[sink_connector(validate = Self::sizes_agree, main = false)]
/// struct Pool {
///     #[setting(validate = power_of_two)]
///     shards: u32,
///     idle: u32,
///     open: u32,
///     #[topic_mappings]
///     topics: TopicMappings<Target>,
/// }
///
/// #[derive(TopicMapping)]
/// #[setting(validate = Self::has_a_key)]
/// struct Target {
///     #[setting(default = false)]
///     replace: bool,
///     key: Option<Pointer>,
/// }
///
/// impl Target {
///     fn has_a_key(&self, settings: &MappingSettings) -> Result<(), Diagnostic> {
///         if self.replace && self.key.is_none() {
///             return Err(Diagnostic::of_key("replace", "there is no `key` to replace by", "add `key = \"/id\"`"));
///         }
///         if self.replace && !settings.single_writer {
///             return Err(Diagnostic::of_key("replace", "several writers replace rows", "add `single_writer = true`"));
///         }
///         Ok(())
///     }
/// }
///
/// fn power_of_two(shards: &u32) -> Result<(), &'static str> {
///     if shards.is_power_of_two() { Ok(()) } else { Err("not a power of two") }
/// }
///
/// impl Pool {
///     fn sizes_agree(&self) -> Result<(), Diagnostics> {
///         let mut found = Diagnostics::default();
///         if self.idle > self.open {
///             found.push(Diagnostic::of_key("idle", "more than `open`", "lower it, or raise `open`"));
///         }
///         found.into_result()
///     }
/// }
/// # #[sink_connector]
/// # impl SinkConnector for Pool {
/// #     async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> { Ok(()) }
/// #     async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> { Ok(()) }
/// # }
/// # fn main() {}
/// ```
///
/// # On the impl
///
/// The impl of a struct with the attribute needs it too. The macro applies `async_trait`, so `Box` must be the standard one there.
/// It writes `consumer_configs` from the topic mappings, and `process` from `process_batch`, where the impl leaves them out.
///
/// In these methods, write `println!("{:?}", self)`: `{self:?}` within the string is an error (E0382), since `async_trait` renames
/// `self`, and not within strings. `{}` with `self.prefix` as an argument is fine.
///
/// # Several connectors and libraries
///
/// A struct in a module or a library, or the second one in a crate, has `main = false`: a program has one `fn main`, in its root.
/// [`danube_sink::main`](crate::main) runs one connector, and a [`Catalog`](crate::Catalog) several, each as a command of its own:
/// `my-connectors users run --config users.toml`.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use danube_sink::Catalog;
///
/// mod users {
///     use danube_sink::prelude::*;
///
///     /// Prints users.
///     #[sink_connector(main = false)]
///     pub struct Users {
///         #[topic_mappings]
///         topics: TopicMappings,
///     }
/// #   #[sink_connector]
/// #   impl SinkConnector for Users {
/// #       async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> { Ok(()) }
/// #       async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> { Ok(()) }
/// #   }
///     // …
/// }
///
/// mod orders {
///     use danube_sink::prelude::*;
///
///     /// Prints orders.
///     #[sink_connector(main = false)]
///     pub struct Orders {
///         #[topic_mappings]
///         topics: TopicMappings,
///     }
/// #   #[sink_connector]
/// #   impl SinkConnector for Orders {
/// #       async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> { Ok(()) }
/// #       async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> { Ok(()) }
/// #   }
///     // …
/// }
///
/// fn main() -> ExitCode {
///     Catalog::new("my-connectors", env!("CARGO_PKG_VERSION"), "The connectors of my company")
///         .connector::<users::Users>("users")
///         .connector::<orders::Orders>("orders")
///         .main()
/// }
/// ```
///
/// A library whose program is another package has `fn main() -> ExitCode { danube_sink::main::<users::Users>() }` there.
///
/// # Where the crate has another name
///
/// `sinks = { package = "danube-sink", … }` in `Cargo.toml` is enough.
pub use danube_sink_macros::sink_connector;

/// Derives `Setting` for a type of your own, so that a key can have it.
///
/// A struct is a table: its fields are the keys, with the arguments of `#[setting]` that
/// [`sink_connector`](macro@crate::sink_connector) has, [secrets](macro@crate::sink_connector#secrets-and-variables) too. A
/// table that needs none of its keys is optional.
///
/// An enum is a string: the variant's name in snake case, or that of `#[setting(rename = "…")]`. Case, `_` and `-` do not
/// matter in the file. The key is optional if a variant is the `#[default]`.
///
/// ```
/// # use danube_sink::prelude::*;
/// #[sink_connector(main = false)]
/// struct Warehouse {
///     /// What to do with a row that exists already.
///     mode: WriteMode, // mode = "upsert"
///     /// How requests are retried.
///     retry: Retry, // [warehouse.retry]
///     #[topic_mappings]
///     topics: TopicMappings,
/// }
///
/// #[derive(Setting)]
/// enum WriteMode {
///     #[default]
///     Append,
///     Upsert,
///     #[setting(rename = "replace")]
///     DropAndCreate,
/// }
///
/// #[derive(Setting)]
/// struct Retry {
///     /// Maximum number of retries.
///     #[setting(default = 3, range = 0..=10)]
///     attempts: u32,
///     #[setting(default = "1s")]
///     pause: Duration,
/// }
/// # #[sink_connector]
/// # impl SinkConnector for Warehouse {
/// #     async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> { Ok(()) }
/// #     async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> { Ok(()) }
/// # }
/// # fn main() {}
/// ```
pub use danube_sink_macros::Setting;

/// Derives `TopicMapping` for the keys of a topic mapping that are the connector's own: each field is a key.
///
/// A field has the arguments of `#[setting]` that [`sink_connector`](macro@crate::sink_connector) has,
/// [secrets](macro@crate::sink_connector#secrets-and-variables) too; `env` is for secrets alone. The common keys (`topic`,
/// `batch_size`, …) are the runtime's, and no field can have their names.
///
/// ```
/// # use danube_sink::prelude::*;
/// #[derive(TopicMapping)]
/// struct Target {
///     /// The table that the topic's records go to.
///     #[setting(length = 1..=63)]
///     table: String,
///     #[setting(default = false)]
///     truncate: bool,
///     /// The key of the table, from the variable that `api_key_env` names.
///     #[setting(secret)]
///     api_key: Option<Secret>,
/// }
/// ```
pub use danube_sink_macros::TopicMapping;
