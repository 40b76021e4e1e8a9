//! Publishes the records as any client would.

use danube_client::DanubeClient;
use futures_util::future::try_join_all;

use super::Data;
use crate::error::{ConnectorResult, ErrorExt};

/// Returns when the broker has every record.
pub(crate) async fn all(url: &str, data: &Data) -> ConnectorResult<()> {
    let client = DanubeClient::builder().service_url(url).build().await.fatal("connect to the embedded broker")?;
    try_join_all(data.topics.iter().map(|(topic, lines)| one(&client, topic, lines))).await?;
    Ok(())
}

async fn one(client: &DanubeClient, topic: &str, lines: &[String]) -> ConnectorResult<()> {
    let producer = client.new_producer().with_topic(topic).with_name("dev").with_reliable_dispatch().build();
    let mut producer = producer.fatal("make a producer")?;
    producer.create().await.fatal(format!("publish to {topic}"))?;
    for line in lines {
        producer.send(line.clone().into_bytes(), None).await.fatal(format!("publish to {topic}"))?;
    }
    Ok(())
}
