//! The class of each error of the library: constructed errors, and real ones.

use std::{error::Error, fs, io, os::unix::fs::PermissionsExt};

use danube_sink::{TargetFailure, prelude::*, testing::from_toml};
use danube_sink_tests::stores::toml;
use deltalake::{
    DeltaTableError as Delta, ObjectStoreError as Store,
    arrow::error::ArrowError,
    errors::ColumnMappingOperation,
    kernel::{
        Error as Kernel,
        transaction::{CommitConflictError as Conflict, TransactionError as Commit},
    },
    parquet::errors::ParquetError,
};
use serde_json::json;

use super::super::{DeltaLake, failure::Classify};
use super::{
    TOPIC,
    common::{folder, open_s3},
    connector, record,
};

type Source = Box<dyn Error + Send + Sync>;

fn source(text: &str) -> Source {
    text.into()
}

fn json_error() -> serde_json::Error {
    serde_json::from_str::<u8>("\"s3cret\"").unwrap_err()
}

fn generic(kind: io::ErrorKind) -> Store {
    Store::Generic { store: "LocalFileSystem", source: Box::new(io::Error::from(kind)) }
}

fn on_path(make: impl Fn(String, Source) -> Store, text: &str) -> Delta {
    Delta::ObjectStore { source: make("lake/orders/country=s3cret/part-0.parquet".to_owned(), source(text)) }
}

