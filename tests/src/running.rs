//! A connector that runs with a broker in a test.

use danube_sink::{ConnectorConfig, ConnectorResult, RuntimeHandle, SinkConnector, SinkRuntime};
use tokio::task::JoinHandle;

use crate::{Broker, within};

/// A running connector.
#[derive(Debug)]
pub struct Running {
    /// The handle of its runtime.
    pub handle: RuntimeHandle,
    outcome: JoinHandle<ConnectorResult<()>>,
}

impl Running {
    /// Starts a connector with this broker, and returns when it is ready.
    pub async fn start(connector: impl SinkConnector + 'static, mut config: ConnectorConfig, broker: &Broker) -> Self {
        config.danube_service_url = broker.url().to_owned();
        config.metrics_port = 0;
        let runtime = SinkRuntime::new(connector, config).await.expect("a free port");
        let handle = runtime.handle();
        let outcome = tokio::spawn(runtime.run());
        assert!(within("readiness", handle.ready()).await, "the connector ended");
        Self { handle, outcome }
    }

    /// Shuts it down, and asserts that it ends without an error.
    pub async fn stop(self) {
        self.handle.shutdown();
        within("the end", self.outcome).await.expect("no panic").expect("a clean end");
    }

    /// Aborts it, as a crash does.
    pub fn abort(self) {
        self.outcome.abort();
    }
}
