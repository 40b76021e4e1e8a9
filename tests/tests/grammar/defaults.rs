//! Defaults and examples.

use danube_sink::{config::template, prelude::*, testing::assert_templates_load};

use crate::{file, load, report};

/// A connector with defaults of every form.
#[sink_connector(section = "defaults", main = false)]
#[derive(Debug)]
pub struct Defaults {
    /// The default of its type.
    #[setting(default)]
    pub number: u16,
    /// The default of its type is no literal.
    #[setting(default)]
    pub share: Share,
    /// An array, which must not be long.
    #[setting(default, length = ..=2)]
    pub names: Vec<String>,
    /// A table with a required key, and a default as a whole.
    #[setting(default)]
    pub start: Start,
    /// A table of a library, with other defaults.
    #[setting(default(secret_header = "api-key", retries = 5))]
    pub api: Api,
    /// The same table, with the defaults of the library.
    pub other_api: Option<Api>,
    /// A float with its point at the end.
    #[setting(default = 1.)]
    pub factor: f64,
    /// A required key with an example.
    #[setting(example = "eu-central-1")]
    pub region: String,
    /// An optional key with an example.
    #[setting(example = ["a", "b"])]
    pub zones: Option<Vec<String>>,
    /// An array of tables that is required.
    pub servers: Vec<Server>,
    /// The mappings.
    #[topic_mappings]
    pub topics: TopicMappings,
}

/// A share.
#[derive(Debug, PartialEq, Setting)]
pub struct Share {
    /// In percent.
    #[setting(range = 1..=100)]
    pub percent: u8,
}

impl Default for Share {
    fn default() -> Self {
        Self { percent: 50 }
    }
}

/// A beginning.
#[derive(Debug, PartialEq, Setting)]
pub struct Start {
    /// From where.
    #[setting(default = 7)]
    pub from: u8,
}

impl Default for Start {
    fn default() -> Self {
        Self { from: 3 }
    }
}

/// A table that a library declares.
#[derive(Debug, PartialEq, Setting)]
pub struct Api {
    /// The header of the secret.
    pub secret_header: String,
    /// Retries.
    #[setting(default = 1, range = 0..=9)]
    pub retries: u8,
}

/// One of several servers.
#[derive(Debug, PartialEq, Setting)]
pub struct Server {
    /// Its name.
    pub host: String,
}

writes_nothing!(Defaults);

const REQUIRED: &str = "region = \"r\"\nservers = [{ host = \"a\" }]";

fn with(lines: &str) -> Defaults {
    load(&file("defaults", &format!("{REQUIRED}\n{lines}"), ""), &[])
        .unwrap_or_else(|report| panic!("{report}"))
        .connector
}

#[test]
fn a_key_has_the_default_of_its_type() {
    let connector = with("");
    assert_eq!((connector.number, connector.share), (0, Share { percent: 50 }));
    assert!(connector.names.is_empty());
    assert_eq!(connector.start, Start { from: 3 }, "the default of the struct, not those of its keys");
    assert!((connector.factor - 1.0).abs() < f64::EPSILON);
    let connector = with("number = 5\nshare = { percent = 1 }\nnames = [\"a\"]\nstart = {}");
    assert_eq!((connector.number, connector.share), (5, Share { percent: 1 }));
    assert_eq!((connector.names.as_slice(), connector.start), (["a".to_owned()].as_slice(), Start { from: 7 }));
}

#[test]
fn a_connector_gives_other_defaults_to_the_keys_of_a_table() {
    let api = |header: &str, retries| Api { secret_header: header.to_owned(), retries };
    let connector = with("");
    assert_eq!((connector.api, connector.other_api), (api("api-key", 5), None));
    let connector = with("api = { retries = 2 }\nother_api = { secret_header = \"b\" }");
    assert_eq!((connector.api, connector.other_api), (api("api-key", 2), Some(api("b", 1))));
    let report = report::<Defaults>(
        &file("defaults", &format!("{REQUIRED}\nother_api = {{}}\napi = {{ retries = 10 }}"), ""),
        &[],
    );
    assert!(report.contains("`other_api`: missing key `secret_header`"), "{report}");
    assert!(report.contains("`api`: `retries`: the number is out of range") && report.contains("2 errors"), "{report}");
}

