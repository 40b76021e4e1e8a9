//! Publishes as any client would.

use danube_client::{DanubeClient, errors::DanubeError};

/// Returns when the broker has every payload. `name` must be new for each call.
pub(super) async fn publish(url: &str, topic: &str, name: &str, payloads: &[Vec<u8>]) -> Result<(), DanubeError> {
    let client = DanubeClient::builder().service_url(url).build().await?;
    let mut producer = client.new_producer().with_topic(topic).with_name(name).with_reliable_dispatch().build()?;
    producer.create().await?;
    for payload in payloads {
        producer.send(payload.clone(), None).await?;
    }
    Ok(())
}
