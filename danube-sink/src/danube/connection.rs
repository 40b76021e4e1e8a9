//! The client of the moment, and when to take a fresh one.

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use danube_client::{BrokerAddress, DanubeClient, DanubeClientBuilder, RetryManager};
use tokio::{sync::Mutex, time::timeout};
use tonic::{
    Request,
    transport::{Channel, Uri},
};

use crate::{
    config::ConnectorConfig,
    credentials::{TokenSupply, is_safe, trusted},
    pipeline::{BrokerFailure, FailureKind},
};

/// danube-client sets no limits of its own: a half-open connection would hang a call for ever.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A client that is replaced when it may hold a dead connection: danube-client keeps its channels for good.
pub(crate) struct Connection {
    service_url: String,
    /// For a connection by TLS.
    safe: Option<Safe>,
    current: Mutex<Current>,
}

/// What a safe connection is made with.
struct Safe {
    tls_ca_file: Option<PathBuf>,
    /// Certificate and key.
    identity: Option<(PathBuf, PathBuf)>,
    tokens: Option<Arc<TokenSupply>>,
}

#[derive(Default)]
struct Current {
    client: Option<DanubeClient>,
    /// Counts the clients, so that a late failure of an old one does not discard a new one.
    generation: u64,
}

/// The broker that serves a topic, and the client to reach it with.
#[derive(Clone)]
pub(crate) struct Route {
    generation: u64,
    pub(crate) client: DanubeClient,
    pub(crate) address: BrokerAddress,
    pub(crate) channel: Channel,
}

impl Connection {
    pub(crate) fn new(config: &ConnectorConfig) -> Self {
        let safe = is_safe(&config.danube_service_url).then(|| Safe {
            tls_ca_file: config.tls_ca_file.clone(),
            identity: config.tls_cert_file.clone().zip(config.tls_key_file.clone()),
            tokens: config.token.clone().map(|token| Arc::new(TokenSupply::new(token))),
        });
        Self { service_url: config.danube_service_url.clone(), safe, current: Mutex::default() }
    }

    /// The way to the broker that serves a topic now.
    pub(crate) async fn route(&self, topic: &str) -> Result<Route, BrokerFailure> {
        let (client, generation) = self.client().await?;
        let found = async {
            let address = client.resolve_topic_broker(topic).await?;
            self.check_safe(topic, &address)?;
            let channel = client.get_broker_channel(&address).await?;
            Ok((address, channel))
        };
        let (address, channel) = self.watched(generation, found).await?;
        Ok(Route { generation, client, address, channel })
    }

    /// The way to the broker of the service URL.
    pub(crate) async fn service_route(&self) -> Result<Route, BrokerFailure> {
        let uri: Uri = self
            .service_url
            .parse()
            .map_err(|error| BrokerFailure::refused(format!("danube_service_url {}: {error}", self.service_url)))?;
        let (client, generation) = self.client().await?;
        let channel = self.watched(generation, async { Ok(client.get_service_channel().await?) }).await?;
        let address = BrokerAddress { connect_url: uri.clone(), broker_url: uri, proxy: false };
        Ok(Route { generation, client, address, channel })
    }

    /// Makes a call on a route with a time limit. After one that reached nobody, the next route takes a fresh client.
    pub(crate) async fn on<T>(
        &self,
        route: &Route,
        call: impl Future<Output = Result<T, BrokerFailure>>,
    ) -> Result<T, BrokerFailure> {
        self.watched(route.generation, call).await
    }

    /// Tells of a failure that was found elsewhere, in a stream.
    pub(crate) async fn failed(&self, route: &Route, failure: &BrokerFailure) {
        self.renew_after(route.generation, failure).await;
    }

    async fn watched<T>(
        &self,
        generation: u64,
        call: impl Future<Output = Result<T, BrokerFailure>>,
    ) -> Result<T, BrokerFailure> {
        let answer = timeout(CALL_TIMEOUT, call).await.unwrap_or_else(|_| {
            let silence = format!("no answer within {} s", CALL_TIMEOUT.as_secs());
            Err(BrokerFailure::new(FailureKind::Unreachable, silence))
        });
        if let Err(failure) = &answer {
            self.renew_after(generation, failure).await;
        }
        answer.map_err(|failure| self.explain(failure))
    }

