//! What the API's answers mean.

use std::time::{Duration, SystemTime};

use danube_sink::{ConnectorError, ConnectorResult};
use reqwest::{
    Response, StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};

/// How much of an answer is read: the connection of one that is longer is not used again.
const READ: usize = 64 * 1024;
/// How many characters of it are told.
const TOLD: usize = 200;

/// `Ok` if the API took the request, else what its answer means.
pub(crate) async fn judge(what: &str, mut answer: Response, credential: Option<&str>) -> ConnectorResult<()> {
    let (status, wait) = (answer.status(), retry_after(answer.headers()));
    let mut body = Vec::new();
    while body.len() < READ
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    if status.is_success() {
        return Ok(());
    }
    let mut told = String::from_utf8_lossy(&body).replace(char::is_control, " ");
    if let Some(credential) = credential {
        told = told.replace(credential, "***");
    }
    let told: String = told.chars().take(TOLD).collect();
    let message = format!("{what} was answered {status} {}", told.trim());
    Err(match status.as_u16() {
        408 | 425 | 429 | 500.. => ConnectorError::Retryable { message, source: None, retry_after: wait },
        // Not the record's fault, and the same for each: the credential or the address is wrong.
        300..=399 | 401 | 407 => ConnectorError::fatal(message),
        _ => ConnectorError::refused(message),
    })
}

/// Whether the answer, to whatever was asked, says that the API takes no records now.
pub(crate) fn is_away(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 502..=504)
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok(),
    }
}
