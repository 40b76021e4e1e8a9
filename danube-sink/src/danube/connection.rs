//! Connections to brokers: one for each broker and purpose, replaced when it may be dead.
//!
//! danube-client keeps its channels for good, and locks its table of them while it connects. Each connection here has a
//! client of its own, so that a broker that does not answer blocks no call to another.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use danube_client::{BrokerAddress, DanubeClient};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tonic::{
    Extensions, Request,
    codegen::http::{HeaderMap, HeaderName, HeaderValue, header},
    metadata::MetadataMap,
    transport::{Channel, Uri},
};

use super::{http2::Http2, messages::MessageChannel, security::Security, transport::Transport};
use crate::{
    config::ConnectorConfig,
    pipeline::{BrokerFailure, FailureKind},
};

/// The timeout of a call. danube-client sets none: a half-open connection would hang a call forever.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The most acknowledgements in flight on one connection.
const ACKS_IN_FLIGHT: usize = 256;

/// Names the broker of a call to a proxy.
const PROXY_HEADER: HeaderName = HeaderName::from_static("x-danube-broker-url");

/// The purpose of a connection. Calls of different purposes share no flow-control window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// Look-ups of topics, and the schema registry.
    Lookup,
    /// Streams of messages.
    Messages,
    /// Acknowledgements and health checks.
    Acks,
    /// Producers and what they publish.
    Publish,
    /// The admin service.
    Admin,
}

/// All connections of a connector.
pub(super) struct Connections {
    service_url: String,
    security: Arc<Security>,
    channels: Slots<Grpc>,
    messages: Slots<MessageChannel>,
    calls: Slots<Http2>,
}

/// The connections of one transport.
type Slots<T> = Mutex<HashMap<(BrokerAddress, Purpose), Arc<Slot<T>>>>;

/// tonic's channel, and the client of danube-client that has opened it.
#[derive(Clone)]
pub(super) struct Grpc {
    pub(super) client: DanubeClient,
    pub(super) channel: Channel,
}

/// The slot of one connection.
struct Slot<T> {
    address: BrokerAddress,
    /// The address for messages, without the final `/`.
    shown: String,
    security: Arc<Security>,
    proxy: Option<HeaderValue>,
    connecting: tokio::sync::Mutex<()>,
    current: Mutex<Current<T>>,
    acks: Semaphore,
    /// The clock of `answered`.
    began: Instant,
    /// When a call was answered last, in milliseconds.
    answered: AtomicU64,
}

struct Current<T> {
    open: Option<T>,
    /// Counts connections, so that a late failure of an old one does not discard a new one.
    generation: u64,
}

/// An open connection.
#[derive(Clone)]
pub(super) struct Link<T = Grpc> {
    slot: Arc<Slot<T>>,
    generation: u64,
    pub(super) transport: T,
}

impl Transport for Grpc {
    async fn open(security: &Security, address: &BrokerAddress) -> Result<Self, BrokerFailure> {
        let client = security.client(&address.connect_url).await?;
        let channel = client.get_broker_channel(address).await?;
        Ok(Self { client, channel })
    }
}

impl Connections {
    pub(super) fn new(config: &ConnectorConfig) -> Self {
        Self::to(config, &config.danube_service_url)
    }

    /// Connections to one URL, with the TLS settings and the token of the configuration.
    pub(super) fn to(config: &ConnectorConfig, url: &str) -> Self {
        let security = Arc::new(Security::new(config, url));
        Self {
            service_url: url.to_owned(),
            security,
            channels: Mutex::default(),
            messages: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    /// Looks up the broker that serves a topic.
    pub(super) async fn broker_of(&self, topic: &str) -> Result<BrokerAddress, BrokerFailure> {
        let service = self.service(Purpose::Lookup).await?;
        let found = service.call(async { Ok(service.transport.client.resolve_topic_broker(topic).await?) }).await?;
        self.security.check_address(topic, &found)?;
        Ok(found)
    }

    /// A connection to the service URL.
    pub(super) async fn service(&self, purpose: Purpose) -> Result<Link, BrokerFailure> {
        self.link(&self.service_address()?, purpose).await
    }

    /// The broker at the service URL.
    pub(super) fn service_address(&self) -> Result<BrokerAddress, BrokerFailure> {
        let url: Uri = self
            .service_url
            .parse()
            .map_err(|error| BrokerFailure::refused(format!("the URL {}: {error}", self.service_url)))?;
        Ok(BrokerAddress { connect_url: url.clone(), broker_url: url, proxy: false })
    }

    /// A connection to a broker for tonic's clients, opened if none is open.
    pub(super) async fn link(&self, address: &BrokerAddress, purpose: Purpose) -> Result<Link, BrokerFailure> {
        self.open(&self.channels, address, purpose).await
    }

    /// A connection to a broker for streams of messages, opened if none is open.
    pub(super) async fn messages(&self, address: &BrokerAddress) -> Result<Link<MessageChannel>, BrokerFailure> {
        self.open(&self.messages, address, Purpose::Messages).await
    }

    /// A connection to a broker for many small calls, opened if none is open.
    pub(super) async fn calls(&self, address: &BrokerAddress, purpose: Purpose) -> Result<Link<Http2>, BrokerFailure> {
        self.open(&self.calls, address, purpose).await
    }

    async fn open<T: Transport>(
        &self,
        slots: &Slots<T>,
        address: &BrokerAddress,
        purpose: Purpose,
    ) -> Result<Link<T>, BrokerFailure> {
        let slot = self.slot(slots, address, purpose);
        if let Some(link) = slot.link() {
            return Ok(link);
        }
        let answer = timeout(CALL_TIMEOUT, slot.connect()).await.unwrap_or_else(|_| Err(silence()));
        answer.map_err(|failure| self.security.explain(failure, &slot.shown))
    }

    fn slot<T>(&self, slots: &Slots<T>, address: &BrokerAddress, purpose: Purpose) -> Arc<Slot<T>> {
        let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry((address.clone(), purpose)).or_insert_with_key(|(address, _)| {
            let broker = address.broker_url.to_string();
            Arc::new(Slot {
                address: address.clone(),
                shown: address.connect_url.to_string().trim_end_matches('/').to_owned(),
                security: Arc::clone(&self.security),
                proxy: address.proxy.then(|| HeaderValue::from_str(&broker).ok()).flatten(),
                connecting: tokio::sync::Mutex::default(),
                current: Mutex::new(Current { open: None, generation: 0 }),
                acks: Semaphore::new(ACKS_IN_FLIGHT),
                began: Instant::now(),
                answered: AtomicU64::new(0),
            })
        });
        Arc::clone(slot)
    }
}

impl<T> Slot<T> {
    fn current(&self) -> MutexGuard<'_, Current<T>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn millis(&self, at: Instant) -> u64 {
        at.duration_since(self.began).as_millis().try_into().unwrap_or(u64::MAX)
    }
}

impl<T: Transport> Slot<T> {
    fn link(self: &Arc<Self>) -> Option<Link<T>> {
        let current = self.current();
        let transport = current.open.clone().filter(|open| !open.is_closed())?;
        Some(Link { slot: Arc::clone(self), generation: current.generation, transport })
    }

