//! Tests of the runtime's behaviour against the embedded broker, or the real one of `DANUBE_TEST_URL`.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

mod batches;
mod check;
mod commands;
mod delivery;
mod faults;
mod filtering;
mod health;
mod invalid_records;
mod killed;
mod memory;
mod outage;
mod process;
mod reset;
mod schemas;
mod shutdown;
mod slow_targets;
mod spool;
mod spool_killed;
mod takeover;
mod tls;
mod tls_real_broker;
mod waiting;

use danube_sink::{ConnectorConfig, ConnectorResult, RuntimeHandle, SinkConnector, SinkRuntime};
use tokio::task::JoinHandle;

/// Running connector: the handle of its runtime, and its result.
struct Running {
    handle: RuntimeHandle,
    outcome: JoinHandle<ConnectorResult<()>>,
}

impl Running {
    async fn start(url: &str, sink: impl SinkConnector + 'static, set: impl FnOnce(&mut ConnectorConfig)) -> Self {
        Self::start_tasks(url, vec![sink], set).await
    }

    async fn start_tasks(
        url: &str,
        sinks: Vec<impl SinkConnector + 'static>,
        set: impl FnOnce(&mut ConnectorConfig),
    ) -> Self {
        let mut config = ConnectorConfig::new(url, "test");
        config.metrics_port = 0;
        set(&mut config);
        config.tasks = sinks.len();
        let runtime = SinkRuntime::with_tasks(sinks, config).await.expect("a free port");
        let handle = runtime.handle();
        Self { handle, outcome: tokio::spawn(runtime.run()) }
    }

    async fn ready(self) -> Self {
        danube_sink_tests::within("readiness", self.handle.ready()).await;
        self
    }

    /// Shuts the runtime down. Returns its result.
    async fn stop(self) -> ConnectorResult<()> {
        self.handle.shutdown();
        self.end().await
    }

    /// Waits until the runtime ends by itself. Returns its result.
    async fn end(self) -> ConnectorResult<()> {
        danube_sink_tests::within("the end", self.outcome).await.expect("the runtime does not panic")
    }
}
