//! The HTTP client of an API.

use std::{error::Error as _, io, time::Duration};

use danube_sink::{
    ConnectorError, ConnectorResult,
    TargetFailure::{self, Busy, NotReady, Refused, Unauthenticated},
};
use reqwest::{Error, Method, RequestBuilder, Url};

use super::{
    answer::{Answer, advice},
    path::{PATH_RULE, behind, is_path},
    secrets::Secrets,
};

/// An HTTP client for one API, which [`Api::client`](crate::Api::client) builds.
#[derive(Debug)]
pub struct Client {
    client: reqwest::Client,
    url: Url,
    timeout: Duration,
    /// Masked in responses that repeat them.
    secrets: Secrets,
}

/// Why a request failed: the class, and a message.
type Failure = (TargetFailure, String);

impl Client {
    pub(crate) fn new(client: reqwest::Client, url: Url, timeout: Duration, secrets: Secrets) -> Self {
        Self { client, url, timeout, secrets }
    }

    /// The address of the API.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The timeout of one request.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Starts a request, which carries the credential and the timeout.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request and reads the response. `what` names the operation in messages; the URL is not shown, since it may contain
    /// values of a record.
    ///
    /// # Errors
    /// [`ConnectorError::Retryable`] without a response; [`ConnectorError::Refused`] if the request cannot be sent as it is.
    pub async fn send(&self, what: impl Into<String>, request: RequestBuilder) -> ConnectorResult<Answer> {
        self.answer(&what.into(), request).await.map_err(|(failure, message)| failure.error(message))
    }

    async fn answer(&self, what: &str, request: RequestBuilder) -> Result<Answer, Failure> {
        let failed = |error: Error| {
            let failure = match () {
                () if error.is_builder() => Refused,
                () if is_tls_error(&error) => NotReady,
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

    /// Health check: sends `HEAD` to a path behind the address. Any response counts as healthy, even 404, 405 or 501 of an API
    /// that does not know `HEAD`; only 408, 425, 429, 502, 503 and 504 (temporarily unavailable), and 401 and 407 (credential
    /// refused), do not.
    ///
    /// # Errors
    /// [`ConnectorError::Retryable`] if the API cannot be reached or is unavailable; [`ConnectorError::Fatal`] if it refuses the
    /// credential; [`ConnectorError::Configuration`] if the path is not valid.
    pub async fn is_there(&self, path: &str) -> ConnectorResult<()> {
        self.head(path).await?.map_err(|(failure, message)| failure.error(message))
    }

    /// Health check for `initialize`, like [`is_there`](Self::is_there). `help` begins the message: what is needed, and what to do.
    ///
    /// # Errors
    /// [`ConnectorError::Retryable`] if the API cannot be reached or is unavailable; [`ConnectorError::Initialization`] if its
    /// certificate is not trusted or it refuses the credential; [`ConnectorError::Configuration`] if the path is not valid.
    pub async fn is_there_at_start(&self, path: &str, help: &str) -> ConnectorResult<()> {
        self.head(path).await?.map_err(|(failure, message)| failure.at_start(format!("{help}: {message}")))
    }

    async fn head(&self, path: &str) -> ConnectorResult<Result<(), Failure>> {
        let url = behind(&self.url, path).ok().filter(|_| is_path(path));
        let url = url.ok_or_else(|| ConnectorError::configuration(format!("`{path}`: {PATH_RULE}")))?;
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

/// The operation and why it failed, with the chain of sources.
fn report(what: &str, error: Error) -> String {
    let source = Some(error.without_url().into());
    ConnectorError::Retryable { message: what.to_owned(), source, retry_after: None }.report()
}

/// Whether a TLS error (a certificate, the protocol) is among the sources, which no wait changes.
fn is_tls_error(error: &Error) -> bool {
    let mut below = error.source();
    while let Some(error) = below {
        if error.is::<rustls::Error>() {
            return true;
        }
        // The source of an I/O error skips the error that it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        below = wrapped.map_or_else(|| error.source(), |wrapped| Some(wrapped));
    }
    false
}
