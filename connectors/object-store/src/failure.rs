//! Failures of the store and their classes: one table for code and README.

use std::{error::Error, io, iter::successors};

use TargetFailure::{Busy, Misconfigured, NotReady, Refused, Unauthenticated};
use danube_sink::prelude::*;
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

/// Error codes of invalid or expired keys, which have status 400 or 403.
const WRONG_KEYS: [&str; 6] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "AuthenticationFailed",
];

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
        Self::new(of_store(error), format!("{what}: {}", without_paths(&report(error))))
    }

    pub(crate) fn of_io(error: &io::Error, what: &str) -> Self {
        Self::new(of_io(error), format!("{what}: {error}"))
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

fn of_store(error: &Store) -> Answer {
    match error {
        Store::Unauthenticated { .. } => KEYS,
        _ if WRONG_KEYS.iter().any(|word| report(error).contains(word)) => KEYS,
        Store::PermissionDenied { .. } => RIGHTS,
        Store::NotFound { .. } => GONE,
        Store::AlreadyExists { .. } | Store::Precondition { .. } | Store::NotModified { .. } => OTHERS,
        Store::InvalidPath { .. }
        | Store::NotSupported { .. }
        | Store::NotImplemented { .. }
        | Store::UnknownConfigurationKey { .. } => OPTIONS,
        _ => AWAY,
    }
}

fn of_io(error: &io::Error) -> Answer {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::PermissionDenied
        | Kind::ReadOnlyFilesystem
        | Kind::StorageFull
        | Kind::QuotaExceeded
        | Kind::FileTooLarge => RIGHTS,
        Kind::NotFound | Kind::NotADirectory | Kind::IsADirectory => GONE,
        _ => AWAY,
    }
}

/// The error with the messages of its sources that it does not repeat itself.
fn report(error: &Store) -> String {
    let mut line = error.to_string();
    for text in successors(error.source(), |error| (**error).source()).map(ToString::to_string) {
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

/// Removes paths, which may have values of records in names of folders. Of a URL the server stays, of a path the last part.
fn without_paths(text: &str) -> String {
    let is_end = |letter: char| letter.is_whitespace() || "<>\"',()".contains(letter);
    let shown = |token: &str| {
        let (word, end) = token
            .split_at(token.len() - token.chars().next_back().filter(|last| is_end(*last)).map_or(0, char::len_utf8));
        match (word.split_once("://"), word.rsplit_once('/')) {
            (Some((scheme, rest)), _) => format!("{scheme}://{}/…{end}", rest.split('/').next().unwrap_or_default()),
            (None, Some((folder, name))) if !folder.is_empty() => format!("…/{name}{end}"),
            _ => token.to_owned(),
        }
    };
    text.split_inclusive(is_end).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_in_no_error() {
        let text = "Error performing PUT http://127.0.0.1:9000/lake/kind=s3cret/a+1-2.csv in 2s: Server returned: \
                    <Error><Code>NoSuchBucket</Code><Resource>/lake/kind=s3cret/a</Resource></Error> for path kind=s3cret/a, \"x/s3cret/b\"";
        assert_eq!(
            without_paths(text),
            "Error performing PUT http://127.0.0.1:9000/… in 2s: Server returned: \
             <Error><Code>NoSuchBucket</Code><Resource>…/a</Resource></Error> for path …/a, \"…/b\""
        );
    }

    #[test]
    fn errors_have_their_classes() {
        let source = || "InternalError".into();
        let path = String::new;
        for (error, answer) in [
            (Store::Unauthenticated { path: path(), source: source() }, KEYS),
            (Store::Generic { store: "S3", source: "Code: ExpiredToken".into() }, KEYS),
            (Store::PermissionDenied { path: path(), source: "SignatureDoesNotMatch".into() }, KEYS),
            (Store::PermissionDenied { path: path(), source: "AccessDenied".into() }, RIGHTS),
            (Store::NotFound { path: path(), source: "NoSuchBucket".into() }, GONE),
            (Store::Precondition { path: path(), source: source() }, OTHERS),
            (Store::AlreadyExists { path: path(), source: source() }, OTHERS),
            (Store::UnknownConfigurationKey { store: "S3", key: "a".into() }, OPTIONS),
            (Store::Generic { store: "S3", source: source() }, AWAY),
        ] {
            assert_eq!(of_store(&error), answer, "{error}");
        }
        for (kind, answer) in [
            (io::ErrorKind::StorageFull, RIGHTS),
            (io::ErrorKind::PermissionDenied, RIGHTS),
            (io::ErrorKind::NotFound, GONE),
            (io::ErrorKind::TimedOut, AWAY),
        ] {
            assert_eq!(of_io(&kind.into()), answer, "{kind}");
        }
    }
}
