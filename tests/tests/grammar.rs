//! A connector with everything that the attributes have, under the strictest lints, and what its configuration becomes.
#![deny(warnings, missing_docs, unsafe_code, unused_qualifications, clippy::pedantic)]

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    path::Path,
};

use danube_sink::{
    ConsumerConfig, OnInvalidRecord, OnMassRefusal,
    config::{ConfigError, Diagnostic, Diagnostics, Environment, Loaded, load_text},
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
    /// A time within a range.
    #[setting(default = "10s", range = "1s".."1m")]
    pub timeout: Duration,
    /// A size within a range.
    #[setting(default = "5MiB", range = "1KiB"..)]
    pub chunk: ByteSize,
    /// A whole number within a range.
    #[setting(default = -1, range = -5..=5)]
    pub number: i8,
    /// A number within a range, through an `Option`.
    #[setting(range = 0.0..1.0)]
    pub share: Option<f64>,
    /// A list of a length.
    #[setting(default = ["a", "b\\ \"c\""], length = ..=3)]
    pub list: Vec<String>,
    /// A map that may be left out, and must not be empty.
    #[setting(length = 1..)]
    pub table: Option<BTreeMap<String, f64>>,
    /// Another map.
    pub labels: Option<HashMap<String, PathBuf>>,
    /// Where in a payload.
    #[setting(default = "/id")]
    pub at: Pointer,
    /// Where in a record.
    #[setting(default = "attribute:tenant")]
    pub tenant: Field,
    /// What is written along.
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
    /// An `Option` is checked if there is something in it.
    #[setting(validate = even)]
    pub spare: Option<u8>,
    /// A word that has a default.
    pub mode: Mode,
    /// A word whose default is a literal: the compiler knows the words.
    #[setting(default = "upsert")]
    pub other_mode: Mode,
    /// A table that needs no key.
    pub retry: Retry,
    /// A list of tables.
    #[setting(default = [])]
    pub servers: Vec<Server>,
    /// A table that may be left out, and has a key that may not.
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

/// What becomes of a row that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Setting)]
pub enum Mode {
    /// It stays.
    #[default]
    AppendOnly,
    /// It is overwritten.
    Upsert,
    /// It goes.
    #[setting(rename = "replace")]
    DropAndCreate,
}

/// How requests are repeated.
#[derive(Debug, PartialEq, Eq, Setting)]
pub struct Retry {
    /// Tries after the first.
    #[setting(default = 3, range = 0..=10)]
    pub attempts: u32,
    /// A table within.
    pub pause: Pause,
}

/// How long to wait.
#[derive(Debug, PartialEq, Eq, Setting)]
pub struct Pause {
    /// The first wait.
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
        let mut mistakes = Diagnostics::default();
        if self.retry.attempts > u32::from(self.copies) + 5 {
            mistakes.push(Diagnostic::of_key("retry.attempts", "too many for so few `copies`", "lower it"));
            mistakes.push(Diagnostic::of_key("copies", "too few for so many `retry.attempts`", "raise it"));
        }
        mistakes.into_result()
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
const SHORTEST: &str = include_str!("../grammar.toml");

fn environment() -> impl Environment {
    |name: &str| (name == "EVERYTHING_TOKEN").then(|| OsString::from("s3cret"))
}

fn load(text: &str) -> Result<Loaded<Everything>, ConfigError> {
    load_text(Path::new("connector.toml"), text, &environment())
}

/// What the report says of the shortest configuration with more lines in its section.
fn report(lines: &str) -> String {
    let text = SHORTEST.replace("[[all", &format!("{lines}\n[[all"));
    load(&text).map_or_else(|error| error.to_string(), |loaded| format!("no mistake: {loaded:?}"))
}

#[test]
fn what_is_not_said_is_the_default() {
    let Loaded { connector, core, .. } = load(SHORTEST).expect("the shortest configuration");
    assert_eq!(core.connector_name, "all-sink");
    assert_eq!((connector.timeout, connector.chunk), (Duration::from_secs(10), ByteSize(5 << 20)));
    assert_eq!((connector.number, connector.copies, connector.port), (-1, 2, 80));
    assert_eq!(connector.list, ["a", "b\\ \"c\""]);
    assert_eq!((connector.at.as_str(), connector.metadata), ("/id", vec![Metadata::Offset, Metadata::PublishTime]));
    assert_eq!((connector.mode, connector.other_mode), (Mode::AppendOnly, Mode::Upsert));
    let retry = Retry { attempts: 3, pause: Pause { initial: Duration::from_secs(1) } };
    assert_eq!((connector.retry, connector.servers), (retry, vec![]));
    assert_eq!(connector.token.expose(), "s3cret");
    let mapping = &core.mappings[0];
    assert_eq!(mapping.consumer.subscription_type, SubscriptionType::Exclusive);
    assert_eq!((mapping.batch_size, mapping.flush_interval), (7, Duration::from_millis(50)));
    assert_eq!(mapping.on_invalid_record, OnInvalidRecord::DeadLetter);
    assert_eq!(mapping.dead_letter_topic.as_deref(), Some("/default/dead"));
    assert_eq!(mapping.on_mass_refusal, OnMassRefusal::Stop);
    assert!(mapping.single_writer && mapping.sole_consumer && !mapping.create_topics);
}

#[test]
fn the_template_of_everything_loads_as_if_it_said_nothing() {
    let template = danube_sink::config::template::<Everything>();
    let Loaded { connector, core, .. } = load(&template).unwrap_or_else(|report| panic!("{report}\n{template}"));
    let shortest = load(SHORTEST).expect("the shortest configuration");
    assert_eq!((connector.retry, connector.class), (shortest.connector.retry, shortest.connector.class));
    assert_eq!(connector.standby, None);
    assert_eq!(connector.topics.get("/default/topic").map(|target| target.table.as_str()), Some("text"));
    let of_core = |core: ConnectorConfig| (core.batch_size, core.max_retries, core.tasks, core.mappings[0].batch_size);
    assert_eq!(of_core(core), of_core(shortest.core));
    for line in [
        "#mode = \"append_only\"",
        "[all.retry]",
        "#first = \"1s\"",
        "#batch_size = 7",
        "#single_writer = true",
        "#[all.standby]",
    ] {
        assert!(template.contains(line), "`{line}` is not in\n{template}");
    }
    for (variable, need) in [("EVERYTHING_TOKEN_FILE", "Required."), ("OTHER_KEY_FILE", "Optional.")] {
        let line = template.lines().find(|line| line.contains(variable)).expect("a line for the secret");
        assert!(line.ends_with(need), "{line}");
    }
}

#[test]
fn the_file_says_something_else() {
    let lines = r#"
        chunk = "64KiB"
        storage-class = "cold"
        mode = "REPLACE"
        other_mode = "append-only"
        retry = { attempts = 5, pause = { first = "3s" } }
        servers = [{ host = "a" }, { host = "b" }]
        [all.labels]
        a = "/b"
    "#;
    let text = SHORTEST.replace("[[all", &format!("{lines}\n[[all"));
    let text =
        format!("{text}batch_size = 8\nsingle_writer = false\nsubscription_type = \"Shared\"\nretry.attempts = 9\n");
    let Loaded { connector, core, .. } = load(&text).expect("a good configuration");
    assert_eq!((connector.chunk, connector.class.as_str()), (ByteSize(65_536), "cold"));
    assert_eq!((connector.mode, connector.other_mode), (Mode::DropAndCreate, Mode::AppendOnly));
    assert_eq!(connector.retry, Retry { attempts: 5, pause: Pause { initial: Duration::from_secs(3) } });
    assert_eq!(connector.servers[1], Server { host: "b".to_owned() });
    assert_eq!(core.mappings[0].batch_size, 8);
    assert!(!core.mappings[0].single_writer, "the file has the last word");
    assert_eq!(core.mappings[0].consumer.subscription_type, SubscriptionType::Shared);
    assert_eq!(connector.topics.get("/default/a").map(|target| target.retry.attempts), Some(9));
}

#[test]
fn what_the_file_says_for_all_mappings_is_more_than_what_the_code_says_for_one() {
    let size =
        |root: &str| load(&format!("{root}\n{SHORTEST}")).expect("a good configuration").core.mappings[0].clone();
    assert_eq!(size("batch_size = 50").batch_size, 50);
    assert_eq!(size("batch_size = 50").flush_interval, Duration::from_millis(50), "the code's word for another key");
    assert_eq!(size("processing.batch_timeout_ms = 70").flush_interval, Duration::from_millis(70));
    assert_eq!(size("on_mass_refusal = \"go_on\"").on_mass_refusal, OnMassRefusal::GoOn);
}

#[test]
fn every_limit_is_told_with_its_line() {
    let report = report(
        r#"timeout = "1m"
chunk = 5
number = 6
share = 1.0
list = ["a", "b", "c", "d"]
table = {}
storage-class = "Hot"
copies = 5
spare = 3
mode = "upsrt"
port = 0
retry = { atempts = 3, pause = { first = 1 } }
servers = [{}, { host = "" }]
at = "user.id"
metadata = ["offsets"]"#,
    );
    let expected = r#"error: connector.toml:4:11: `timeout`: the duration is out of range
   4 | timeout = "1m"
     |           ^^^^
   help: write one from 1s to less than 1m

error: connector.toml:5:9: `chunk`: the size is out of range
   5 | chunk = 5
     |         ^
   help: write one of at least 1KiB

error: connector.toml:6:10: `number`: the number is out of range
   6 | number = 6
     |          ^
   help: write an integer from -5 to 5

error: connector.toml:7:9: `share`: the number is out of range
   7 | share = 1.0
     |         ^^^
   help: write one from 0.0 to less than 1.0

error: connector.toml:8:8: `list`: the array is too long or too short
   8 | list = ["a", "b", "c", "d"]
     |        ^^^^^^^^^^^^^^^^^^^^
   help: write at most 3 values

error: connector.toml:9:9: `table`: the table has too many or too few keys
   9 | table = {}
     |         ^^
   help: write at least 1 key

error: connector.toml:10:17: `storage-class`: not one of the allowed values
  10 | storage-class = "Hot"
     |                 ^^^^^
   help: write `"hot"` or `"cold"`

error: connector.toml:11:10: `copies`: not one of the allowed values
  11 | copies = 5
     |          ^
   help: write `1`, `2`, `3` or `4`

error: connector.toml:12:9: `spare`: an odd number
  12 | spare = 3
     |         ^
   help: write another value

error: connector.toml:13:8: `mode`: unknown mode
  13 | mode = "upsrt"
     |        ^^^^^^^
   help: did you mean `upsert`? It is one of `append_only`, `upsert` or `replace`

error: connector.toml:14:8: `port`: the number is out of range
  14 | port = 0
     |        ^
   help: write an integer from 1 to 1024

error: connector.toml:15:11: `retry`: unknown key `atempts` in this table
  15 | retry = { atempts = 3, pause = { first = 1 } }
     |           ^^^^^^^
   help: did you mean `attempts`?

error: connector.toml:15:42: `retry`: `pause`: `first`: expected a duration, found an integer
  15 | retry = { atempts = 3, pause = { first = 1 } }
     |                                          ^
   help: write a duration such as `"10s"`: numbers with `ms`, `s`, `m`, `h` or `d`

error: connector.toml:16:12: `servers`: missing key `host` in this table
  16 | servers = [{}, { host = "" }]
     |            ^^
   help: add `host = …`: Its name

error: connector.toml:16:25: `servers`: `host`: the string is empty
  16 | servers = [{}, { host = "" }]
     |                         ^^
   help: write 1 to 10 characters

error: connector.toml:17:6: `at`: not a JSON pointer
  17 | at = "user.id"
     |      ^^^^^^^^^
   help: write a path into the payload such as `/user/id`; `~1` is a `/` in a name, `~0` a `~`

error: connector.toml:18:13: `metadata`: unknown metadata
  18 | metadata = ["offsets"]
     |             ^^^^^^^^^
   help: did you mean `offset`? It is one of `topic`, `partition`, `offset`, `publish_time`, `producer`, `key` or `id`

17 errors in connector.toml"#;
    assert_eq!(report, expected);
}

#[test]
fn an_authors_check_tells_several_keys_with_their_lines() {
    let report = report("copies = 4\nretry.attempts = 10");
    let expected = "error: connector.toml:4:10: `copies`: too few for so many `retry.attempts`
   4 | copies = 4
     |          ^
   help: raise it

error: connector.toml:5:18: `retry.attempts`: too many for so few `copies`
   5 | retry.attempts = 10
     |                  ^^
   help: lower it

2 errors in connector.toml";
    assert_eq!(report, expected);
}

#[test]
fn a_check_of_a_mapping_or_a_table_tells_its_keys_with_their_lines() {
    let text = SHORTEST.replace("target = \"a\"", "target = \"patient\"\nretry = { attempts = 4 }");
    let text = text.replace("[[all", "servers = [{ host = \"a\" }, { host = \"b:80\" }]\n[[all");
    let report = load(&text).map_or_else(|error| error.to_string(), |loaded| format!("no mistake: {loaded:?}"));
    let expected = "error: connector.toml:4:28: `servers`: a port has no place here
   4 | servers = [{ host = \"a\" }, { host = \"b:80\" }]
     |                            ^^^^^^^^^^^^^^^^^
   help: write another value

error: connector.toml:8:22: `retry.attempts`: too few for a patient table
   8 | retry = { attempts = 4 }
     |                      ^
   help: write 5 or more

2 errors in connector.toml";
    assert_eq!(report, expected);
}

/// A connector with a table whose keys may be left out, but not all of them.
#[sink_connector(section = "guarded", main = false)]
#[derive(Debug)]
pub struct Guarded {
    /// Who writes.
    pub login: Login,
    /// The mappings.
    #[topic_mappings]
    pub topics: TopicMappings,
}

/// Who writes.
#[derive(Debug, Setting)]
#[setting(validate = Self::names_somebody)]
pub struct Login {
    /// A user.
    pub user: Option<String>,
    /// A role.
    pub role: Option<String>,
}

impl Login {
    fn names_somebody(&self) -> Result<(), &'static str> {
        self.user.as_ref().or(self.role.as_ref()).map(drop).ok_or("neither `user` nor `role`")
    }
}

#[sink_connector]
impl SinkConnector for Guarded {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process(&mut self, _: SinkRecord) -> ConnectorResult<()> {
        Ok(())
    }
}

#[test]
fn a_table_that_is_not_there_is_checked_too() {
    let load = |login: &str| {
        let text = format!("[guarded]\n{login}\n[[guarded.topic_mappings]]\ntopic = \"/default/a\"\n");
        let text = format!("danube_service_url = \"http://localhost:6650\"\n{text}");
        load_text::<Guarded>(Path::new("connector.toml"), &text, &environment()).map_err(|error| error.to_string())
    };
    assert_eq!(load("login.role = \"writer\"").expect("a login").connector.login.role.as_deref(), Some("writer"));
    for login in ["", "login = {}"] {
        let report = load(login).expect_err("nobody writes");
        assert!(
            report.contains("`login`: neither `user` nor `role`") && report.contains("connector.toml:"),
            "{report}"
        );
    }
}
