//! Failures of the store and their classes: one table for code and README.

use std::io;

use TargetFailure::{Busy, Misconfigured, NotReady, Refused, Unauthenticated};
use danube_sink::prelude::*;
use danube_sink_arrow::store::{StoreFailure, chain, explained};
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
const NAME: Answer = ("such a name, where records fill in none", Misconfigured);
const NAME_OF_RECORD: Answer =
    ("a name that the file system or the store cannot have, where records fill in a part of `path`", Refused);

/// All answers, for the README.
#[cfg(test)]
pub(crate) const ANSWERS: [Answer; 10] =
    [KEYS, RIGHTS, GONE, JOURNAL, AWAY, OTHERS, DATA, NAME_OF_RECORD, OPTIONS, NAME];

pub(crate) fn store(error: &Store, what: &str) -> Failure {
    Failure::new(answer(StoreFailure::of(error)).1, format!("{what}: {}", explained(&chain(error))))
}

pub(crate) fn gone(message: impl Into<String>) -> Failure {
    Failure::new(GONE.1, message)
}

pub(crate) fn io(error: &io::Error, what: &str) -> Failure {
    Failure::new(answer(StoreFailure::of_io(error)).1, format!("{what}: {error}"))
}

/// A failure of encoding. The library's text may have values, so it is not shown.
pub(crate) fn data(what: &str) -> Failure {
    Failure::new(DATA.1, format!("{what}: {}", DATA.0))
}

pub(crate) fn options(message: impl Into<String>) -> Failure {
    Failure::new(OPTIONS.1, message)
}

/// The failure where records fill in a part of each name.
pub(crate) fn with_names_of_records(mut failure: Failure) -> Failure {
    if failure.class == NAME.1 {
        failure.class = NAME_OF_RECORD.1;
    }
    failure
}

pub(crate) fn changed(what: &str) -> Failure {
    Failure::new(OTHERS.1, format!("{what}: {}", OTHERS.0))
}

pub(crate) fn journal(message: impl Into<String>) -> Failure {
    Failure::new(JOURNAL.1, message)
}

pub(crate) fn away(message: impl Into<String>) -> Failure {
    Failure::new(AWAY.1, message)
}

fn answer(failure: StoreFailure) -> Answer {
    match failure {
        StoreFailure::Credentials => KEYS,
        StoreFailure::Rights => RIGHTS,
        StoreFailure::Missing => GONE,
        StoreFailure::Changed => OTHERS,
        StoreFailure::Options => OPTIONS,
        StoreFailure::Name => NAME,
        StoreFailure::Unavailable => AWAY,
    }
}
