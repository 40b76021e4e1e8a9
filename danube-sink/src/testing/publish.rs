//! Publishes as any client would.

use danube_client::{DanubeClient, errors::DanubeError};

use super::log::Sent;
use crate::dev::Partitions;

/// The attribute that says which of the scenario's messages a record is.
pub(super) const MESSAGE: &str = "conformance-message";

/// Returns when the broker has every message. `first` is the place of the first one among the scenario's messages; `name`
/// must be new for each call.
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
    for (message, place) in messages.iter().zip(first..) {
        let mut attributes = message.attributes.clone();
        attributes.insert(MESSAGE.to_owned(), place.to_string());
        let attributes = Some(attributes);
        match &message.key {
            Some(key) => producer.send_with_key(message.payload.clone(), attributes, key).await?,
            None => producer.send(message.payload.clone(), attributes).await?,
        };
    }
    Ok(())
}
