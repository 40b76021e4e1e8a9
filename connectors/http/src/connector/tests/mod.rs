//! The connector against an HTTP server, over real sockets.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod access;
mod answers;
mod api;
mod bodies;
mod conformance;
mod delivery;
mod echoes;
mod pace;
mod payloads;
mod readme;
mod requests;
mod settings;
mod statuses;
mod tombstones;
mod unavailable;

use std::{ffi::OsString, path::Path};

use danube_sink::{
    ConnectorConfig, ConnectorError, ConnectorResult, SinkConnector, SinkRecord,
    config::{Environment, load_text},
};

use self::api::Api;
use super::Http;

const TOPIC: &str = "/default/t";

/// A configuration with one mapping, with more keys for the connector (`section`) and the mapping.
fn toml(api: &Api, section: &str, mapping: &str) -> String {
    let url = api.url();
    format!(
        "[http]\napi.url = '{url}'\n{section}\n\n[[http.topic_mappings]]\ntopic = '{TOPIC}'\n\
         subscription = 'http'\n{mapping}\n"
    )
}

fn load(text: &str, environment: &dyn Environment) -> Result<(Http, ConnectorConfig), String> {
    let loaded = load_text::<Http>(Path::new("test.toml"), text, environment).map_err(|error| error.to_string())?;
    Ok((loaded.connector, loaded.core))
}

/// An environment with a broker address, which these tests do not use, and secrets.
fn with(secrets: &[(&'static str, &'static str)]) -> impl Fn(&str) -> Option<OsString> {
    let secrets = secrets.to_vec();
    move |name| match name {
        "DANUBE_SERVICE_URL" => Some("http://localhost:6650".into()),
        _ => secrets.iter().find(|(variable, _)| *variable == name).map(|(_, secret)| secret.into()),
    }
}

/// An initialized connector.
async fn connected(text: &str, secrets: &[(&'static str, &'static str)]) -> Http {
    let (mut sink, core) = load(text, &with(secrets)).expect("a valid configuration");
    sink.initialize(core).await.expect("the API is there");
    sink
}

/// Numbered records.
fn records(count: u64) -> Vec<SinkRecord> {
    (0..count).map(|number| record(number, &format!(r#"{{"number":{number}}}"#))).collect()
}

fn record(offset: u64, payload: &str) -> SinkRecord {
    SinkRecord::builder(TOPIC).offset(offset).payload(payload.to_owned()).build()
}

/// The report of an error, in one line.
fn report(answer: ConnectorResult<()>) -> String {
    match answer.expect_err("a failure") {
        ConnectorError::Partial(failure) => format!("{failure:?}"),
        error => error.report(),
    }
}

/// How many records are rejected, and the reasons.
fn rejected(answer: ConnectorResult<()>) -> (usize, String) {
    match answer.expect_err("a record is not valid") {
        ConnectorError::InvalidRecord { reason, .. } => (1, reason),
        ConnectorError::Partial(failure) => {
            let text = failure.to_string();
            let rejected = text.split(", ").nth(1).and_then(|part| part.split(' ').next()?.parse().ok());
            (rejected.expect("a number"), format!("{failure:?}"))
        }
        error => panic!("{error:?}"),
    }
}
