//! Tables of other writers with every table feature: refused at start, or written and read back.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use danube_sink::prelude::*;
use serde_json::{Value, json};

use super::{common::folder, connector, read, record};

const COLUMN: &str = "columns = [{ name = 'n', type = 'long' }]";

/// Creates a table without rows, as another program would.
fn table_by_hand(folder: &Path, protocol: &Value, configuration: &Value, fields: &Value) {
    let log = folder.join("table/_delta_log");
    fs::create_dir_all(&log).unwrap();
    let schema = json!({ "type": "struct", "fields": fields }).to_string();
    let metadata = json!({
        "id": "5fba94ed-9794-4965-ba6e-6ee3c0d22af9", "format": {"provider": "parquet", "options": {}},
        "schemaString": schema, "partitionColumns": [], "configuration": configuration, "createdTime": 1_517_966_773_840_u64,
    });
    let lines = [json!({ "protocol": protocol }), json!({ "metaData": metadata })];
    fs::write(log.join("00000000000000000000.json"), lines.map(|line| line.to_string()).join("\n")).unwrap();
}

fn field(metadata: &Value) -> Value {
    json!([{ "name": "n", "type": "long", "nullable": true, "metadata": metadata }])
}

/// Asserts that the start fails with the feature's name, or that a record is written and read back.
async fn is_refused_or_written(protocol: Value, configuration: Value, fields: Value, refused: Option<&str>) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let folder = folder(&format!("by-hand-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    table_by_hand(&folder, &protocol, &configuration, &fields);
    match (connector(&folder, COLUMN).await, refused) {
        (Err(error), Some(name)) => {
            let report = error.report();
            assert!(matches!(error, ConnectorError::Configuration { .. }), "{protocol}: {error:?}");
            assert!(report.contains(name) && report.contains("name another table"), "{protocol}: {report}");
            assert!(report.contains("/table"), "{protocol}: {report}");
        }
        (Ok(mut connector), None) => {
            connector.process_batch(vec![record(1, &json!({ "n": 7 }))]).await.unwrap();
            assert_eq!(read(&folder).rows, [json!({ "n": 7 })], "{protocol}");
        }
        (Ok(_), Some(name)) => panic!("{protocol}: {name} is not named"),
        (Err(error), None) => panic!("{protocol}: {error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn features_that_cannot_be_written_are_found_at_start() {
    for (feature, reads_too, can) in [
        ("appendOnly", false, true),
        ("deletionVectors", true, true),
        ("timestampNtz", true, true),
        ("v2Checkpoint", true, true),
        ("checkpointProtection", false, true),
        ("invariants", false, false),
        ("checkConstraints", false, false),
        ("changeDataFeed", false, false),
        ("generatedColumns", false, false),
        ("identityColumns", false, false),
        ("columnMapping", true, false),
        ("domainMetadata", false, false),
        ("rowTracking", false, false),
        ("icebergCompatV1", false, false),
        ("icebergCompatV2", false, false),
        ("inCommitTimestamp", false, false),
        ("typeWidening", true, false),
        ("typeWidening-preview", true, false),
        ("vacuumProtocolCheck", true, false),
        ("allowColumnDefaults", false, false),
        ("clustering", false, false),
        ("variantType", true, false),
        ("variantType-preview", true, false),
        ("whateverComesNext", false, false),
        ("whateverComesNextToReaders", true, false),
    ] {
        let readers = if reads_too { vec![feature] } else { Vec::new() };
        let protocol = json!({
            "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": readers, "writerFeatures": [feature],
        });
        is_refused_or_written(protocol, json!({}), field(&json!({})), (!can).then_some(feature)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_features_are_named_together() {
    let features = ["deletionVectors", "appendOnly", "invariants", "checkConstraints"];
    let protocol = json!({
        "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"], "writerFeatures": features,
    });
    let configuration = json!({ "delta.enableDeletionVectors": "true" });
    is_refused_or_written(protocol, configuration, field(&json!({})), Some(": checkConstraints, invariants;")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_without_a_feature_list_are_refused_for_their_implied_features() {
    let versions = |reader: i32, writer: i32| json!({ "minReaderVersion": reader, "minWriterVersion": writer });
    let plain = || field(&json!({}));
    let invariant = json!({ "delta.invariants": "{\"expression\":{\"expression\":\"n > 3\"}}" });
    for (reader, writer, fields, refused) in [
        (1, 1, plain(), None),
        (1, 2, plain(), None),
        (1, 2, field(&invariant), Some("invariants")),
        (1, 3, plain(), Some("checkConstraints")),
        (1, 4, plain(), Some("generatedColumns")),
        (2, 5, plain(), Some("columnMapping")),
        (1, 6, plain(), Some("identityColumns")),
        (2, 6, plain(), Some("columnMapping")),
        (1, 8, plain(), Some("writer version 8")),
    ] {
        is_refused_or_written(versions(reader, writer), json!({}), fields, refused).await;
    }
    let newer = json!({ "minReaderVersion": 4, "minWriterVersion": 7, "readerFeatures": [], "writerFeatures": [] });
    is_refused_or_written(newer, json!({}), plain(), Some("ersion")).await;
    is_refused_or_written(versions(1, 2), json!({ "delta.appendOnly": "true" }), plain(), None).await;
}

/// Another writer upgrades the table while the connector runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_feature_that_is_added_later_ends_the_connector_with_its_name() {
    let folder = folder("upgraded");
    let versions = json!({ "minReaderVersion": 1, "minWriterVersion": 2 });
    table_by_hand(&folder, &versions, &json!({}), &field(&json!({})));
    let mut connector = connector(&folder, COLUMN).await.unwrap();
    connector.process_batch(vec![record(1, &json!({ "n": 1 }))]).await.unwrap();
    let upgrade = json!({ "protocol": {
        "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": [], "writerFeatures": ["checkConstraints"],
    }});
    fs::write(folder.join("table/_delta_log/00000000000000000002.json"), upgrade.to_string()).unwrap();
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers.push(connector.process_batch(vec![record(2, &json!({ "n": 2 }))]).await.unwrap_err());
    }
    assert!(
        answers.iter().any(|answer| {
            matches!(answer, ConnectorError::Fatal { .. }) && answer.report().contains("checkConstraints")
        }),
        "{answers:?}"
    );
}
