//! The role of the embedded broker.

use danube_sink::dev::{BrokerOptions, EmbeddedBroker, Partitions};

use super::from_parent;
use crate::child::send_to_parent;

pub(crate) async fn run(window: usize, topic: Option<(String, usize)>) {
    let options = BrokerOptions { max_unacked_messages: window, ..BrokerOptions::default() };
    let broker = EmbeddedBroker::start(options).await.expect("a free port");
    if let Some((topic, partitions)) = topic {
        broker.create_topic(&topic, Partitions::Of(partitions), true).expect("a topic");
    }
    send_to_parent(&broker.url());
    // Runs until the parent exits.
    from_parent::<()>().await;
}