/// Every variant of the library's error, with its class while rows are written.
fn errors() -> Vec<(Delta, TargetFailure)> {
    use TargetFailure::{Busy, Misconfigured, NotReady, Refused, Unauthenticated};
    let commit = |source| Delta::Transaction { source };
    let conflict = |conflict| Delta::Transaction { source: Commit::CommitConflict(conflict) };
    let denied = |path, source| Store::PermissionDenied { path, source };
    vec![
        (on_path(|path, source| Store::Unauthenticated { path, source }, "401"), Unauthenticated),
        (on_path(denied, "403: <Code>InvalidAccessKeyId</Code>"), Unauthenticated),
        (on_path(denied, "403: <Code>SignatureDoesNotMatch</Code>"), Unauthenticated),
        (
            Delta::ObjectStore {
                source: Store::Generic { store: "S3", source: source("400: <Code>ExpiredToken</Code>") },
            },
            Unauthenticated,
        ),
        (on_path(denied, "403: <Code>AccessDenied</Code>"), NotReady),
        (on_path(|path, source| Store::NotFound { path, source }, "404"), NotReady),
        (on_path(|path, source| Store::AlreadyExists { path, source }, "409"), Busy),
        (on_path(|path, source| Store::Precondition { path, source }, "412"), Busy),
        (on_path(|path, source| Store::NotModified { path, source }, "304"), Busy),
        (Delta::ObjectStore { source: Store::Generic { store: "S3", source: source("503 after 2 retries") } }, Busy),
        (Delta::ObjectStore { source: Store::NotSupported { source: source("x") } }, Misconfigured),
        (
            Delta::ObjectStore { source: Store::NotImplemented { operation: "put".into(), implementer: "S3".into() } },
            Misconfigured,
        ),
        (Delta::ObjectStore { source: Store::UnknownConfigurationKey { store: "S3", key: "x".into() } }, Misconfigured),
        (Delta::ObjectStore { source: generic(io::ErrorKind::PermissionDenied) }, NotReady),
        (Delta::ObjectStore { source: generic(io::ErrorKind::StorageFull) }, NotReady),
        (Delta::ObjectStore { source: generic(io::ErrorKind::ReadOnlyFilesystem) }, NotReady),
        (Delta::ObjectStore { source: generic(io::ErrorKind::InvalidFilename) }, Refused),
        (Delta::ObjectStore { source: generic(io::ErrorKind::TimedOut) }, Busy),
        (Delta::Io { source: io::ErrorKind::NotADirectory.into() }, Busy),
        (Delta::Parquet { source: ParquetError::External(Box::new(generic(io::ErrorKind::TimedOut))) }, Busy),
        (Delta::Parquet { source: ParquetError::General("s3cret".into()) }, Refused),
        (Delta::Arrow { source: ArrowError::ExternalError(Box::new(generic(io::ErrorKind::StorageFull))) }, NotReady),
        (Delta::Arrow { source: ArrowError::InvalidArgumentError("s3cret".into()) }, Refused),
        (Delta::InvalidData { message: "s3cret".into() }, Refused),
        (Delta::SerializeLogJson { json_err: json_error() }, Refused),
        (commit(Commit::SerializeLogJson { json_err: json_error() }), Refused),
        (Delta::SchemaMismatch { msg: "x".into() }, Misconfigured),
        (Delta::MetadataError("x".into()), Misconfigured),
        (Delta::VersionAlreadyExists(1), Busy),
        (Delta::VersionMismatch(1, 2), Busy),
        (Delta::VersionDowngrade { current_version: 2, requested_version: 1 }, Busy),
        (Delta::InvalidVersion(1), Busy),
        (Delta::NotATable("x".into()), NotReady),
        (Delta::NotInitialized, NotReady),
        (Delta::NotInitializedWithFiles("x".into()), NotReady),
        (Delta::NoSchema, NotReady),
        (Delta::MissingFeature { feature: "azure", url: "az://x".into() }, Misconfigured),
        (Delta::InvalidTableLocation("x".into()), Misconfigured),
        (Delta::ChangeDataNotEnabled { version: 1 }, Misconfigured),
        (Delta::UnsupportedColumnMapping { mode: ColumnMappingOperation::Write, operation: "x".into() }, Misconfigured),
        (Delta::Generic("x".into()), Busy),
        (Delta::GenericError { source: Box::new(generic(io::ErrorKind::PermissionDenied)) }, NotReady),
        (commit(Commit::VersionAlreadyExists(1)), Busy),
        (commit(Commit::MaxCommitAttempts(15)), Busy),
        (commit(Commit::ObjectStore { source: generic(io::ErrorKind::StorageFull) }), NotReady),
        (commit(Commit::UnsupportedTableFeatures(Vec::new())), Misconfigured),
        (commit(Commit::DeltaTableAppendOnly), Misconfigured),
        (commit(Commit::LogStoreError { msg: "x".into(), source: source("x") }), Busy),
        (conflict(Conflict::MetadataChanged), Busy),
        (conflict(Conflict::ProtocolChanged("x".into())), Busy),
        (conflict(Conflict::ConcurrentAppend), Busy),
        (conflict(Conflict::ConcurrentDeleteRead), Busy),
        (conflict(Conflict::ConcurrentDeleteDelete), Busy),
        (conflict(Conflict::ConcurrentTransaction), Busy),
        (conflict(Conflict::UnsupportedWriterVersion(9)), Misconfigured),
        (conflict(Conflict::UnsupportedReaderVersion(9)), Misconfigured),
    ]
}

/// Errors of a broken log, which an operator repairs.
fn errors_of_the_log() -> Vec<Delta> {
    vec![
        Delta::InvalidJsonLog { json_err: json_error(), line: "s3cret".into(), version: 1 },
        Delta::InvalidStatsJson { json_err: json_error() },
        Delta::PartitionError { partition: "country=s3cret".into() },
        Delta::InvalidPartitionFilter { partition_filter: "s3cret".into() },
        Delta::Kernel { source: Kernel::Generic("s3cret".into()) },
        Delta::Arrow { source: ArrowError::ParseError("s3cret".into()) },
        Delta::Parquet { source: ParquetError::General("s3cret".into()) },
        Delta::Transaction { source: Commit::CommitConflict(Conflict::NoMetadata) },
        Delta::Transaction { source: Commit::CommitConflict(Conflict::CorruptedState { source: source("s3cret") }) },
    ]
}

