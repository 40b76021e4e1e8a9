//! What an API answers, and what that means for the records.

use std::{
    fmt, mem,
    time::{Duration, SystemTime},
};

use danube_sink::{
    ConnectorError, ConnectorResult,
    TargetFailure::{self, Busy, Misconfigured, NotReady, Unauthenticated},
};
use reqwest::{
    Request, Response, StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};

use super::{
    answers::{FilledIn, usual},
    excerpt::Sent,
    secrets::Secrets,
};

/// How much of an answer is read: the connection of one that is longer is not used again.
const READ: usize = 64 * 1024;
/// How many characters of it are shown.
const SHOWN: usize = 200;

/// What an API answered.
pub struct Answer {
    /// What became of the request.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// What it says, up to 64 KiB. A secret in it is `***`.
    pub text: String,
    /// Whether that is all: the connection did not break, and it is no longer than what is read of it.
    pub is_whole: bool,
    /// Whether the connection broke, or the time was over, before the end.
    broke_off: bool,
    /// What it answers to, where it could be kept.
    request: Option<Request>,
}

impl Answer {
    pub(crate) async fn read(mut response: Response, request: Option<Request>, secrets: &Secrets) -> Self {
        let (status, headers) = (response.status(), mem::take(response.headers_mut()));
        let (mut body, mut is_whole, mut broke_off) = (Vec::new(), false, false);
        while !is_whole && !broke_off && body.len() < READ {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => is_whole = true,
                Err(_) => broke_off = true,
            }
        }
        let text = secrets.hidden_in(&String::from_utf8_lossy(&body));
        Self { status, headers, text, is_whole, broke_off, request }
    }

    /// What it says, for a message: 200 characters at most, on one line.
    ///
    /// An API may repeat what it was sent: [`words`](Self::words) has nothing of that.
    pub fn told(&self) -> String {
        self.text.replace(char::is_control, " ").trim().chars().take(SHOWN).collect()
    }

    /// What it says in words of its own, for a message: 200 characters at most, on one line. What may come from the request,
    /// and every number, is `***`.
    pub fn words(&self) -> String {
        let sent = self.request.as_ref().map(Sent::of).unwrap_or_default();
        sent.words_without(&self.text, SHOWN)
    }

    /// Whether the API took what it was sent, as most APIs mean their status, if the request was the same for every record.
    /// `what` says for messages what was asked. [`verdicts`](crate::verdicts) has the table.
    ///
    /// # Errors
    /// That of the failure's class, with [`words`](Self::words).
    pub fn judged(&self, what: &str) -> ConnectorResult<()> {
        self.judged_as(usual(self.status, FilledIn::default()), what, &self.words())
    }

    /// The same where the caller knows what the status means, and what may be shown of the answer. A success that breaks off
    /// counts as no answer.
    ///
    /// # Errors
    /// That of the failure's class. One that is to be retried is so after what [`Retry-After`] asks for.
    ///
    /// [`Retry-After`]: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    pub fn judged_as(&self, meaning: Result<(), TargetFailure>, what: &str, says: &str) -> ConnectorResult<()> {
        let Err(failure) = meaning else {
            let cut = || Busy.error(format!("{what} was answered {}, but the answer breaks off", self.status));
            return if self.broke_off { Err(cut()) } else { Ok(()) };
        };
        let message = format!("{what} was answered {} {says}", self.status);
        let advice = match failure {
            Misconfigured if self.status.is_redirection() => "; correct the address: redirects are not followed",
            failure => advice(failure),
        };
        let message = format!("{}{advice}", message.trim_end());
        Err(match failure.error(message) {
            ConnectorError::Retryable { message, source, .. } => {
                ConnectorError::Retryable { message, source, retry_after: self.retry_after() }
            }
            error => error,
        })
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

/// What to do about it, for whoever reads the message.
pub(crate) fn advice(failure: TargetFailure) -> &'static str {
    match failure {
        Unauthenticated => "; correct the credential, which a restart reads again",
        NotReady => "; mend the API, or correct the address",
        _ => "",
    }
}

/// Without the request, which holds values of records.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, headers: _, text, is_whole, broke_off, request: _ } = self;
        let bytes = text.len();
        write!(f, "Answer({status}, {bytes} bytes, is_whole: {is_whole}, broke_off: {broke_off})")
    }
}
