//! An embedded broker.

use danube_sink::dev::{BrokerOptions, EmbeddedBroker, Partitions};

use super::heard;
use crate::child::tell;

pub(crate) async fn play(window: usize, topic: Option<(String, usize)>) {
    let options = BrokerOptions { max_unacked_messages: window, ..BrokerOptions::default() };
    let broker = EmbeddedBroker::start(options).await.expect("a free port");
    if let Some((topic, partitions)) = topic {
        broker.create_topic(&topic, Partitions::Of(partitions), true).expect("a topic");
    }
    tell(&broker.url());
    // Until the parent goes.
    heard::<()>().await;
}