    fn explain(&self, failure: BrokerFailure) -> BrokerFailure {
        match (failure.kind, &self.safe) {
            (FailureKind::Unauthenticated, safe) => {
                let what = match safe.as_ref().and_then(|safe| safe.tokens.as_ref()) {
                    Some(tokens) => format!("{}: {}", failure.message, tokens.describe()),
                    None => format!(
                        "{}: the broker asks for a token: set DANUBE_TOKEN, or DANUBE_TOKEN_FILE",
                        failure.message
                    ),
                };
                BrokerFailure::new(failure.kind, what)
            }
            _ => failure.at(&self.service_url),
        }
    }

    /// A token is not sent where everybody can read it, whatever the broker says of itself.
    fn check_safe(&self, topic: &str, address: &BrokerAddress) -> Result<(), BrokerFailure> {
        if self.safe.is_none() || address.connect_url.scheme_str() == Some("https") {
            return Ok(());
        }
        let address = &address.connect_url;
        Err(BrokerFailure::refused(format!(
            "the broker says that {topic} is at {address}, which is not safe: correct its advertised_listeners to `https`"
        )))
    }

    async fn renew_after(&self, generation: u64, failure: &BrokerFailure) {
        let mut current = self.current.lock().await;
        let lost = matches!(failure.kind, FailureKind::Unreachable | FailureKind::Untrusted);
        if lost && current.generation == generation {
            current.client = None;
        }
    }

    async fn client(&self) -> Result<(DanubeClient, u64), BrokerFailure> {
        let mut current = self.current.lock().await;
        if let Some(client) = &current.client {
            return Ok((client.clone(), current.generation));
        }
        let mut builder = DanubeClient::builder().service_url(&self.service_url);
        if let Some(safe) = &self.safe {
            builder = safe.apply(builder)?;
        }
        let fresh = builder.build().await?;
        current.client = Some(fresh.clone());
        current.generation += 1;
        Ok((fresh, current.generation))
    }
}

impl Safe {
    /// Reads the files, which may be others than last time.
    fn apply(&self, builder: DanubeClientBuilder) -> Result<DanubeClientBuilder, BrokerFailure> {
        let untrusted = |message: String| BrokerFailure::new(FailureKind::Untrusted, message);
        let ca = trusted(self.tls_ca_file.as_deref())
            .ok_or_else(|| untrusted("this system has no file of CAs to trust: set `tls_ca_file`".to_owned()))?;
        let builder = match &self.identity {
            Some((certificate, key)) => builder.with_mtls(&ca, certificate, key),
            None => builder.with_tls(&ca),
        };
        let builder = builder.map_err(|error| {
            let files = self.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
            let files: Vec<_> = [&ca].into_iter().chain(files).map(|file| file.display().to_string()).collect();
            untrusted(format!("{error}; the files are {}", files.join(", ")))
        })?;
        Ok(match self.tokens.clone() {
            Some(tokens) => builder.with_token_supplier(move || tokens.current().expose().to_owned()),
            None => builder,
        })
    }
}

impl Route {
    /// The request with the headers that authentication and proxies want.
    pub(crate) async fn request<T>(&self, message: T) -> Result<Request<T>, BrokerFailure> {
        let mut request = Request::new(message);
        RetryManager::insert_auth_token(&self.client, &mut request, &self.address.connect_url).await?;
        RetryManager::insert_proxy_header(&mut request, &self.address.broker_url, self.address.proxy);
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_gives_an_address_without_tls_is_not_followed() {
        let at = |url: &'static str| {
            let url = Uri::from_static(url);
            BrokerAddress { connect_url: url.clone(), broker_url: url, proxy: false }
        };
        let check = |service: &str, broker| {
            let connection = Connection::new(&ConnectorConfig::new(service, "test"));
            connection.check_safe("/default/a", &at(broker)).map_err(|failure| failure.message)
        };
        assert_eq!(check("http://one:6650", "http://two:6650"), Ok(()));
        assert_eq!(check("https://one:6650", "https://two:6650"), Ok(()));
        let refused = check("HTTPS://one:6650", "http://two:6650").unwrap_err();
        assert!(refused.contains("/default/a is at http://two:6650/") && refused.contains("advertised_listeners"));
    }
}
