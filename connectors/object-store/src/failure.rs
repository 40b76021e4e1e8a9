//! Failures of the store and their classes: one table for code and README.

use std::io;

use TargetFailure::{Busy, Misconfigured, NotReady, Refused, Unauthenticated};
use danube_sink::prelude::*;
use danube_sink_arrow::store::{StoreFailure, chain, without_paths};
use object_store::Error as Store;

/// A description of a failure, and its class.
type Answer = (&'static str, TargetFailure);

const KEYS: Answer = ("401, or keys that the store does not know", Unauthenticated);
const RIGHTS: Answer = ("403, a folder that cannot be written, a full disk", NotReady);
const GONE: Answer = ("the bucket, the container or the folder is gone", NotReady);
const JOURNAL: Answer = ("the journal of a partition cannot be read", NotReady);
const AWAY: Answer = ("the store is unreachable, slow, or answers 5xx or 429", Busy);
const OTHERS: Answer = ("another process has changed the journal: it is read again", Busy);
const DATA: Answer = ("the format's library refuses the data", Refused);
const OPTIONS: Answer = ("an unknown option, an invalid `url`", Misconfigured);

/// All answers, for the README.
#[cfg(test)]
pub(crate) const ANSWERS: [Answer; 8] = [KEYS, RIGHTS, GONE, JOURNAL, AWAY, OTHERS, DATA, OPTIONS];

/// A failure of the store; its error differs at start and while running.
#[derive(Debug)]
pub(crate) struct Failure {
    class: TargetFailure,
    message: String,
}

impl Failure {
    fn new((_, class): Answer, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }

    pub(crate) fn of_store(error: &Store, what: &str) -> Self {
        Self::new(answer(StoreFailure::of(error)), format!("{what}: {}", without_paths(&chain(error))))
    }

    pub(crate) fn of_io(error: &io::Error, what: &str) -> Self {
        Self::new(answer(StoreFailure::of_io(error)), format!("{what}: {error}"))
    }

    /// A failure of encoding. The library's text may have values, so it is not shown.
    pub(crate) fn data(what: &str) -> Self {
        Self::new(DATA, format!("{what}: {}", DATA.0))
    }

    pub(crate) fn options(message: impl Into<String>) -> Self {
        Self::new(OPTIONS, message)
    }

    pub(crate) fn journal(message: impl Into<String>) -> Self {
        Self::new(JOURNAL, message)
    }

    pub(crate) fn away(message: impl Into<String>) -> Self {
        Self::new(AWAY, message)
    }

    pub(crate) fn at_start(self) -> ConnectorError {
        self.class.at_start(self.message)
    }
}

impl From<Failure> for ConnectorError {
    fn from(failure: Failure) -> Self {
        failure.class.error(failure.message)
    }
}

fn answer(failure: StoreFailure) -> Answer {
    match failure {
        StoreFailure::Credentials => KEYS,
        StoreFailure::Rights => RIGHTS,
        StoreFailure::Missing => GONE,
        StoreFailure::Changed => OTHERS,
        StoreFailure::Options => OPTIONS,
        StoreFailure::Name | StoreFailure::Unavailable => AWAY,
    }
}
