//! What a handle sees of a runtime that ends.

use async_trait::async_trait;

use crate::{ConnectorConfig, ConnectorError, ConnectorResult, ConsumerConfig, SinkConnector, SinkRecord, SinkRuntime};

/// A connector that cannot start.
struct Broken;

#[async_trait]
impl SinkConnector for Broken {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Err(ConnectorError::fatal("broken"))
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(Vec::new())
    }

    async fn process(&mut self, _: SinkRecord) -> ConnectorResult<()> {
        Ok(())
    }
}

#[tokio::test]
async fn waiting_for_settled_records_ends_with_the_runtime() {
    let mut config = ConnectorConfig::new("http://localhost:1", "broken");
    config.metrics_port = 0;
    let runtime = SinkRuntime::new(Broken, config).await.unwrap();
    let handle = runtime.handle();
    let (settled, ended) = tokio::join!(handle.settled_at_least(1), runtime.run());
    assert!(!settled && ended.is_err());
    assert!(handle.settled_at_least(0).await, "none were settled before the end");
}

#[tokio::test]
async fn waiting_for_readiness_ends_with_the_runtime() {
    let mut config = ConnectorConfig::new("http://localhost:1", "broken");
    config.metrics_port = 0;
    let runtime = SinkRuntime::new(Broken, config).await.unwrap();
    let handle = runtime.handle();
    let (ready, ended) = tokio::join!(handle.ready(), runtime.run());
    assert!(!ready && ended.is_err());
    assert!(!handle.ready().await);
}
