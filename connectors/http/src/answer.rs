//! The response of an API, and what it means for the records.

use std::{
    fmt, mem,
    time::{Duration, SystemTime},
};

use danube_sink::{
    ConnectorResult, Failure,
    TargetFailure::{self, Busy, Misconfigured, NotReady, Unauthenticated},
};
use reqwest::{
    Request, Response, StatusCode, Url,
    header::{HeaderMap, LOCATION, RETRY_AFTER},
};
use serde::de::DeserializeOwned;

use super::{
    answers::{FilledIn, usual},
    excerpt::Sent,
    secrets::Secrets,
};

/// The most bytes of a response body that are read, unless the caller sets another limit. The connection of a longer response is
/// not reused.
pub(crate) const READ: usize = 64 * 1024;
/// The most characters of an excerpt.
const SHOWN: usize = 200;

/// The response of an API.
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The response headers.
    pub headers: HeaderMap,
    /// Whether [`text`](Self::text) is the whole body: the connection did not break, and the body is no longer than that.
    pub is_whole: bool,
    /// The body as it was sent, which may repeat secrets.
    text: String,
    secrets: Secrets,
    /// Whether the connection broke, or `timeout` passed, before the end of the body.
    pub(crate) broke_off: bool,
    /// The request, if it could be cloned.
    request: Option<Request>,
}

impl Answer {
    pub(crate) async fn read(mut response: Response, limit: usize, request: Option<Request>, secrets: Secrets) -> Self {
        let (status, headers) = (response.status(), mem::take(response.headers_mut()));
        let (mut body, mut is_whole, mut broke_off) = (Vec::new(), false, false);
        while !is_whole && !broke_off && body.len() < limit {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => is_whole = true,
                Err(_) => broke_off = true,
            }
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        Self { status, headers, is_whole, text, secrets, broke_off, request }
    }

    /// The body as text, up to 64 KiB or the limit of the request, to find out what the answer means. It may repeat secrets:
    /// what a message shows of it must be [`masked`](Self::masked).
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The body as JSON; `None` if it is not JSON of this type.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.text).ok()
    }

    /// A part of the body for a message: secrets in it are replaced by `***`.
    pub fn masked(&self, text: &str) -> String {
        self.secrets.mask(text)
    }

    /// An excerpt of the body for a message: at most 200 characters, on one line.
    ///
    /// An API may repeat values of the request in it. [`words`](Self::words) leaves them out.
    pub fn excerpt(&self) -> String {
        self.masked(&self.text).replace(char::is_control, " ").trim().chars().take(SHOWN).collect()
    }

    /// An excerpt of the body without values of the request, for a message: at most 200 characters, on one line. Every number,
    /// and every word that may come from the request, is `***`. Empty if the body of the request was a stream, which is not known
    /// any more.
    pub fn words(&self) -> String {
        let Some(request) = &self.request else { return String::new() };
        Sent::of(request).words_without(&self.masked(&self.text), SHOWN)
    }

    /// Checks the status as most APIs mean it, for a request that is the same for every record. `what` names the operation in
    /// messages, such as `post a batch`. [`verdicts`](crate::verdicts) has the table.
    ///
    /// # Errors
    /// The error of the failure's class, with the excerpt of [`words`](Self::words).
    pub fn judged(&self, what: &str) -> ConnectorResult<()> {
        let meaning = usual(self.status, FilledIn::default());
        // To search a request for the words of its answer takes much longer than to send it.
        let excerpt = if meaning.is_ok() { String::new() } else { self.words() };
        Ok(self.judged_as(meaning, what, &excerpt)?)
    }

    /// Checks the response with a meaning of the status, and an excerpt, that the caller chooses. A success whose body is cut
    /// off counts as no response.
    ///
    /// # Errors
    /// The failure, with the status as its code and the delay of [`Retry-After`].
    ///
    /// [`Retry-After`]: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    pub fn judged_as(&self, meaning: Result<(), TargetFailure>, what: &str, excerpt: &str) -> Result<(), Failure> {
        let (class, message) = match meaning {
            Ok(()) if !self.broke_off => return Ok(()),
            Ok(()) => (Busy, format!("{what} was answered {}, but the response is cut off", self.status)),
            Err(class) => (class, format!("{what} was answered {} {excerpt}", self.status)),
        };
        let advice = match class {
            Misconfigured if self.status.is_redirection() => "; correct the address: redirects are not followed",
            class => advice(class),
        };
        let mut failure =
            Failure::new(class, format!("{}{advice}", message.trim_end())).with_code(self.status.as_u16());
        failure.retry_after = self.retry_after();
        Err(failure)
    }

    /// Whether it redirects from this address to the same one with `https`.
    pub(crate) fn redirects_to_https(&self, mut from: Url) -> bool {
        let location = self.headers.get(LOCATION).and_then(|location| from.join(location.to_str().ok()?).ok());
        from.scheme() == "http" && from.set_scheme("https").is_ok() && location == Some(from)
    }

    /// The delay that the `Retry-After` header asks for, in seconds or as a date.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        match text.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok(),
        }
    }
}

/// The advice at the end of an error message.
pub(crate) fn advice(failure: TargetFailure) -> &'static str {
    match failure {
        Unauthenticated => "; correct the credential, which a restart reads again",
        NotReady => "; fix the API, or correct the address",
        _ => "",
    }
}

/// Leaves out the request and the body, which hold values of records and secrets.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, headers: _, is_whole, text, secrets: _, broke_off, request: _ } = self;
        let bytes = text.len();
        write!(f, "Answer({status}, {bytes} bytes, is_whole: {is_whole}, broke_off: {broke_off})")
    }
}
