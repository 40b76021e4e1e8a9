//! The settings of a remote broker: its other endpoints, certificates and keys from the file, the token from the environment.

use std::path::PathBuf;

use super::{
    check,
    keys::{self, Key},
    root::Tables,
    secret_source::{self, SecretSource},
    table::Given,
};
use crate::{
    beyond::{Destination, Part, Token},
    file::environment::TOKEN,
    report::mistake::Mistake,
    settings::ConnectorConfig,
};

/// A key under which people may look for the token.
const TOKEN_KEY: &str = "danube_token";

/// Reads them into `core`, and looks at the files and the token that they name.
pub(super) fn read(
    tables: &mut Tables<'_, '_>,
    url: &Given<String>,
    destination: Destination,
    core: &mut ConnectorConfig,
) {
    let mut text = |key: &Key| tables.text(key, None);
    let (ca, certificate, key) = (text(&keys::TLS_CA_FILE), text(&keys::TLS_CERT_FILE), text(&keys::TLS_KEY_FILE));
    let admin_url = text(&keys::ADMIN_URL).value;
    let metrics_urls = tables.given(&keys::BROKER_METRICS_URLS, check::texts).value;
    let token = token(tables);
    if matches!(destination, Destination::Embedded) {
        return;
    }
    let file = |given: &Given<String>| given.value.as_ref().map(PathBuf::from);
    (core.tls_ca_file, core.tls_cert_file, core.tls_key_file) = (file(&ca), file(&certificate), file(&key));
    core.token = token;
    core.danube_admin_url = admin_url;
    core.broker_metrics_urls = metrics_urls.unwrap_or_default();
    let Destination::Configured(look) = destination else { return };
    for problem in look(core) {
        let span = match problem.part {
            Part::Url => url.span.clone(),
            Part::Ca => ca.span.clone(),
            Part::Certificate => certificate.span.clone(),
            Part::Key => key.span.clone(),
            _ => None,
        };
        tables.mistakes.push(Mistake::new(problem.message, problem.help).at(span));
    }
}

fn token(tables: &mut Tables<'_, '_>) -> Option<Token> {
    if let Some(entry) = tables.root.take_hidden(TOKEN_KEY) {
        tables.mistakes.hide(&entry.value);
        let help = format!("remove it, and {}", secret_source::how_to_give(TOKEN));
        let message = "the token is a secret and must not be in the file";
        tables.mistakes.push(Mistake::new(message, help).at(entry.key_span.clone()));
    }
    match secret_source::find(tables.environment, TOKEN, tables.mistakes) {
        Ok(Some(SecretSource::Variable(token))) => Some(Token::Value(token)),
        Ok(Some(SecretSource::File(path))) => Some(Token::File(path)),
        Ok(None) | Err(()) => None,
    }
}
