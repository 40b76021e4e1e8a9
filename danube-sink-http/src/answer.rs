//! What an API answers, and what that means for the records.

use std::{
    mem,
    time::{Duration, SystemTime},
};

use danube_sink::{ConnectorError, ConnectorResult, Secret};
use reqwest::{
    Response, StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};

/// How much of an answer is read: the connection of one that is longer is not used again.
const READ: usize = 64 * 1024;
/// How many characters of it are told.
const TOLD: usize = 200;

/// What an API answered.
#[derive(Debug)]
pub struct Answer {
    /// What became of the request.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// What it says, up to 64 KiB. A secret in it is `***`.
    pub text: String,
    /// Whether that is all: the connection did not break, and it is no longer than what is read of it.
    pub is_whole: bool,
}

impl Answer {
    pub(crate) async fn read(mut response: Response, secrets: &[Secret]) -> Self {
        let (status, headers) = (response.status(), mem::take(response.headers_mut()));
        let (mut body, mut is_whole) = (Vec::new(), false);
        while !is_whole && body.len() < READ {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => is_whole = true,
                Err(_) => break,
            }
        }
        let mut text = String::from_utf8_lossy(&body).into_owned();
        for secret in secrets {
            text = text.replace(secret.expose(), "***");
        }
        Self { status, headers, text, is_whole }
    }

    /// What it says, for a message: 200 characters at most, on one line.
    pub fn told(&self) -> String {
        self.text.replace(char::is_control, " ").trim().chars().take(TOLD).collect()
    }

    /// Whether the API took what it was sent, as most APIs mean their status. `what` says for messages what was asked.
    ///
    /// # Errors
    /// - [`ConnectorError::Retryable`] for 408, 425, 429 and 5xx, after what [`Retry-After`] asks for.
    /// - [`ConnectorError::Fatal`] for 3xx, 401 and 407: the address or the credential is wrong, for every record.
    /// - [`ConnectorError::Refused`] for any other but 2xx.
    ///
    /// [`Retry-After`]: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    pub fn judged(&self, what: &str) -> ConnectorResult<()> {
        let message = || format!("{what} was answered {} {}", self.status, self.told());
        match self.status.as_u16() {
            200..=299 => Ok(()),
            408 | 425 | 429 | 500.. => {
                let retry_after = self.retry_after();
                Err(ConnectorError::Retryable { message: message(), source: None, retry_after })
            }
            300..=399 | 401 | 407 => Err(ConnectorError::fatal(message())),
            _ => Err(ConnectorError::refused(message())),
        }
    }

    /// How long the API asks to wait, in seconds or until a date.
    fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        match text.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok(),
        }
    }
}
