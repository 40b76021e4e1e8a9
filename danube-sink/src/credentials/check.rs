//! What can be known at start to be wrong with the settings of a safe connection.

use std::path::Path;

use super::{
    certificates::{check_ca, check_certificate, check_key, check_pair, trusted},
    token::{self, Claims},
};
use danube_sink_config::ExternalError;

use crate::config::{ConnectorConfig, Token};

const URL: &str = "danube_service_url";
const CA: &str = "tls_ca_file";
const CERTIFICATE: &str = "tls_cert_file";
const KEY: &str = "tls_key_file";

/// Checks the certificates, the key and the token of a configuration.
pub(crate) fn check(config: &ConnectorConfig) -> Vec<ExternalError> {
    let mut found = Vec::new();
    let mut add = |key: Option<&'static str>, (message, help): (String, String)| {
        // The message about the URL names it.
        let named = key.filter(|key| *key != URL);
        let message = named.map_or_else(|| message.clone(), |key| format!("`{key}`: {message}"));
        found.push(ExternalError { key, message, help });
    };
    let (certificate, private_key) = (config.tls_cert_file.as_deref(), config.tls_key_file.as_deref());

    check_url(config).unwrap_or_else(|wrong| add(Some(URL), wrong));
    check_trust(config).unwrap_or_else(|(part, wrong)| add(part, wrong));
    let chain = certificate.map(check_certificate).transpose().unwrap_or_else(|wrong| {
        add(Some(CERTIFICATE), wrong);
        None
    });
    let private = private_key.map(check_key).transpose().unwrap_or_else(|wrong| {
        add(Some(KEY), wrong);
        None
    });
    match (certificate, private_key) {
        (Some(_), None) => add(Some(CERTIFICATE), alone("tls_key_file")),
        (None, Some(_)) => add(Some(KEY), alone("tls_cert_file")),
        _ => {}
    }
    if let (Some(chain), Some(private), Some(path)) = (chain, private, private_key) {
        check_pair(chain, private, path).unwrap_or_else(|wrong| add(Some(KEY), wrong));
    }
    if let Some(token) = &config.token {
        check_token(token).unwrap_or_else(|wrong| add(None, wrong));
    }
    found
}

fn alone(other: &str) -> (String, String) {
    (format!("there is no `{other}` beside it"), format!("add `{other} = …`: a certificate and its key go together"))
}

/// Whether connections to it are by TLS. Schemes are the same in capitals.
pub(crate) fn is_safe(service_url: &str) -> bool {
    after(service_url, "https://").is_some()
}

fn after<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = url.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// A URL that is none is somebody else's to report.
fn check_url(config: &ConnectorConfig) -> Result<(), (String, String)> {
    let url = config.danube_service_url.as_str();
    let given = [
        (config.tls_ca_file.is_some(), "`tls_ca_file` is given"),
        (config.tls_cert_file.is_some(), "`tls_cert_file` is given"),
        (config.tls_key_file.is_some(), "`tls_key_file` is given"),
        (config.token.is_some(), "there is a token (DANUBE_TOKEN or DANUBE_TOKEN_FILE)"),
    ];
    let reason = given.iter().find(|(given, _)| *given).map(|(_, reason)| reason);
    match (reason, after(url, "http://")) {
        (Some(reason), Some(rest)) => Err((
            format!("`danube_service_url` begins with `http`, which is not safe, and {reason}"),
            format!("write `https://{rest}`; or leave away what is for safe connections only"),
        )),
        _ => Ok(()),
    }
}

fn check_trust(config: &ConnectorConfig) -> Result<(), (Option<&'static str>, (String, String))> {
    match (&config.tls_ca_file, is_safe(&config.danube_service_url)) {
        (Some(path), _) => check_ca(path).map_err(|wrong| (Some(CA), wrong)),
        (None, true) => match trusted(None) {
            Some(path) => check_ca(&path).map_err(|wrong| (Some(URL), wrong)),
            None => Err((
                Some(URL),
                (
                    "`danube_service_url` begins with `https`, and this system has no file of CAs to trust".to_owned(),
                    "add `tls_ca_file = …`: the certificate of the CA that signed the broker's".to_owned(),
                ),
            )),
        },
        (None, false) => Ok(()),
    }
}

fn check_token(token: &Token) -> Result<(), (String, String)> {
    let help = || "make one with `danube-admin security tokens create`".to_owned();
    let secret = token::read(token).map_err(|error| {
        let path = if let Token::File(path) = token { path.as_path() } else { Path::new("") };
        let message = format!("cannot read the token file {}: {error}", path.display());
        (message, "DANUBE_TOKEN_FILE must name a file in UTF-8 that this process may read".to_owned())
    })?;
    let claims = Claims::of(&secret).map_err(|why| (format!("{token} is no JWT: {why}"), help()))?;
    match claims.expired() {
        Some(when) => Err((format!("{token} expired on {when}"), help())),
        None => Ok(()),
    }
}
