//! Failures of the table and their classes: one table for code and README.

use std::io;

use TargetFailure::{Busy, Misconfigured, NotReady, Refused, Unauthenticated};
use danube_sink::prelude::*;
use danube_sink_arrow::store::{StoreFailure, chain, explained};
use deltalake::{
    DeltaTableError,
    kernel::transaction::{CommitConflictError as Conflict, TransactionError as Commit},
    logstore::object_store::Error,
};

/// A description of a failure, and its class.
type Answer = (&'static str, TargetFailure);

const KEYS: Answer = ("401, or keys that the store does not know", Unauthenticated);
const RIGHTS: Answer = ("403, a folder that cannot be written, a full disk", NotReady);
const GONE: Answer = ("the bucket, the folder or the table is gone", NotReady);
const LOG: Answer = ("the table's log cannot be read", NotReady);
#[cfg(test)]
const COLUMN: Answer = ("every record of a batch has a field that the table has no column for", NotReady);
const AWAY: Answer = ("the store is unreachable, slow, or answers 5xx or 429", Busy);
const OTHERS: Answer = ("another writer was faster, also with metadata or protocol: the table is read again", Busy);
const DATA: Answer = ("the library refuses the data", Refused);
const FEATURES: Answer = ("the table has features that the library cannot write", Misconfigured);
const SCHEMA: Answer = ("the table's columns are not those of the mapping", Misconfigured);
const OPTIONS: Answer = ("an unknown option, an invalid location, a store without conditional writes", Misconfigured);

/// All answers, for the README.
#[cfg(test)]
pub(crate) const ANSWERS: [Answer; 11] =
    [KEYS, RIGHTS, GONE, LOG, COLUMN, AWAY, OTHERS, DATA, FEATURES, SCHEMA, OPTIONS];

pub(crate) fn gone(message: impl Into<String>) -> Failure {
    Failure::new(GONE.1, message)
}

pub(crate) fn away(message: impl Into<String>) -> Failure {
    Failure::new(AWAY.1, message)
}

pub(crate) fn io(error: &io::Error, what: &str) -> Failure {
    Failure::new(of_store(StoreFailure::of_io(error)).1, format!("{what}: {error}"))
}

pub(crate) fn store(error: &Error, what: &str) -> Failure {
    Failure::new(of_store(StoreFailure::of(error)).1, format!("{what}: {}", explained(&chain(error))))
}

pub(crate) fn features(message: impl Into<String>) -> Failure {
    Failure::new(FEATURES.1, message)
}

pub(crate) fn options(message: impl Into<String>) -> Failure {
    Failure::new(OPTIONS.1, message)
}

pub(crate) fn schema(message: impl Into<String>) -> Failure {
    Failure::new(SCHEMA.1, message)
}

/// Classifies errors of the library.
pub(crate) trait Classify<T> {
    /// Classifies an error of the library.
    fn classify(self, what: &str) -> Result<T, Failure>;

    /// Classifies an error from the encoding of rows, which their values may have caused.
    fn classify_rows(self, what: &str) -> Result<T, Failure>;
}

impl<T, E: Into<DeltaTableError>> Classify<T> for Result<T, E> {
    fn classify(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| failure(&error.into(), what))
    }

    fn classify_rows(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| match error.into() {
            error @ (DeltaTableError::Arrow { .. } | DeltaTableError::Parquet { .. }) if answer(&error) == LOG => {
                Failure::new(DATA.1, format!("{what}: {}", DATA.0))
            }
            error => failure(&error, what),
        })
    }
}

/// The failure of an operation that an error of the library has ended.
pub(crate) fn failure(error: &DeltaTableError, what: &str) -> Failure {
    let answer = answer(error);
    // The error may contain data that is read or written: a line of the log, a value of a partition.
    let message = match answer {
        LOG | DATA => format!("{what}: {}", answer.0),
        FEATURES => format!("{what}: {}; drop the feature from the table, or name another table", chain(error)),
        _ => format!("{what}: {}", explained(&without_partitions(&chain(error)))),
    };
    Failure::new(answer.1, message)
}

/// The failure of reading a table's log. A damaged one is waited for, unless records choose the table: it would hold up the others.
pub(crate) fn of_log(error: &DeltaTableError, what: &str, by_content: bool) -> Failure {
    let mut failure = failure(error, what);
    if by_content && [LOG, GONE].contains(&answer(error)) {
        failure.class = Misconfigured;
    }
    failure
}