#[test]
fn the_documents_show_defaults_and_examples() {
    let template = template::<Defaults>();
    let connector = load::<Defaults>(&template, &[]).unwrap_or_else(|report| panic!("{report}\n{template}")).connector;
    assert_eq!(connector.servers.len(), 1, "a required array of tables is in the template");
    for line in [
        "region = \"eu-central-1\"",
        "#zones = [\"a\", \"b\"]",
        "#secret_header = \"api-key\"",
        "#retries = 5",
        "#factor = 1.0",
        "[[defaults.servers]]",
    ] {
        assert!(template.lines().any(|own| own == line), "`{line}` is not in\n{template}");
    }
    let schema = danube_sink::config::json_schema::<Defaults>();
    let section = &schema["properties"]["defaults"];
    assert_eq!(section["properties"]["api"]["properties"]["secret_header"]["default"], "api-key");
    assert_eq!(section["required"], serde_json::json!(["region", "servers"]));
}

/// A connector with tables that have a default as a whole, and required keys or settings of the environment.
#[sink_connector(section = "store", main = false)]
#[derive(Debug)]
pub struct Store {
    /// A table whose key a variable may have.
    #[setting(default)]
    pub login: Login,
    /// A table with an optional secret beside a key of the file.
    #[setting(default)]
    pub signature: Signature,
    /// A table with a required secret beside a key of the file.
    #[setting(default)]
    pub replica: Replica,
    /// A table that needs no key.
    #[setting(default)]
    pub proxy: Proxy,
    /// The mappings.
    #[topic_mappings]
    pub topics: TopicMappings,
}

/// A login.
#[derive(Debug, Default, Setting)]
pub struct Login {
    /// The user.
    #[setting(env = "STORE_USER")]
    pub user: String,
}

/// A signature.
#[derive(Debug, Default, Setting)]
pub struct Signature {
    /// The algorithm.
    pub algorithm: String,
    /// The key.
    #[setting(secret, env = "SHARED_KEY")]
    pub key: Option<Secret>,
}

/// A replica.
#[derive(Debug, Setting)]
pub struct Replica {
    /// The host.
    pub host: String,
    /// The token.
    #[setting(secret)]
    pub token: Secret,
}

impl Default for Replica {
    fn default() -> Self {
        Self { host: "localhost".to_owned(), token: Secret::new("none") }
    }
}

/// A proxy.
#[derive(Debug, Default, Setting)]
pub struct Proxy {
    /// The password.
    #[setting(secret)]
    pub password: Option<Secret>,
}

writes_nothing!(Store);

#[test]
fn a_table_with_a_default_may_be_left_out_whatever_it_requires() {
    let store = |lines: &str, variables: &'static [(&str, &str)]| {
        let loaded = load::<Store>(&file("store", lines, ""), variables);
        loaded.unwrap_or_else(|report| panic!("{report}")).connector
    };
    let connector = store("", &[]);
    assert_eq!((connector.login.user.as_str(), connector.signature.algorithm.as_str()), ("", ""));
    assert_eq!((connector.replica.host.as_str(), connector.replica.token.expose()), ("localhost", "none"));
    let connector = store("", &[("STORE_USER", "u"), ("SHARED_KEY", "k"), ("STORE_PROXY_PASSWORD", "p")]);
    assert_eq!(connector.login.user, "u");
    assert!(connector.signature.key.is_none(), "the secret may be there for another table");
    assert_eq!(connector.proxy.password.as_ref().map(Secret::expose), Some("p"));
    let connector = store("signature.algorithm = \"a\"", &[("SHARED_KEY", "k")]);
    assert_eq!(connector.signature.key.as_ref().map(Secret::expose), Some("k"));
    let missing = report::<Store>(&file("store", "login = {}", ""), &[]);
    assert!(missing.contains("missing key `user`") && missing.contains("STORE_USER"), "{missing}");
}

#[test]
fn such_a_table_may_be_left_out_without_the_environment_too() {
    assert_templates_load::<Store>();
}
