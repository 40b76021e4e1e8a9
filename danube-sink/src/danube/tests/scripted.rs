//! A broker that answers look-ups and consumers as a test scripts it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use danube_core::proto::{
    AckRequest, AckResponse, ConsumerRequest, ConsumerResponse, NackRequest, NackResponse, ReceiveRequest,
    StreamMessage, TopicLookupRequest, TopicLookupResponse, TopicPartitionsResponse,
    consumer_service_server::{ConsumerService, ConsumerServiceServer},
    discovery_server::{Discovery, DiscoveryServer},
    topic_lookup_response::LookupType,
};
use futures_util::stream::{Pending, pending};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinHandle,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// The script of the broker, and the calls that it received.
pub(super) struct Script {
    /// The URLs of the brokers that serve topics; this one serves the others.
    pub(super) brokers: HashMap<String, String>,
    /// A Subscribe is answered for each permit.
    pub(super) subscribes: Semaphore,
    /// The number of Subscribes.
    pub(super) subscribing: watch::Sender<usize>,
    /// The number of streams opened.
    pub(super) streams: AtomicUsize,
    /// How long it takes to answer an acknowledgement, for each topic; others get no answer.
    pub(super) acks: HashMap<String, Duration>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            brokers: HashMap::new(),
            subscribes: Semaphore::new(0),
            subscribing: watch::Sender::new(0),
            streams: AtomicUsize::new(0),
            acks: HashMap::new(),
        }
    }
}

/// A running scripted broker.
pub(super) struct Scripted {
    pub(super) url: String,
    pub(super) script: Arc<Script>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Service {
    script: Arc<Script>,
    url: String,
}

impl Scripted {
    pub(super) async fn start(script: Script) -> Self {
        let (listener, address) = listen().await;
        let (script, url) = (Arc::new(script), format!("http://{address}"));
        let service = Service { script: Arc::clone(&script), url: url.clone() };
        let router = Server::builder()
            .add_service(DiscoveryServer::new(service.clone()))
            .add_service(ConsumerServiceServer::new(service));
        let task = tokio::spawn(async move {
            router.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { url, script, task }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A listener that accepts connections and never answers.
pub(super) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tonic::async_trait]
impl Discovery for Service {
    async fn topic_lookup(
        &self,
        request: Request<TopicLookupRequest>,
    ) -> Result<Response<TopicLookupResponse>, Status> {
        let url = self.script.brokers.get(&request.into_inner().topic).unwrap_or(&self.url);
        Ok(Response::new(TopicLookupResponse {
            request_id: 0,
            response_type: LookupType::Redirect.into(),
            connect_url: url.clone(),
            broker_url: url.clone(),
            proxy: false,
        }))
    }

    async fn topic_partitions(
        &self,
        _: Request<TopicLookupRequest>,
    ) -> Result<Response<TopicPartitionsResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }
}

#[tonic::async_trait]
impl ConsumerService for Service {
    type ReceiveMessagesStream = Pending<Result<StreamMessage, Status>>;

    async fn subscribe(&self, _: Request<ConsumerRequest>) -> Result<Response<ConsumerResponse>, Status> {
        self.script.subscribing.send_modify(|count| *count += 1);
        self.script.subscribes.acquire().await.unwrap().forget();
        Ok(Response::new(ConsumerResponse { request_id: 0, consumer_id: 1, consumer_name: String::new() }))
    }

    async fn receive_messages(
        &self,
        _: Request<ReceiveRequest>,
    ) -> Result<Response<Self::ReceiveMessagesStream>, Status> {
        self.script.streams.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(pending()))
    }

    async fn ack(&self, request: Request<AckRequest>) -> Result<Response<AckResponse>, Status> {
        let topic = request.into_inner().msg_id.unwrap_or_default().topic_name;
        match self.script.acks.get(&topic) {
            Some(delay) => tokio::time::sleep(*delay).await,
            None => std::future::pending().await,
        }
        Ok(Response::new(AckResponse::default()))
    }

    async fn nack(&self, _: Request<NackRequest>) -> Result<Response<NackResponse>, Status> {
        Err(Status::unimplemented("not scripted"))
    }
}
