//! The configuration room, from files to reports.

mod connection;
mod generated;
mod handwritten;
mod settings;
mod syntax;

use std::{ffi::OsString, path::Path, time::Duration};

use async_trait::async_trait;
use url::Url;

use super::{
    ConfigError, ConnectorConfig, Environment, Loaded, MappingSettings, Secret, TopicMapping, TopicMappings,
    generated::{ConnectorInfo, GeneratedConnector, MappingReader, SectionReader, SettingInfo},
    load_text,
};
use crate::{
    connector::{ConsumerConfig, SinkConnector},
    error::ConnectorResult,
    record::SinkRecord,
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

const fn key(key: &'static str, default: Option<&'static str>, secret_env: Option<&'static str>) -> SettingInfo {
    SettingInfo { key, help: "", default, optional: false, secret_env }
}

impl TopicMapping for Endpoint {
    const SETTINGS: &'static [SettingInfo] = &[key("path", None, None)];

    fn read(mapping: &mut MappingReader<'_>) -> Option<Self> {
        Some(Self { path: mapping.setting(&Self::SETTINGS[0])? })
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
        settings: &[
            key("base_url", None, None),
            key("token", None, Some("HTTP_SINK_TOKEN")),
            key("timeout", Some("\"10s\""), None),
        ],
    };

    fn load(section: &mut SectionReader<'_>) -> Option<Self> {
        let base_url = section.setting(&Self::INFO.settings[0]);
        let token = section.secret(&Self::INFO.settings[1]);
        let timeout = section.setting(&Self::INFO.settings[2]);
        let topics = section.topic_mappings::<Self>();
        Some(Self { base_url: base_url?, token: token?, timeout: timeout?, topics: topics? })
    }

    fn mapping_settings(&self) -> Vec<MappingSettings> {
        self.topics.settings()
    }
}

#[async_trait]
impl SinkConnector for HttpSink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(self.topics.consumer_configs())
    }

    async fn process(&mut self, _: SinkRecord) -> ConnectorResult<()> {
        Ok(())
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
    load_text(Path::new("connector.toml"), text, &variables(set))
}

fn report(text: &str) -> String {
    load(text).unwrap_err().to_string()
}
