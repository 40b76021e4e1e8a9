//! The client of the moment, and when to take a fresh one.

use std::{future::Future, time::Duration};

use danube_client::{BrokerAddress, DanubeClient, RetryManager};
use tokio::{sync::Mutex, time::timeout};
use tonic::{
    Request,
    transport::{Channel, Uri},
};

use crate::pipeline::{BrokerFailure, FailureKind};

/// danube-client sets no limits of its own: a half-open connection would hang a call for ever.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A client that is replaced when it may hold a dead connection: danube-client keeps its channels for good.
pub(crate) struct Connection {
    service_url: String,
    current: Mutex<Current>,
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
    pub(crate) fn new(service_url: &str) -> Self {
        Self { service_url: service_url.to_owned(), current: Mutex::default() }
    }

    /// The way to the broker that serves a topic now.
    pub(crate) async fn route(&self, topic: &str) -> Result<Route, BrokerFailure> {
        let (client, generation) = self.client().await?;
        let found = async {
            let address = client.resolve_topic_broker(topic).await?;
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
        answer.map_err(|failure| failure.at(&self.service_url))
    }

    async fn renew_after(&self, generation: u64, failure: &BrokerFailure) {
        let mut current = self.current.lock().await;
        if failure.kind == FailureKind::Unreachable && current.generation == generation {
            current.client = None;
        }
    }

    async fn client(&self) -> Result<(DanubeClient, u64), BrokerFailure> {
        let mut current = self.current.lock().await;
        if let Some(client) = &current.client {
            return Ok((client.clone(), current.generation));
        }
        let fresh = DanubeClient::builder().service_url(&self.service_url).build().await?;
        current.client = Some(fresh.clone());
        current.generation += 1;
        Ok((fresh, current.generation))
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
