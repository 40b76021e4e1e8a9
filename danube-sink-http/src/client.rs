//! Requests to an API.

use std::{error::Error as _, io, time::Duration};

use danube_sink::{
    ConnectorError, ConnectorResult,
    TargetFailure::{self, Busy, NotReady, Refused, Unauthenticated},
};
use reqwest::{Error, Method, RequestBuilder, Url};

use super::{
    answer::{Answer, advice},
    path::{A_PATH, behind, is_path},
    secrets::Secrets,
};

/// An API that can be asked. [`Api::client`](crate::Api::client) makes it.
#[derive(Debug)]
pub struct Client {
    client: reqwest::Client,
    url: Url,
    timeout: Duration,
    /// An answer that repeats them is shown without them.
    secrets: Secrets,
}

/// Why there is no answer, or none that counts: the class, and a message.
type Failure = (TargetFailure, String);

impl Client {
    pub(crate) fn new(client: reqwest::Client, url: Url, timeout: Duration, secrets: Secrets) -> Self {
        Self { client, url, timeout, secrets }
    }

    /// Where the API is.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// How long a request takes at most.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A request that knows the credential and the limit of time.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request, and reads the answer. `what` says for messages what that was to do: the address is not shown, since
    /// it may hold what a record has.
    ///
    /// # Errors
    /// [`ConnectorError::Retryable`] if there is no answer; [`ConnectorError::Refused`] if the request cannot be sent as it is.
    pub async fn send(&self, what: impl Into<String>, request: RequestBuilder) -> ConnectorResult<Answer> {
        self.answer(&what.into(), request).await.map_err(|(failure, message)| failure.error(message))
    }

    async fn answer(&self, what: &str, request: RequestBuilder) -> Result<Answer, Failure> {
        let failed = |error: Error| {
            let failure = match () {
                () if error.is_builder() => Refused,
                () if is_of_tls(&error) => NotReady,
                () => Busy,
            };
            (failure, format!("{}{}", report(what, error), advice(failure)))
        };
        let (client, request) = request.build_split();
        let request = request.map_err(failed)?;
        let sent = request.try_clone();
        let response = client.execute(request).await.map_err(failed)?;
        Ok(Answer::read(response, sent, &self.secrets).await)
    }

    /// Whether the API is there, by `HEAD` of a path behind its address. Any answer will do, also 404, 405 and 501 of an API
    /// that knows no `HEAD`, unless it says that the API takes nothing now (408, 425, 429, 502, 503, 504), or that it refuses
    /// the credential (401, 407).
    ///
    /// # Errors
    /// [`ConnectorError::Retryable`] if it is not there; [`ConnectorError::Fatal`] if it refuses the credential;
    /// [`ConnectorError::Configuration`] for what is no path.
    pub async fn is_there(&self, path: &str) -> ConnectorResult<()> {
        self.head(path).await?.map_err(|(failure, message)| failure.error(message))
    }

    /// The same for `initialize`. `help` begins the message: what is needed, and what to do.
    ///
    /// # Errors
    /// [`ConnectorError::Retryable`] if it is not there; [`ConnectorError::Initialization`] if it cannot be trusted or refuses
    /// the credential; [`ConnectorError::Configuration`] for what is no path.
    pub async fn is_there_at_start(&self, path: &str, help: &str) -> ConnectorResult<()> {
        self.head(path).await?.map_err(|(failure, message)| failure.at_start(format!("{help}: {message}")))
    }

    async fn head(&self, path: &str) -> ConnectorResult<Result<(), Failure>> {
        let url = behind(&self.url, path).ok().filter(|_| is_path(path));
        let url = url.ok_or_else(|| ConnectorError::configuration(format!("`{path}`: {A_PATH}")))?;
        let what = format!("HEAD {url}");
        let answer = match self.answer(&what, self.request(Method::HEAD, url)).await {
            Ok(answer) => answer,
            Err(failure) => return Ok(Err(failure)),
        };
        let failure = match answer.status.as_u16() {
            401 | 407 => Unauthenticated,
            408 | 425 | 429 | 502..=504 => Busy,
            _ => return Ok(Ok(())),
        };
        Ok(Err((failure, format!("{what} was answered {}{}", answer.status, advice(failure)))))
    }
}

/// What was tried and why it failed, with all errors below.
fn report(what: &str, error: Error) -> String {
    let source = Some(error.without_url().into());
    ConnectorError::Retryable { message: what.to_owned(), source, retry_after: None }.report()
}

/// Whether a certificate or the protocol is wrong, which no wait changes.
fn is_of_tls(error: &Error) -> bool {
    let mut below = error.source();
    while let Some(error) = below {
        if error.is::<rustls::Error>() {
            return true;
        }
        // Its own source is what is below the error that it holds.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        below = held.map_or_else(|| error.source(), |held| Some(held));
    }
    false
}
