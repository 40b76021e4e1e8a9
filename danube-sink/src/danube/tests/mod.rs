//! The client against the embedded broker and against scripted ones, over real sockets.

mod admin;
mod attach;
mod cost;
mod publish;
mod real;
mod scripted;
mod silence;
mod topics;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::StreamExt;
use rcgen::{CertificateParams, KeyPair};

use super::DanubeBroker;
use crate::{
    config::{ConnectorConfig, SubscriptionType},
    dev::{BrokerOptions, BrokerTls, EmbeddedBroker, Partitions},
    pipeline::{AckToken, Attachment, Broker, Chunks, Consumer, DeadLetter},
};

const TOPIC: &str = "/default/orders";
const SUBSCRIPTION: &str = "billing";

/// A broker with the topic and a window that never fills, and a client of it.
async fn start() -> (EmbeddedBroker, DanubeBroker) {
    let options = BrokerOptions { max_unacked_messages: 10_000, ..BrokerOptions::default() };
    let embedded = EmbeddedBroker::start(options).await.unwrap();
    embedded.create_topic(TOPIC, Partitions::Unpartitioned, true).unwrap();
    let client = client(&embedded.url());
    (embedded, client)
}

fn client(url: &str) -> DanubeBroker {
    DanubeBroker::new(&ConnectorConfig::new(url, "test"))
}

fn consumer(topic: &str) -> Consumer {
    Consumer {
        topic: topic.into(),
        name: "one".to_owned(),
        subscription: SUBSCRIPTION.to_owned(),
        subscription_type: SubscriptionType::Exclusive,
    }
}

fn dead_letter(number: usize) -> DeadLetter {
    DeadLetter {
        payload: number.to_string().into(),
        attributes: HashMap::from([("number".to_owned(), number.to_string())]),
        key: Some(format!("key-{number}")),
        schema: Some((7, Some(2))),
    }
}

/// Publishes `0`, `1` and so on.
async fn publish(client: &DanubeBroker, topic: &str, count: usize) {
    let answers = client.publish(topic, (0..count).map(dead_letter).collect()).await;
    assert_eq!(answers, vec![Ok(()); count]);
}

/// The tokens of the next messages.
async fn tokens(chunks: &mut Chunks, count: usize) -> Vec<AckToken> {
    let mut tokens = Vec::new();
    while tokens.len() < count {
        let chunk = soon("a chunk", chunks.next()).await.unwrap().unwrap();
        assert!(!chunk.is_empty());
        tokens.extend(chunk.into_iter().map(|message| message.token));
    }
    tokens
}

async fn attach(client: &DanubeBroker) -> Attachment {
    soon("attached", client.attach(&consumer(TOPIC))).await.unwrap()
}

async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let limited = tokio::time::timeout(Duration::from_secs(20), future).await;
    limited.unwrap_or_else(|_| panic!("waited too long: {what}"))
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    soon(what, async {
        while !condition() {
            tick.tick().await;
        }
    })
    .await;
}

/// A certificate for 127.0.0.1, which is its own CA.
struct Certificate {
    tls: BrokerTls,
    file: PathBuf,
}

impl Certificate {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let file = std::env::temp_dir().join(format!("danube-sink-client-{}-{number}.pem", std::process::id()));
        std::fs::write(&file, &certificate).unwrap();
        Self { tls: BrokerTls { certificate, key: key.serialize_pem(), client_ca: None }, file }
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}
