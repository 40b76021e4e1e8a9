//! The token: where it comes from, and what can be known of it without the broker.

use std::{
    fs, io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::explain::http_date;
use crate::config::{Secret, Token};

/// The token of now.
pub(super) fn read(token: &Token) -> io::Result<Secret> {
    match token {
        Token::Value(secret) => Ok(secret.clone()),
        Token::File(path) => Ok(Secret::new(fs::read_to_string(path)?.trim())),
    }
}

/// What a token says of itself. Only the broker can tell whether that is true.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Claims {
    sub: Option<String>,
    exp: Option<f64>,
}

impl Claims {
    /// # Errors
    /// Why it is no JWT.
    pub(super) fn of(token: &Secret) -> Result<Self, &'static str> {
        let parts: Vec<_> = token.expose().split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err("it has not the three parts of one, with a `.` between them");
        };
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| "one of its parts is not base64");
        decode(signature)?;
        let is_object = |bytes: &[u8]| serde_json::from_slice::<serde_json::Map<_, _>>(bytes).is_ok();
        if !is_object(&decode(header)?) {
            return Err("its first part is not JSON");
        }
        serde_json::from_slice(&decode(claims)?).map_err(|_| "its second part does not say what a token says")
    }

    /// When it expired, if it has.
    pub(super) fn expired(&self) -> Option<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time out of range is long past")]
        let expired = self.exp.filter(|exp| *exp < now.as_secs_f64()).map(|exp| exp.max(0.0) as u64);
        expired.map(http_date)
    }
}

/// Hands out the token of now, for every call.
#[derive(Debug)]
pub(crate) struct TokenSupply {
    source: Token,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    token: Secret,
    /// Of the file when it was read: when it was changed, and its length.
    stamp: Option<(SystemTime, u64)>,
}

impl TokenSupply {
    pub(crate) fn new(source: Token) -> Self {
        Self { source, last: Mutex::new(Last { token: Secret::new(""), stamp: None }) }
    }

    /// The token. A file is read again when it was changed; one that cannot be read, or holds no token, leaves the one
    /// before: whoever rotates it may be in the middle of it.
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
                        tracing::info!("the token in {} was changed and is used from now on", path.display());
                    }
                    last.token = token;
                }
                _ if stamp != last.stamp || first => {
                    tracing::warn!("{} holds no token just now; the one before is used on", path.display());
                }
                _ => {}
            }
            last.stamp = stamp;
        }
        last.token.clone()
    }

    /// What is known of the token that was sent last, for a broker that did not take it.
    pub(crate) fn describe(&self) -> String {
        let token = self.current();
        let Ok(claims) = Claims::of(&token) else { return format!("{} is no JWT", self.source) };
        let of = claims.sub.as_ref().map(|sub| format!(" for {sub}")).unwrap_or_default();
        let renew = match &self.source {
            Token::Value(_) => {
                "start again with a new one in DANUBE_TOKEN; one in a file, which DANUBE_TOKEN_FILE names, \
                                can be renewed without that"
            }
            Token::File(_) => "put a new one in the file, which is used at the next try",
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
