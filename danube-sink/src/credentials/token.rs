//! Token of the broker connection: its source, its claims, and its renewal.

use std::{
    fs, io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use danube_sink_config::{Secret, Token};
use serde::Deserialize;

use super::explain::http_date;

/// Reads the current token.
pub(super) fn read(token: &Token) -> io::Result<Secret> {
    match token {
        Token::Value(secret) => Ok(secret.clone()),
        Token::File(path) => Ok(Secret::new(fs::read_to_string(path)?.trim())),
    }
}

/// Claims of a token, unverified: only the broker can verify the signature.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Claims {
    sub: Option<String>,
    exp: Option<f64>,
}

impl Claims {
    /// Parses the claims of a JWT.
    ///
    /// # Errors
    /// The reason why the token is not a JWT.
    pub(super) fn of(token: &Secret) -> Result<Self, &'static str> {
        let parts: Vec<_> = token.expose().split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err("it does not have three parts separated by `.`");
        };
        let decode =
            |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| "one of its parts is not valid base64");
        decode(signature)?;
        let is_object = |bytes: &[u8]| serde_json::from_slice::<serde_json::Map<_, _>>(bytes).is_ok();
        if !is_object(&decode(header)?) {
            return Err("its first part is not JSON");
        }
        serde_json::from_slice(&decode(claims)?).map_err(|_| "its second part has no valid claims")
    }

    /// The date when the token expired, if it has.
    pub(super) fn expired(&self) -> Option<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time out of range is long past")]
        let expired = self.exp.filter(|exp| *exp < now.as_secs_f64()).map(|exp| exp.max(0.0) as u64);
        expired.map(http_date)
    }
}

/// Supplies the current token for every call.
#[derive(Debug)]
pub(crate) struct TokenSupply {
    source: Token,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    token: Secret,
    /// Modification time and length of the file when it was read.
    stamp: Option<(SystemTime, u64)>,
}

impl TokenSupply {
    pub(crate) fn new(source: Token) -> Self {
        Self { source, last: Mutex::new(Last { token: Secret::new(""), stamp: None }) }
    }

    /// The current token. A changed file is read again; while it cannot be read or has no valid token, as during a rotation,
    /// the previous token is used.
    pub(crate) fn current(&self) -> Secret {
        let mut last = self.last();
        let path = match &self.source {
            Token::Value(secret) => return secret.clone(),
            Token::File(path) => path,
        };
        let stamp = stamp(path);
        if stamp.is_none() || stamp != last.stamp {
            let first = last.token.expose().is_empty();
            match read(&self.source) {
                Ok(token) if Claims::of(&token).is_ok() => {
                    if !first && token != last.token {
                        tracing::info!("the token in {} has changed; the new one is used from now on", path.display());
                    }
                    last.token = token;
                }
                _ if stamp != last.stamp || first => {
                    tracing::warn!("{} has no valid token; the previous one is still used", path.display());
                }
                _ => {}
            }
            last.stamp = stamp;
        }
        last.token.clone()
    }

    /// Describes the token for an error of a broker that rejected it.
    pub(crate) fn describe(&self) -> String {
        let token = self.current();
        let Ok(claims) = Claims::of(&token) else { return format!("{} is not a JWT", self.source) };
        let of = claims.sub.as_ref().map(|sub| format!(" for {sub}")).unwrap_or_default();
        let renew = match &self.source {
            Token::Value(_) => {
                "restart with a new one in DANUBE_TOKEN; one in the file of DANUBE_TOKEN_FILE can be renewed without a \
                 restart"
            }
            Token::File(_) => "put a new one in the file, which is used at the next attempt",
        };
        match claims.expired() {
            Some(when) => format!("{}{of} expired on {when}: {renew}", self.source),
            None => format!(
                "{}{of} has not expired, so it was signed with another key than the broker's jwt.secret_key: {renew}",
                self.source
            ),
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