    /// Opens the connection, unless another caller has done so meanwhile.
    async fn connect(self: &Arc<Self>) -> Result<Link<T>, BrokerFailure> {
        let _connecting = self.connecting.lock().await;
        if let Some(link) = self.link() {
            return Ok(link);
        }
        let transport = T::open(&self.security, &self.address).await?;
        let mut current = self.current();
        current.generation += 1;
        current.open = Some(transport.clone());
        Ok(Link { slot: Arc::clone(self), generation: current.generation, transport })
    }
}

impl<T> Link<T> {
    /// The broker's own address, as messages name it.
    pub(super) fn broker_url(&self) -> String {
        self.slot.address.broker_url.to_string()
    }

    /// The URL that the connection was opened to.
    pub(super) fn connect_url(&self) -> &Uri {
        &self.slot.address.connect_url
    }

    /// The headers for authentication and proxies.
    pub(super) fn headers(&self) -> Result<HeaderMap, BrokerFailure> {
        let authorization = self.slot.security.authorization().map_err(|failure| self.explain(failure))?;
        let authorization = authorization.map(|value| (header::AUTHORIZATION, value));
        let proxy = self.slot.proxy.clone().map(|value| (PROXY_HEADER, value));
        Ok(authorization.into_iter().chain(proxy).collect())
    }

    /// A request with these headers.
    pub(super) fn request<M>(&self, message: M) -> Result<Request<M>, BrokerFailure> {
        Ok(with_headers(self.headers()?, message))
    }

    /// Makes a call with a timeout. After a call without an answer, the next one opens a new connection.
    pub(super) async fn call<A>(
        &self,
        call: impl Future<Output = Result<A, BrokerFailure>>,
    ) -> Result<A, BrokerFailure> {
        let answer = timeout(CALL_TIMEOUT, call).await.unwrap_or_else(|_| Err(silence()));
        answer.map_err(|failure| self.failed(failure))
    }

    /// Handles a failed call: gives up a dead connection, and explains the failure.
    pub(super) fn failed(&self, failure: BrokerFailure) -> BrokerFailure {
        self.lost_by(&failure);
        self.explain(failure)
    }

    /// Gives up the connection if the failure suggests that it is dead.
    pub(super) fn lost_by(&self, failure: &BrokerFailure) {
        let mut current = self.slot.current();
        if failure.is_of_connection() && current.generation == self.generation {
            current.open = None;
        }
    }

    /// Whether any call found the connection dead.
    pub(super) fn is_lost(&self) -> bool {
        let current = self.slot.current();
        current.open.is_none() || current.generation != self.generation
    }

    /// Records that a call was answered.
    pub(super) fn answered(&self, at: Instant) {
        self.slot.answered.store(self.slot.millis(at), Ordering::Relaxed);
    }

    /// Handles calls that got no answer since then. If others did, the connection is not dead: a topic's dispatcher hangs.
    pub(super) fn unanswered(&self, since: Instant) -> BrokerFailure {
        let silence = silence();
        if self.slot.answered.load(Ordering::Relaxed) <= self.slot.millis(since) {
            return self.failed(silence);
        }
        BrokerFailure::new(silence.kind, format!("{}, while the broker answers calls of other topics", silence.message))
    }

    /// The permits for acknowledgements in flight on this connection.
    pub(super) fn ack_permits(&self) -> &Semaphore {
        &self.slot.acks
    }

    fn explain(&self, failure: BrokerFailure) -> BrokerFailure {
        self.slot.security.explain(failure, &self.slot.shown)
    }
}

/// A request with prepared headers.
pub(super) fn with_headers<T>(headers: HeaderMap, message: T) -> Request<T> {
    Request::from_parts(MetadataMap::from_headers(headers), Extensions::default(), message)
}

/// The failure of a call that was not made because another one found the connection dead.
pub(super) fn not_made() -> BrokerFailure {
    BrokerFailure::new(FailureKind::Unreachable, "not sent: the connection failed before")
}

/// The failure of a call that got no answer.
pub(super) fn silence() -> BrokerFailure {
    BrokerFailure::new(FailureKind::Unreachable, format!("no answer within {} s", CALL_TIMEOUT.as_secs()))
}
