//! Publishing of messages with danube-client.

use danube_client::{DanubeClient, errors::DanubeError};

use super::{log::Sent, markers::MESSAGE};
use crate::dev::Partitions;

/// Publishes messages, and waits until the broker has confirmed them. `first` is the index of the first one within the
/// scenario; the producer's `name` must be new for each call.
pub(super) async fn publish(
    url: &str,
    (topic, partitions): (&str, Partitions),
    name: &str,
    messages: &[Sent],
    first: usize,
) -> Result<(), DanubeError> {
    let client = DanubeClient::builder().service_url(url).build().await?;
    let producer = client.new_producer().with_topic(topic).with_name(name).with_reliable_dispatch();
    let mut producer = match partitions {
        Partitions::Unpartitioned => producer,
        Partitions::Of(count) => producer.with_partitions(count),
    }
    .build()?;
    producer.create().await?;
    for (message, index) in messages.iter().zip(first..) {
        let mut attributes = message.attributes.clone();
        attributes.insert(MESSAGE.to_owned(), index.to_string());
        let attributes = Some(attributes);
        match &message.key {
            Some(key) => producer.send_with_key(message.payload.clone(), attributes, key).await?,
            None => producer.send(message.payload.clone(), attributes).await?,
        };
    }
    Ok(())
}