#[test]
fn each_error_of_the_library_has_its_class_and_shows_no_value() {
    for (error, class) in errors() {
        let shown = format!("{error:?}");
        let answer = Err::<(), _>(error).classify_rows("append").map_err(ConnectorError::from).unwrap_err();
        let expected = class.error("");
        assert_eq!(std::mem::discriminant(&answer), std::mem::discriminant(&expected), "{shown}: {answer:?}");
        assert!(!answer.report().contains("s3cret") && answer.report().starts_with("append: "), "{shown}: {answer:?}");
    }
    for error in errors_of_the_log() {
        let shown = format!("{error:?}");
        let answer = Err::<(), _>(error).classify("open").map_err(Failure::at_start).unwrap_err();
        assert!(matches!(answer, ConnectorError::Initialization { .. }), "{shown}: {answer:?}");
        assert!(!answer.report().contains("s3cret"), "{shown}: {answer:?}");
    }
}

/// Values of the partitions' columns are in the paths of files, and the store's errors name those.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_a_partition_is_in_no_error_of_the_store() {
    let server = open_s3("partition-errors").await;
    let text = format!(
        "[delta_lake.storage_options]\n{}\n[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\n\
         table = '{}'\npartition_by = ['kind']\ncolumns = [{{ name = 'n', type = 'long' }}, {{ name = 'kind' }}]\n",
        toml(&server.options()),
        server.url("table")
    );
    let (mut connector, config) = from_toml::<DeltaLake>(&text).expect("a configuration");
    connector.initialize(config).await.unwrap();
    connector.process_batch(vec![record(1, &json!({ "n": 1, "kind": "a" }))]).await.unwrap();
    // The log can be read; a file of the partition is in the way of its folder.
    fs::write(server.objects("table").join("kind=a s3cret"), "").unwrap();
    fs::write(server.objects("table").join("kind=a%20s3cret"), "").unwrap();
    fs::write(server.objects("table").join("kind=a%2520s3cret"), "").unwrap();
    let error = connector.process_batch(vec![record(2, &json!({ "n": 2, "kind": "a s3cret" }))]).await.unwrap_err();
    let report = error.report();
    assert!(report.contains("Error performing PUT http://127.0.0.1:") && !report.contains("s3cret"), "{report}");
}

/// The failure also occurs for root, who ignores permissions.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_in_the_way_is_waited_for() {
    let folder = folder("in-the-way");
    let mut connector = connector(&folder, "columns = [{ name = 'n', type = 'long' }]").await.unwrap();
    let log = folder.join("table/_delta_log");
    let away = folder.join("away");
    fs::rename(&log, &away).unwrap();
    fs::write(&log, "no folder").unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o400)).unwrap();
    let error = connector.process_batch(vec![record(1, &json!({ "n": 1 }))]).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
    fs::remove_file(&log).unwrap();
    fs::rename(&away, &log).unwrap();
    connector.process_batch(vec![record(1, &json!({ "n": 1 }))]).await.unwrap();
}

/// The library ignores options that it does not know.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_option_is_named_at_start() {
    let table = folder("options").join("table");
    let start = async |options: &str| {
        let text = format!(
            "[delta_lake.storage_options]\n{options}\n[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\n\
             subscription = 's'\ntable = '{}'\ncolumns = [{{ name = 'n', type = 'long' }}]\n",
            table.display()
        );
        let (mut connector, config) = from_toml::<DeltaLake>(&text).expect("a configuration");
        connector.initialize(config).await
    };
    let known = "AWS_REGION = 'eu'\naws_endpoint = 'http://h'\nallow_http = 'true'\nazure_client_id = 'c'\n\
                 google_service_account = 's'\nmax_retries = '1'\n'backoff_config.base' = '3'\n\
                 AWS_S3_LOCKING_PROVIDER = 'dynamodb'\nDELTA_DYNAMO_TABLE_NAME = 't'\naws_s3_allow_unsafe_rename = 'true'";
    start(known).await.unwrap();
    let error = start("aws_region = 'eu'\naws_endpiont = 'http://h'").await.unwrap_err();
    assert!(matches!(error, ConnectorError::Configuration { .. }), "{error:?}");
    assert!(error.report().contains("unknown option `aws_endpiont` in `storage_options`"), "{}", error.report());
    let error = start("max_retries = 'many'").await.unwrap_err();
    assert!(error.report().contains("max_retries"), "{}", error.report());
}
