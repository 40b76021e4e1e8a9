//! An API that several hosts serve.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use danube_sink::{Failure, config::Diagnostic};
use reqwest::{RequestBuilder, Url};

use super::{answer::Answer, api::is_plain, client::Client};

/// The hosts of an API, such as the nodes of a cluster: a request goes to the host that answered last, and to the next ones if
/// that does not answer.
pub struct Hosts {
    client: Client,
    urls: Vec<Url>,
    /// The host that answered last.
    current: AtomicUsize,
}

impl Hosts {
    /// The host of the client's address, and others, which the client's credential is sent to as well.
    pub fn new(client: Client, others: &[Url]) -> Self {
        let urls = [client.url()].into_iter().chain(others).cloned().collect();
        Self { client, urls, current: AtomicUsize::new(0) }
    }

    /// The client of all hosts.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Validates addresses of other hosts, as a setting: `#[setting(validate = Hosts::are_plain)]`.
    ///
    /// # Errors
    /// What is expected, if one has a user, a password or a query, or is not HTTP.
    pub fn are_plain(urls: &[Url]) -> Result<(), Diagnostic> {
        urls.iter().try_for_each(is_plain)
    }

    /// Sends a request, which `request` builds for the address of a host, and reads up to `limit` bytes of the response. `what`
    /// names the operation in messages. The next host is tried if one does not answer, or if `is_unusable` says that this host
    /// cannot do it now, such as a replica that is read-only; within half of the client's timeout, each host is tried once.
    ///
    /// # Errors
    /// The failure of the last host.
    pub async fn send(
        &self,
        what: &str,
        limit: usize,
        request: impl Fn(&Url) -> RequestBuilder,
        is_unusable: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, Failure> {
        let until = Instant::now() + self.client.timeout() / 2;
        let mut untried = self.urls.len();
        loop {
            let current = self.current.load(Ordering::Relaxed) % self.urls.len();
            let url = &self.urls[current];
            let shown = if current == 0 { self.client.shown_url() } else { url };
            let answer = self.client.send_limited(format!("{what} at {shown}"), request(url), limit).await;
            untried -= 1;
            if answer.as_ref().is_ok_and(|answer| !is_unusable(answer)) {
                return answer;
            }
            // Requests that fail at the same time move on by one host together.
            let next = (current + 1) % self.urls.len();
            let _ = self.current.compare_exchange(current, next, Ordering::Relaxed, Ordering::Relaxed);
            if untried == 0 || Instant::now() >= until {
                return answer;
            }
        }
    }
}

/// Prints the number of hosts.
impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hosts({})", self.urls.len())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use danube_sink::{
        TargetFailure,
        testing::{HttpReply, HttpServer},
    };
    use reqwest::Method;

    use super::*;
    use crate::Api;

    fn hosts(urls: &[&str]) -> Hosts {
        let url = |url: &str| Url::parse(url).unwrap();
        let (username, secret_header, proxy) = (None, None, None);
        let (ca_file, cert_file, key_file, oauth2) = (None, None, None, None);
        let timeout = Duration::from_secs(10);
        let url_of_api = url(urls[0]);
        let api =
            Api { url: url_of_api, username, secret_header, timeout, proxy, ca_file, cert_file, key_file, oauth2 };
        let client = api.client(reqwest::Client::builder(), None, Duration::from_secs(20)).unwrap();
        Hosts::new(client, &urls[1..].iter().map(|other| url(other)).collect::<Vec<_>>())
    }

    async fn get(hosts: &Hosts) -> Result<String, Failure> {
        let request = |url: &Url| hosts.client().request(Method::GET, url.clone());
        let answer = hosts.send("ask", 1_000, request, |answer| answer.status.as_u16() == 503).await?;
        Ok(format!("{} {}", answer.status.as_u16(), answer.text()))
    }

    #[tokio::test]
    async fn the_next_host_is_tried_and_kept() {
        let server = |name: &'static str| HttpServer::start(move |_| HttpReply::status(200, name)).unwrap();
        let read_only = HttpServer::start(|_| HttpReply::status(503, "")).unwrap();
        let (b, c) = (server("b"), server("c"));
        let hosts = hosts(&["http://127.0.0.1:1", &read_only.url(), &b.url(), &c.url()]);
        for _ in 0..3 {
            assert_eq!(get(&hosts).await.unwrap(), "200 b");
        }
        assert_eq!(read_only.requests().len(), 1);
        b.stop();
        b.closed().await;
        assert_eq!(get(&hosts).await.unwrap(), "200 c");
    }

    #[tokio::test]
    async fn without_a_usable_host_the_last_answer_counts() {
        let gone = hosts(&["http://127.0.0.1:1", "http://127.0.0.1:1/other"]);
        let Failure { class, message, .. } = get(&gone).await.unwrap_err();
        assert!(class == TargetFailure::Busy && message.contains("ask at http://127.0.0.1:1/other"), "{message}");
        let busy = HttpServer::start(|_| HttpReply::status(503, "full")).unwrap();
        assert_eq!(get(&hosts(&[&busy.url()])).await.unwrap(), "503 full");
        assert!(Hosts::are_plain(&[Url::parse("http://user@host").unwrap()]).is_err());
    }
}
