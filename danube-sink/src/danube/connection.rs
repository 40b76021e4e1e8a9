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
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that is replaced when it may hold a dead connection: danube-client keeps its channels for good.
pub(crate) struct Connection {
    service_url: String,
    client: Mutex<Option<DanubeClient>>,
}

/// The broker that serves a topic, and the client to reach it with.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) client: DanubeClient,
    pub(crate) address: BrokerAddress,
    pub(crate) channel: Channel,
}

impl Connection {
    pub(crate) fn new(service_url: &str) -> Self {
        Self { service_url: service_url.to_owned(), client: Mutex::new(None) }
    }

    /// Makes a call with a time limit. After one that reached nobody the next call takes a fresh client.
    pub(crate) async fn watched<T>(
        &self,
        call: impl Future<Output = Result<T, BrokerFailure>>,
    ) -> Result<T, BrokerFailure> {
        let answer = in_time(call).await;
        if answer.as_ref().is_err_and(|failure| failure.kind == FailureKind::Unreachable) {
            self.renew().await;
        }
        answer.map_err(|failure| failure.at(&self.service_url))
    }

    /// The way to the broker that serves a topic now.
    pub(crate) async fn route(&self, topic: &str) -> Result<Route, BrokerFailure> {
        self.watched(async {
            let client = self.client().await?;
            let address = client.resolve_topic_broker(topic).await?;
            let channel = client.get_broker_channel(&address).await?;
            Ok(Route { client, address, channel })
        })
        .await
    }

    /// The way to the broker of the service URL.
    pub(crate) async fn service_route(&self) -> Result<Route, BrokerFailure> {
        let uri: Uri = self
            .service_url
            .parse()
            .map_err(|error| BrokerFailure::refused(format!("danube_service_url {}: {error}", self.service_url)))?;
        self.watched(async {
            let client = self.client().await?;
            let channel = client.get_service_channel().await?;
            let address = BrokerAddress { connect_url: uri.clone(), broker_url: uri, proxy: false };
            Ok(Route { client, address, channel })
        })
        .await
    }

    /// Forgets the client, after a route of it led nowhere: the next one connects anew.
    pub(crate) async fn renew(&self) {
        *self.client.lock().await = None;
    }

    pub(crate) async fn client(&self) -> Result<DanubeClient, BrokerFailure> {
        let mut client = self.client.lock().await;
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        let fresh = DanubeClient::builder().service_url(&self.service_url).build().await?;
        *client = Some(fresh.clone());
        Ok(fresh)
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

/// The answer, or that none came in time.
pub(crate) async fn in_time<T>(answer: impl Future<Output = Result<T, BrokerFailure>>) -> Result<T, BrokerFailure> {
    match timeout(CALL_TIMEOUT, answer).await {
        Ok(answer) => answer,
        Err(_) => {
            let silence = format!("no answer within {} s", CALL_TIMEOUT.as_secs());
            Err(BrokerFailure::new(FailureKind::Unreachable, silence))
        }
    }
}