/// The answer of an error of the library. Every variant is listed, so that a new one has to be classified.
fn answer(error: &DeltaTableError) -> Answer {
    use DeltaTableError as Delta;
    match error {
        Delta::ObjectStore { source } => of_store(StoreFailure::of(source)),
        Delta::Transaction { source } => of_commit(source),
        Delta::KernelError(source) => of_kernel(&source.to_string()).or_else(|| of_source(error)).unwrap_or(LOG),
        Delta::Io { .. } | Delta::Generic(_) | Delta::GenericError { .. } => of_source(error).unwrap_or(AWAY),
        Delta::VersionAlreadyExists(_)
        | Delta::VersionMismatch(..)
        | Delta::VersionDowngrade { .. }
        | Delta::InvalidVersion(_) => OTHERS,
        Delta::NotATable(_) | Delta::NotInitialized | Delta::NotInitializedWithFiles(_) | Delta::NoSchema => GONE,
        Delta::SchemaMismatch { .. } | Delta::MetadataError(_) => SCHEMA,
        Delta::UnsupportedColumnMapping { .. } => FEATURES,
        Delta::MissingFeature { .. }
        | Delta::InvalidTableLocation(_)
        | Delta::CommitValidation { .. }
        | Delta::ChangeDataNotRecorded { .. }
        | Delta::ChangeDataNotEnabled { .. }
        | Delta::ChangeDataInvalidVersionRange { .. }
        | Delta::ChangeDataTimestampGreaterThanCommit { .. }
        | Delta::NoStartingVersionOrTimestamp => OPTIONS,
        Delta::InvalidData { .. } | Delta::SerializeLogJson { .. } => DATA,
        Delta::Arrow { .. }
        | Delta::Parquet { .. }
        | Delta::Kernel { .. }
        | Delta::InvalidJsonLog { .. }
        | Delta::InvalidStatsJson { .. }
        | Delta::InvalidDateTimeString { .. }
        | Delta::PartitionError { .. }
        | Delta::InvalidPartitionFilter { .. } => of_source(error).unwrap_or(LOG),
    }
}

fn of_store(failure: StoreFailure) -> Answer {
    match failure {
        StoreFailure::Credentials => KEYS,
        StoreFailure::Rights => RIGHTS,
        StoreFailure::Missing => GONE,
        StoreFailure::Changed => OTHERS,
        StoreFailure::Options => OPTIONS,
        StoreFailure::Name => DATA,
        StoreFailure::Unavailable => AWAY,
    }
}

/// The answer of the store's or the system's error among the sources.
fn of_source(error: &DeltaTableError) -> Option<Answer> {
    StoreFailure::of_source(error).map(of_store)
}

fn of_commit(error: &Commit) -> Answer {
    let of_source = |error: &Commit| StoreFailure::of_source(error).map(of_store);
    match error {
        Commit::VersionAlreadyExists(_) | Commit::MaxCommitAttempts(_) => OTHERS,
        Commit::SerializeLogJson { .. } => DATA,
        Commit::ObjectStore { source } => of_store(StoreFailure::of(source)),
        Commit::UnsupportedTableFeatures(_) | Commit::TableFeaturesRequired(_) | Commit::DeltaTableAppendOnly => {
            FEATURES
        }
        Commit::LogStoreError { .. } => of_source(error).unwrap_or(AWAY),
        Commit::CommitConflict(conflict) => match conflict {
            Conflict::UnsupportedWriterVersion(_) | Conflict::UnsupportedReaderVersion(_) => FEATURES,
            Conflict::CorruptedState { .. } | Conflict::Predicate { .. } => of_source(error).unwrap_or(LOG),
            Conflict::NoMetadata => LOG,
            Conflict::ConcurrentAppend
            | Conflict::ConcurrentDeleteRead
            | Conflict::ConcurrentDeleteDelete
            | Conflict::MetadataChanged
            | Conflict::ConcurrentTransaction
            | Conflict::ProtocolChanged(_) => OTHERS,
        },
    }
}

/// The kernel's errors by the beginnings of their messages: their type is not public.
const KERNEL: [(&str, Answer); 8] = [
    ("Unsupported: ", FEATURES),
    ("Invalid protocol action", FEATURES),
    ("Invalid column mapping mode", FEATURES),
    ("File not found", GONE),
    ("No such file", GONE),
    ("Permission denied", RIGHTS),
    ("Error interacting with object store", AWAY),
    ("Reqwest Error", AWAY),
];

fn of_kernel(text: &str) -> Option<Answer> {
    match KERNEL.iter().find(|(begin, _)| text.starts_with(begin)).map(|(_, answer)| *answer) {
        Some(AWAY) if StoreFailure::names_wrong_keys(text) => Some(KEYS),
        Some(AWAY) if text.contains("lacked the necessary privileges") => Some(RIGHTS),
        answer => answer,
    }
}

/// Removes values of partition columns from file paths, where they may have spaces: `country=…/part-00000.parquet`.
fn without_partitions(text: &str) -> String {
    let parts: Vec<_> = text.split('/').collect();
    let within = 1..parts.len().saturating_sub(1);
    let shown =
        parts.iter().enumerate().map(|(number, part)| match part.split_once('=').or_else(|| part.split_once("%3D")) {
            Some((column, _)) if within.contains(&number) && !column.contains(['?', '<', '&']) => format!("{column}=…"),
            _ => (*part).to_owned(),
        });
    shown.collect::<Vec<_>>().join("/")
}
