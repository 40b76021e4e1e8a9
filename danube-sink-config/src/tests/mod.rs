//! From files to reports.

mod compile_time;
mod connector;
mod delivery_keys;
mod docs;
mod mappings;
mod published;
mod reports;
mod secrets;
mod serde_compat;
mod settings;
mod source;
mod syntax;
mod tasks;

use std::{ffi::OsString, path::Path, time::Duration};

use url::Url;

use super::{
    ConfigError, Environment, ExternalChecks, Loaded, Mapped, MappingSettings, Secret, TopicMapping, TopicMappings,
    load_text_for,
    private::{ConnectorInfo, GeneratedConnector, Key, KeyDefault, KeyReader, KeySpec, ValueSource, key, mapping_keys},
};

/// What `#[sink_connector]` would make of a struct with one setting of each kind.
#[derive(Debug)]
struct HttpSink {
    base_url: Url,
    token: Secret,
    timeout: Duration,
    topics: TopicMappings<Endpoint>,
}

#[derive(Debug)]
struct Endpoint {
    path: String,
}

const PATH: Key<String> = key(KeySpec::new("path"));
const BASE_URL: Key<Url> = key(KeySpec::new("base_url"));
const TOKEN: Key<Secret> =
    key(KeySpec { source: ValueSource::Secret(Some("HTTP_SINK_TOKEN")), ..KeySpec::new("token") });
const TIMEOUT: Key<Duration> = key(KeySpec { default: KeyDefault::Literal("\"10s\""), ..KeySpec::new("timeout") });

impl TopicMapping for Endpoint {
    const KEYS: &'static [KeySpec] = &[PATH.spec];

    fn read(mapping: &mut KeyReader<'_>, _: &MappingSettings) -> Option<Self> {
        Some(Self { path: mapping.get(&PATH)? })
    }
}

impl GeneratedConnector for HttpSink {
    const INFO: ConnectorInfo = ConnectorInfo {
        name: "http-sink",
        version: "0.1.0",
        about: "",
        section: "http_sink",
        sample: None,
        dev_hint: None,
        keys: &[BASE_URL.spec, TOKEN.spec, TIMEOUT.spec],
        mapping_keys: Endpoint::KEYS,
        mapping_defaults: &[],
    };

    fn load(section: &mut KeyReader<'_>) -> Option<Self> {
        let base_url = section.get(&BASE_URL);
        let token = section.get(&TOKEN);
        let timeout = section.get(&TIMEOUT);
        let topics = section.topic_mappings(&mapping_keys::<Endpoint>());
        Some(Self { base_url: base_url?, token: token?, timeout: timeout?, topics: topics? })
    }

    fn mapping_settings(&self) -> Vec<MappingSettings> {
        self.topics.settings()
    }
}

const GOOD: &str = r#"
danube_service_url = "http://localhost:6650"
batch_size = 50

[http_sink]
base_url = "https://example.com"

[[http_sink.topic_mappings]]
topic = "/events/users"
subscription = "group-1"
path = "/users"
"#;

/// An environment with these variables.
fn variables(set: &'static [(&'static str, &'static str)]) -> impl Environment {
    move |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
}

/// What a connector in good order has in its environment.
const USUAL: &[(&str, &str)] = &[("HTTP_SINK_TOKEN", "s3cret"), ("HOSTNAME", "host-1")];

fn load(text: &str) -> Result<Loaded<HttpSink>, ConfigError> {
    load_in(text, USUAL)
}

fn load_in(text: &str, set: &'static [(&'static str, &'static str)]) -> Result<Loaded<HttpSink>, ConfigError> {
    load_text_for(ExternalChecks::SKIP, Path::new("connector.toml"), text, &variables(set))
}

fn report(text: &str) -> String {
    load(text).unwrap_err().to_string()
}
