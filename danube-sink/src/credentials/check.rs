//! Validation of TLS settings and token at startup, without the broker.

use std::path::Path;

use danube_sink_config::{ConnectorConfig, ExternalError, Token};

use super::{
    certificates::{Invalid, ca_file, check_ca},
    files::{NamedFile, check_identity},
    token::{self, Claims},
};

const URL: &str = "danube_service_url";
const CA: &str = "tls_ca_file";
const CERTIFICATE: &str = "tls_cert_file";
const KEY: &str = "tls_key_file";

/// Checks URL, certificates, private key and token, and returns every error.
pub(crate) fn check(config: &ConnectorConfig) -> Vec<ExternalError> {
    let mut found = Vec::new();
    let mut add = |key: Option<&'static str>, (message, help): Invalid| {
        // The message about the URL names it.
        let named = key.filter(|key| *key != URL);
        let message = named.map_or_else(|| message.clone(), |key| format!("`{key}`: {message}"));
        found.push(ExternalError { key, offset: None, message, help });
    };
    let (certificate, private_key) = (config.tls_cert_file.as_deref(), config.tls_key_file.as_deref());

    check_url(config).unwrap_or_else(|invalid| add(Some(URL), invalid));
    check_trust(config).unwrap_or_else(|(key, invalid)| add(key, invalid));
    let named = |key, path| NamedFile { key, path };
    let identity = (certificate.map(|path| named(CERTIFICATE, path)), private_key.map(|path| named(KEY, path)));
    check_identity(identity, &mut |key, invalid| add(Some(key), invalid));
    match (certificate, private_key) {
        (Some(_), None) => add(Some(CERTIFICATE), without("tls_key_file")),
        (None, Some(_)) => add(Some(KEY), without("tls_cert_file")),
        _ => {}
    }
    if let Some(token) = &config.token {
        check_token(token).unwrap_or_else(|invalid| add(None, invalid));
    }
    found
}

fn without(other: &str) -> Invalid {
    (
        format!("`{other}` is missing"),
        format!("add `{other} = …`: a client certificate and its private key belong together"),
    )
}

/// Whether connections to the URL use TLS. Schemes are case-insensitive.
pub(crate) fn uses_tls(service_url: &str) -> bool {
    after(service_url, "https://").is_some()
}

fn after<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = url.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Checks that `http` is not combined with settings that need TLS. An invalid URL is reported by the configuration itself.
fn check_url(config: &ConnectorConfig) -> Result<(), Invalid> {
    let url = config.danube_service_url.as_str();
    let settings = [
        (config.tls_ca_file.is_some(), "`tls_ca_file` is set"),
        (config.tls_cert_file.is_some(), "`tls_cert_file` is set"),
        (config.tls_key_file.is_some(), "`tls_key_file` is set"),
        (config.token.is_some(), "a token is set (DANUBE_TOKEN or DANUBE_TOKEN_FILE)"),
    ];
    let reason = settings.iter().find(|(is_set, _)| *is_set).map(|(_, reason)| reason);
    match (reason, after(url, "http://")) {
        (Some(reason), Some(rest)) => Err((
            format!("`danube_service_url` begins with `http`, without TLS, but {reason}"),
            format!("use `https://{rest}`, or remove the settings that need TLS"),
        )),
        _ => Ok(()),
    }
}

fn check_trust(config: &ConnectorConfig) -> Result<(), (Option<&'static str>, Invalid)> {
    match (&config.tls_ca_file, uses_tls(&config.danube_service_url)) {
        (Some(path), _) => check_ca(path).map_err(|invalid| (Some(CA), invalid)),
        (None, true) => match ca_file(None) {
            Some(path) => check_ca(&path).map_err(|invalid| (Some(URL), invalid)),
            None => Err((
                Some(URL),
                (
                    "`danube_service_url` begins with `https`, and this system has no CA bundle".to_owned(),
                    "add `tls_ca_file = …`: the certificate of the CA that signed the broker's certificate".to_owned(),
                ),
            )),
        },
        (None, false) => Ok(()),
    }
}

fn check_token(token: &Token) -> Result<(), Invalid> {
    let help = || "create one with `danube-admin security tokens create`".to_owned();
    let secret = token::read(token).map_err(|error| {
        let path = if let Token::File(path) = token { path.as_path() } else { Path::new("") };
        let message = format!("cannot read the token file {}: {error}", path.display());
        (message, "DANUBE_TOKEN_FILE must be a UTF-8 file that this process can read".to_owned())
    })?;
    let claims = Claims::of(&secret).map_err(|why| (format!("{token} is not a JWT: {why}"), help()))?;
    match claims.expired() {
        Some(when) => Err((format!("{token} expired on {when}"), help())),
        None => Ok(()),
    }
}
