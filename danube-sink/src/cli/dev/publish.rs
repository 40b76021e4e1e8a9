//! Publishes the records to the embedded broker, each file in its order.

use futures_util::future::try_join_all;

use super::Data;
use crate::{
    dev::EmbeddedBroker,
    error::{ConnectorResult, ErrorExt},
};

/// Returns when the broker has every record.
pub(crate) async fn all(broker: &EmbeddedBroker, data: &Data) -> ConnectorResult<()> {
    try_join_all(data.topics.iter().map(|(topic, lines)| one(broker, topic, lines))).await?;
    Ok(())
}

async fn one(broker: &EmbeddedBroker, topic: &str, lines: &[String]) -> ConnectorResult<()> {
    let payloads = lines.iter().map(|line| line.clone().into_bytes());
    broker.publish(topic, "dev", payloads).await.fatal(format!("publish to {topic}"))
}
