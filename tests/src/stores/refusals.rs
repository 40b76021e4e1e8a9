//! What a connector does when its store refuses it.

use std::path::PathBuf;

use danube_sink::prelude::*;

use super::{Kind, Server};

/// Asserts, with S3 and with Google, that a connector waits while a right is missing, loses nothing by it, and ends when the store refuses
/// its keys. `record` has a number from 1, and `written` reads the numbers in the store, sorted.
pub async fn assert_refusals<C: SinkConnector>(
    folder: impl Fn(&str) -> PathBuf,
    connector: impl Fn(&Server) -> (C, ConnectorConfig),
    record: impl Fn(u64) -> SinkRecord,
    written: impl Fn(&Server) -> Vec<u64>,
) {
    for kind in [Kind::S3, Kind::Google] {
        let server = Server::open(kind, folder(&format!("refused-{kind:?}"))).await;
        let (mut connector, config) = connector(&server);
        connector.initialize(config).await.expect("the store takes it");
        connector.process_batch(vec![record(1)]).await.expect("the store takes it");
        server.refuse(|_| true);
        for error in [
            connector.process_batch(vec![record(2)]).await.expect_err("no right"),
            connector.health_check().await.expect_err("no right"),
        ] {
            assert!(matches!(error, ConnectorError::Retryable { .. }), "{kind:?}: {error:?}");
            let report = error.report();
            assert!(report.contains("a right is missing") && report.contains("AccessDenied"), "{kind:?}: {report}");
        }
        server.refuse(|_| false);
        connector.process_batch(vec![record(2)]).await.expect("the right is back");
        assert_eq!(written(&server), [1, 2], "{kind:?}");
        server.refuse_keys();
        let error = connector.process_batch(vec![record(3)]).await.expect_err("wrong keys");
        assert!(matches!(error, ConnectorError::Fatal { .. }), "{kind:?}: {error:?}");
        assert!(error.report().contains("the store refuses the credentials"), "{kind:?}: {}", error.report());
    }
}
