//! The connector, shared by the lanes: one call at a time.

use std::{any::Any, fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{sync::Mutex, time::timeout};

use crate::{
    config::{ConnectorConfig, ConsumerConfig},
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult},
    record::SinkRecord,
};

/// Calls the connector's methods, one at a time, with a limit for each write. A panic becomes a fatal error.
#[derive(Clone)]
pub(crate) struct Writer {
    connector: Arc<Mutex<Box<dyn SinkConnector>>>,
    write_timeout: Duration,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("write_timeout", &self.write_timeout).finish_non_exhaustive()
    }
}

impl Writer {
    pub(crate) fn new(connector: Box<dyn SinkConnector>, write_timeout: Duration) -> Self {
        Self { connector: Arc::new(Mutex::new(connector)), write_timeout }
    }

    pub(crate) async fn initialize(&self, config: ConnectorConfig) -> ConnectorResult<()> {
        caught("initialize", self.connector.lock().await.initialize(config)).await
    }

    pub(crate) async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        caught("consumer_configs", self.connector.lock().await.consumer_configs()).await
    }

    /// One try to write a batch. The limit does not count the time that other lanes write.
    pub(crate) async fn write(&self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mut connector = self.connector.lock().await;
        in_time("write", self.write_timeout, caught("process_batch", connector.process_batch(records))).await
    }

    pub(crate) async fn health_check(&self) -> ConnectorResult<()> {
        let connector = self.connector.lock().await;
        in_time("health check", self.write_timeout, caught("health_check", connector.health_check())).await
    }

    pub(crate) async fn shutdown(&self) -> ConnectorResult<()> {
        caught("shutdown", self.connector.lock().await.shutdown()).await
    }
}

async fn in_time(what: &str, limit: Duration, call: impl Future<Output = ConnectorResult<()>>) -> ConnectorResult<()> {
    timeout(limit, call).await.unwrap_or_else(|_| {
        let limit = limit.as_millis();
        Err(ConnectorError::retryable(format!("the {what} took longer than write_timeout_ms = {limit}")))
    })
}

async fn caught<T>(method: &str, call: impl Future<Output = ConnectorResult<T>>) -> ConnectorResult<T> {
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|panic| {
        let text = message_of(&*panic);
        Err(ConnectorError::fatal(format!("the connector panicked in {method}: {text}")))
    })
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
