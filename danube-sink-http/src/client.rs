//! Requests to an API.

use std::time::Duration;

use danube_sink::{ConnectorError, ConnectorResult, ErrorExt, Secret};
use reqwest::{Error, Method, RequestBuilder, Url};

use super::{
    answer::Answer,
    path::{A_PATH, behind, is_path},
};

/// An API that can be asked. [`Api::client`](crate::Api::client) makes it.
#[derive(Debug)]
pub struct Client {
    client: reqwest::Client,
    url: Url,
    timeout: Duration,
    /// An answer that repeats them is told without them.
    secrets: Vec<Secret>,
}

impl Client {
    pub(crate) fn new(client: reqwest::Client, url: Url, timeout: Duration, secrets: Vec<Secret>) -> Self {
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

    /// Sends a request, and reads the answer. `what` says for messages what that was to do: the address is not told, since
    /// it may hold what a record has.
    ///
    /// # Errors
    /// [`ConnectorError::Retryable`] if there is no answer.
    pub async fn send(&self, what: impl Into<String>, request: RequestBuilder) -> ConnectorResult<Answer> {
        let answer = request.send().await.map_err(Error::without_url).retryable(what)?;
        Ok(Answer::read(answer, &self.secrets).await)
    }

    /// Whether the API is there, by `HEAD` of a path behind its address. Any answer will do, unless it says that the API takes
    /// nothing now: 408, 425, 429, 502, 503 or 504.
    ///
    /// # Errors
    /// [`ConnectorError::Retryable`] if it is not there; [`ConnectorError::Configuration`] for what is no path.
    pub async fn is_there(&self, path: &str) -> ConnectorResult<()> {
        let url = behind(&self.url, path).ok().filter(|_| is_path(path));
        let url = url.ok_or_else(|| ConnectorError::configuration(format!("`{path}`: {A_PATH}")))?;
        let what = format!("HEAD {url}");
        let answer = self.send(&what, self.request(Method::HEAD, url)).await?;
        match answer.status.as_u16() {
            408 | 425 | 429 | 502..=504 => {
                Err(ConnectorError::retryable(format!("{what} was answered {}", answer.status)))
            }
            _ => Ok(()),
        }
    }
}
