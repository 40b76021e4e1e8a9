//! The configuration room, from files to reports.

mod built;
mod delivery_keys;
mod generated;
mod handwritten;
mod printed;
mod published;
mod settings;
mod syntax;

use std::{ffi::OsString, path::Path, time::Duration};

use url::Url;

use super::{
    Beyond, ConfigError, Environment, Loaded, Mapped, MappingSettings, Secret, TopicMapping, TopicMappings,
    generated::{
        ConnectorInfo, GeneratedConnector, Key, MappingReader, SecretKey, SectionReader, SettingInfo, key, secret_key,
    },
    load_text_for,
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

const PATH: Key<String> = key(SettingInfo::new("path"));
const BASE_URL: Key<Url> = key(SettingInfo::new("base_url"));
const TOKEN: SecretKey<Secret> =
    secret_key(SettingInfo { secret_env: Some("HTTP_SINK_TOKEN"), ..SettingInfo::new("token") });
const TIMEOUT: Key<Duration> = key(SettingInfo { default: Some("\"10s\""), ..SettingInfo::new("timeout") });

impl TopicMapping for Endpoint {
    const SETTINGS: &'static [SettingInfo] = &[PATH.info];

    fn read(mapping: &mut MappingReader<'_>) -> Option<Self> {
        Some(Self { path: mapping.setting(&PATH)? })
    }
}

impl GeneratedConnector for HttpSink {
    type Mapping = Endpoint;

    const INFO: ConnectorInfo = ConnectorInfo {
        name: "http-sink",
        version: "0.1.0",
        about: "",
        section: "http_sink",
        config_file: None,
        crate_folder: "",
        dev_hint: None,
        settings: &[BASE_URL.info, TOKEN.info, TIMEOUT.info],
    };

    fn load(section: &mut SectionReader<'_>) -> Option<Self> {
        let base_url = section.setting(&BASE_URL);
        let token = section.secret(&TOKEN);
        let timeout = section.setting(&TIMEOUT);
        let topics = section.topic_mappings::<Self>();
        Some(Self { base_url: base_url?, token: token?, timeout: timeout?, topics: topics? })
    }

    fn mapping_settings(&self) -> Vec<MappingSettings> {
        self.topics.settings()
    }
}

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
    load_text_for(Beyond::UNSEEN, Path::new("connector.toml"), text, &variables(set))
}

fn report(text: &str) -> String {
    load(text).unwrap_err().to_string()
}
