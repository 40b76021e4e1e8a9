//! A connector with every attribute of the macros.

use std::collections::{BTreeMap, HashMap};

use danube_sink::{
    ConsumerConfig,
    config::{ConfigError, Diagnostic, Diagnostics, Loaded},
    prelude::*,
};

/// A sink with everything.
#[sink_connector(
    section = "all",
    config = "grammar.toml",
    name = "all-sink",
    version = "1.2.3",
    dev_hint = "look there",
    validate = Self::agrees,
    main = false
)]
#[derive(Debug)]
pub struct Everything {
    /// A key without a default.
    pub url: Url,
    /// A duration within a range.
    #[setting(default = "10s", range = "1s".."1m")]
    pub timeout: Duration,
    /// A size within a range.
    #[setting(default = "5MiB", range = "1KiB"..)]
    pub chunk: ByteSize,
    /// An integer within a range.
    #[setting(default = -1, range = -5..=5)]
    pub number: i8,
    /// A number within a range, through an `Option`.
    #[setting(range = 0.0..1.0)]
    pub share: Option<f64>,
    /// An array with a maximum length.
    #[setting(default = ["a", "b\\ \"c\""], length = ..=3)]
    pub list: Vec<String>,
    /// An optional map that must not be empty.
    #[setting(length = 1..)]
    pub table: Option<BTreeMap<String, f64>>,
    /// Another map.
    pub labels: Option<HashMap<String, PathBuf>>,
    /// A value in the payload.
    #[setting(default = "/id")]
    pub at: Pointer,
    /// A value of the record.
    #[setting(default = "attribute:tenant")]
    pub tenant: Field,
    /// Metadata that is written too.
    #[setting(default = ["offset", "publish_time"])]
    pub metadata: Vec<Metadata>,
    /// A keyword as a key.
    pub r#type: Option<String>,
    /// A key by another name, with a few values.
    #[setting(rename = "storage-class", default = "hot", one_of = ["hot", "cold"])]
    pub class: String,
    /// A few numbers, checked by a function too.
    #[setting(default = 2, one_of = [1, 2, 3, 4], validate = even)]
    pub copies: u8,
    /// A check of an `Option` sees the value in it.
    #[setting(validate = even)]
    pub spare: Option<u8>,
    /// An enum with a default.
    pub mode: Mode,
    /// An enum whose default is a literal: the compiler knows the words.
    #[setting(default = "upsert")]
    pub other_mode: Mode,
    /// A table whose keys all have defaults.
    pub retry: Retry,
    /// An array of tables.
    #[setting(default = [])]
    pub servers: Vec<Server>,
    /// An optional table with a required key.
    pub standby: Option<Server>,
    /// A number whose type has another name: the compiler knows its range.
    #[setting(default = 80, range = 1..=1024)]
    pub port: Port,
    /// A secret.
    #[setting(secret)]
    pub token: Secret,
    /// A secret under a name of its own.
    #[setting(secret, env = "OTHER_KEY")]
    pub key: Option<Secret>,
    /// The mappings.
    #[topic_mappings(
        subscription_type = "Exclusive",
        batch_size = 7,
        flush_interval_ms = 50,
        on_invalid_record = "dead_letter",
        dead_letter_topic = "/default/dead",
        on_mass_refusal = "stop",
        single_writer = true,
        sole_consumer = true
    )]
    pub topics: TopicMappings<Target>,
    #[state]
    count: usize,
}

/// A port.
pub type Port = u16;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Setting)]
pub enum Mode {
    /// Existing rows stay.
    #[default]
    AppendOnly,
    /// Existing rows are overwritten.
    Upsert,
    /// The table is replaced.
    #[setting(rename = "replace")]
    DropAndCreate,
}

/// How requests are retried.
#[derive(Debug, PartialEq, Eq, Setting)]
pub struct Retry {
    /// Maximum number of retries.
    #[setting(default = 3, range = 0..=10)]
    pub attempts: u32,
    /// A table within.
    pub pause: Pause,
}

/// The delay between retries.
#[derive(Debug, PartialEq, Eq, Setting)]
pub struct Pause {
    /// Initial retry delay.
    #[setting(rename = "first", default = "1s")]
    pub initial: Duration,
}

/// One of several servers.
#[derive(Debug, PartialEq, Eq, Setting)]
#[setting(validate = Self::has_no_port)]
pub struct Server {
    /// Its name.
    #[setting(length = 1..=10)]
    pub host: String,
}

/// Where a topic goes.
#[derive(Debug, TopicMapping)]
#[setting(validate = fits)]
pub struct Target {
    /// The table.
    #[setting(rename = "target")]
    pub table: String,
    /// A table within the mapping.
    pub retry: Retry,
}

impl Server {
    fn has_no_port(&self) -> Result<(), &'static str> {
        if self.host.contains(':') { Err("a port has no place here") } else { Ok(()) }
    }
}

fn fits(target: &Target) -> Result<(), Diagnostic> {
    if target.table == "patient" && target.retry.attempts < 5 {
        return Err(Diagnostic::of_key("retry.attempts", "too few for a patient table", "write 5 or more"));
    }
    Ok(())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "a check is handed what the field holds")]
fn even(copies: &u8) -> Result<(), &'static str> {
    if copies.is_multiple_of(2) { Ok(()) } else { Err("an odd number") }
}

impl Everything {
    fn agrees(&self) -> Result<(), Diagnostics> {
        let mut found = Diagnostics::default();
        if self.retry.attempts > u32::from(self.copies) + 5 {
            found.push(Diagnostic::of_key("retry.attempts", "too many for so few `copies`", "lower it"));
            found.push(Diagnostic::of_key("copies", "too few for so many `retry.attempts`", "raise it"));
        }
        found.into_result()
    }
}

#[sink_connector]
impl SinkConnector for Everything {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        self.count = 0;
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(self.topics.consumer_configs())
    }

    async fn process(&mut self, _: SinkRecord) -> ConnectorResult<()> {
        self.count += 1;
        Ok(())
    }
}

/// The file that the connector is built with.
pub(crate) const SHORTEST: &str = include_str!("../../grammar.toml");

/// Loads a configuration of the connector.
pub(crate) fn load(text: &str) -> Result<Loaded<Everything>, ConfigError> {
    super::load(text, &[("ALL_TOKEN", "s3cret")])
}

/// The report of the shortest configuration with more lines in its section.
pub(crate) fn report(lines: &str) -> String {
    let text = SHORTEST.replace("[[all", &format!("{lines}\n[[all"));
    load(&text).map_or_else(|error| error.to_string(), |loaded| format!("no error: {loaded:?}"))
}
