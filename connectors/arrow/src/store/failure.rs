//! What failures of object stores and folders mean.

use std::{error::Error, io, iter::successors};

/// What a failure of an object store or a folder means. A connector has a verdict for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFailure {
    /// The store refuses the credentials: status 401, or keys that it does not know.
    Credentials,
    /// A right is missing, the store is read-only, or the disk is full.
    Rights,
    /// The bucket, the container, the folder or the object does not exist.
    Missing,
    /// Another writer has changed the object.
    Changed,
    /// An option, a path or an operation that the store can never have.
    Options,
    /// A name that the file system or the store cannot have.
    Name,
    /// The store is unreachable, slow or overloaded; and whatever is not listed here.
    Unavailable,
}

/// The codes by which answers with status 400 or 403 say of invalid or expired keys.
const WRONG_KEYS: [&str; 6] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "AuthenticationFailed",
];

/// How answers in XML and in JSON begin and end a code. Elsewhere, in paths and names of objects, such a word may be a value of a
/// record.
const CODES: [(&str, &str); 3] = [("<Code>", "</Code>"), ("\"code\":\"", "\""), ("\"code\": \"", "\"")];

/// How Azure's emulator says it, whose code is that of a missing right.
const UNAUTHENTICATED: &str = "<Message>Server failed to authenticate the request";

/// The answers that errors have in their text alone: those of listings, and to a key that is too long.
const ANSWERS: [(&str, StoreFailure); 4] = [
    ("<Code>KeyTooLongError</Code>", StoreFailure::Name),
    ("status code: 401 ", StoreFailure::Credentials),
    ("status code: 403 ", StoreFailure::Rights),
    ("status code: 404 ", StoreFailure::Missing),
];

impl StoreFailure {
    /// What an error of an object store means.
    pub fn of(error: &object_store::Error) -> Self {
        use object_store::Error as Store;
        match error {
            Store::Unauthenticated { .. } => Self::Credentials,
            _ if Self::names_wrong_keys(&chain(error)) => Self::Credentials,
            Store::PermissionDenied { .. } => Self::Rights,
            Store::NotFound { .. } => Self::Missing,
            Store::AlreadyExists { .. } | Store::Precondition { .. } | Store::NotModified { .. } => Self::Changed,
            Store::InvalidPath { .. }
            | Store::NotSupported { .. }
            | Store::NotImplemented { .. }
            | Store::UnknownConfigurationKey { .. } => Self::Options,
            _ => {
                let of_system = || sources(error).find_map(|error| error.downcast_ref()).map(Self::of_io);
                Self::of_answer(&chain(error)).or_else(of_system).unwrap_or(Self::Unavailable)
            }
        }
    }

    /// What the status or the code in an error's text means.
    fn of_answer(text: &str) -> Option<Self> {
        ANSWERS.iter().find(|(answer, _)| text.contains(answer)).map(|(_, meaning)| *meaning)
    }

    /// What an error of the operating system means.
    pub fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::StorageFull
            | Kind::QuotaExceeded
            | Kind::FileTooLarge => Self::Rights,
            Kind::NotFound | Kind::NotADirectory | Kind::IsADirectory => Self::Missing,
            Kind::InvalidFilename => Self::Name,
            _ => Self::Unavailable,
        }
    }

    /// What the store's or the operating system's error among the sources means; `None` without one.
    pub fn of_source(error: &(dyn Error + 'static)) -> Option<Self> {
        let of_store = sources(error).find_map(|error| error.downcast_ref()).map(Self::of);
        of_store.or_else(|| sources(error).find_map(|error| error.downcast_ref()).map(Self::of_io))
    }

    /// Whether a text of a store names a code for invalid or expired keys.
    pub fn names_wrong_keys(text: &str) -> bool {
        let begins_with_one = |rest: &str, end: &str| {
            WRONG_KEYS.iter().any(|code| rest.strip_prefix(code).is_some_and(|rest| rest.starts_with(end)))
        };
        let of = |(begin, end): &(&str, &str)| text.split(begin).skip(1).any(|rest| begins_with_one(rest, end));
        CODES.iter().any(of) || text.contains(UNAUTHENTICATED)
    }
}

/// The error's message, and those of its sources that it does not repeat itself.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    sources(error)
        .map(ToString::to_string)
        .fold(error.to_string(), |line, text| if line.contains(&text) { line } else { format!("{line}: {text}") })
}

fn sources<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    successors(error.source(), |error| (**error).source())
}

/// Services of clouds that give credentials to their machines: part of the URL, the store, and the variables that are used instead.
const OF_MACHINES: [(&str, &str, &str); 3] = [
    ("169.254.169.254/latest/", "S3", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ("169.254.169.254/metadata/identity", "Azure", "AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN"),
    ("/computeMetadata/", "Google Cloud Storage", "GOOGLE_SERVICE_ACCOUNT_KEY or GOOGLE_APPLICATION_CREDENTIALS"),
];

/// A [`chain`] of messages [without paths](without_paths). It begins with what to do, if a store asked its cloud for credentials, since
/// none are set, and the machine has none; if the store refuses the credentials, or a right is missing.
pub fn explained(text: &str) -> String {
    let shown = without_paths(text);
    if let Some((_, store, variables)) = OF_MACHINES.iter().find(|(url, ..)| text.contains(url)) {
        return format!("no credentials for {store} were found, neither in {variables} nor from this machine: {shown}");
    }
    let wrong_keys = StoreFailure::names_wrong_keys(text).then_some(StoreFailure::Credentials);
    match wrong_keys.or_else(|| StoreFailure::of_answer(text)) {
        Some(StoreFailure::Credentials) => {
            format!(
                "the store refuses the credentials: correct their variables or the machine's role, and restart: {shown}"
            )
        }
        Some(StoreFailure::Rights) => format!("a right is missing: grant it to these credentials: {shown}"),
        _ => shown,
    }
}

/// Removes paths from a message, which may have values of records in names of folders. Of a URL the server is left, without a user,
/// of a path the last part.
pub fn without_paths(text: &str) -> String {
    let is_end = |letter: char| letter.is_whitespace() || "<>\"',()".contains(letter);
    let shown = |token: &str| {
        let (word, end) = token
            .split_at(token.len() - token.chars().next_back().filter(|last| is_end(*last)).map_or(0, char::len_utf8));
        match (word.split_once("://"), word.rsplit_once('/')) {
            (Some((scheme, rest)), _) => {
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let server = authority.rsplit('@').next().unwrap_or_default();
                format!("{scheme}://{server}/…{end}")
            }
            (None, Some((folder, name))) if !folder.is_empty() => format!("…/{name}{end}"),
            _ => token.to_owned(),
        }
    };
    text.split_inclusive(is_end).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use object_store::Error as Store;

    use super::*;

    #[test]
    fn folders_are_in_no_message() {
        let text = "Error performing PUT http://127.0.0.1:9000/lake/kind=s3cret/a+1-2.csv in 2s: Server returned: \
                    <Error><Code>NoSuchBucket</Code><Resource>/lake/kind=s3cret/a</Resource></Error> for path kind=s3cret/a, \"x/s3cret/b\"";
        assert_eq!(
            without_paths(text),
            "Error performing PUT http://127.0.0.1:9000/… in 2s: Server returned: \
             <Error><Code>NoSuchBucket</Code><Resource>…/a</Resource></Error> for path …/a, \"…/b\""
        );
    }

    #[test]
    fn credentials_of_an_endpoint_are_in_no_message() {
        for url in ["http://user:s3cret@minio:9000/lake", "http://minio:9000?s3cret", "http://s3cret@minio:9000#s3cret"]
        {
            assert_eq!(without_paths(&format!("PUT {url} in 1s")), "PUT http://minio:9000/… in 1s");
        }
    }

    #[test]
    fn missing_credentials_are_called_so() {
        for (url, variable) in [
            ("169.254.169.254/latest/api/token in 10s", "AWS_SECRET_ACCESS_KEY"),
            ("169.254.169.254/metadata/identity/oauth2/token", "AZURE_STORAGE_ACCOUNT_KEY"),
            ("metadata.google.internal/computeMetadata/v1/x", "GOOGLE_SERVICE_ACCOUNT_KEY"),
        ] {
            let text = explained(&format!("Generic S3 error: Error performing PUT http://{url}"));
            assert!(text.starts_with("no credentials for ") && text.contains(variable), "{text}");
        }
        assert_eq!(explained("Error performing PUT http://minio/latest/"), "Error performing PUT http://minio/…");
    }

    #[test]
    fn what_the_store_refuses_has_what_to_do() {
        let answered = |answer: &str| explained(&format!("Server returned non-2xx status code: {answer}"));
        for answer in ["401 Unauthorized: ", "403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code></Error>"] {
            let text = answered(answer);
            assert!(text.starts_with("the store refuses the credentials: correct ") && text.contains(answer), "{text}");
        }
        let text = answered("403 Forbidden: <Error><Code>AccessDenied</Code></Error>");
        assert!(text.starts_with("a right is missing: grant ") && text.contains("AccessDenied"), "{text}");
        let text = answered("404 Not Found: ");
        assert!(text.starts_with("Server returned"), "{text}");
    }

    #[test]
    fn errors_have_their_meanings() {
        use StoreFailure::{Changed, Credentials, Missing, Name, Options, Rights, Unavailable};
        let source = || "InternalError".into();
        let path = String::new;
        let of_disk = |kind| Store::Generic { store: "LocalFileSystem", source: Box::new(io::Error::from(kind)) };
        for (error, meaning) in [
            (Store::Unauthenticated { path: path(), source: source() }, Credentials),
            (Store::Generic { store: "S3", source: "400: <Error><Code>ExpiredToken</Code>".into() }, Credentials),
            (
                Store::PermissionDenied { path: path(), source: "<Code>SignatureDoesNotMatch</Code>".into() },
                Credentials,
            ),
            (Store::Generic { store: "GCS", source: r#"{"error":{"code": "InvalidToken"}}"#.into() }, Credentials),
            (
                Store::Generic {
                    store: "Azure",
                    source: "403: <Code>AuthorizationFailure</Code><Message>Server failed to authenticate the request."
                        .into(),
                },
                Credentials,
            ),
            // A value of a record may be such a word.
            (
                Store::Generic {
                    store: "S3",
                    source:
                        "PUT http://minio/lake/ExpiredToken/a in 2s - 503: <Code>SlowDown</Code><Key>InvalidToken</Key>"
                            .into(),
                },
                Unavailable,
            ),
            (
                Store::NotFound { path: "AuthenticationFailed/a".to_owned(), source: "<Code>NoSuchKey</Code>".into() },
                Missing,
            ),
            (Store::PermissionDenied { path: path(), source: "AccessDenied".into() }, Rights),
            (Store::NotFound { path: path(), source: "NoSuchBucket".into() }, Missing),
            (Store::Precondition { path: path(), source: source() }, Changed),
            (Store::AlreadyExists { path: path(), source: source() }, Changed),
            (Store::UnknownConfigurationKey { store: "S3", key: "a".into() }, Options),
            (Store::Generic { store: "S3", source: source() }, Unavailable),
            (
                Store::Generic { store: "Azure", source: "status code: 403 Forbidden: AuthorizationFailure".into() },
                Rights,
            ),
            (
                Store::Generic { store: "Azure", source: "status code: 404 Not Found: ContainerNotFound".into() },
                Missing,
            ),
            (of_disk(io::ErrorKind::StorageFull), Rights),
            (of_disk(io::ErrorKind::InvalidFilename), Name),
            (Store::Generic { store: "S3", source: "400: <Error><Code>KeyTooLongError</Code>".into() }, Name),
        ] {
            assert_eq!(StoreFailure::of(&error), meaning, "{error}");
        }
        for (kind, meaning) in [
            (io::ErrorKind::PermissionDenied, Rights),
            (io::ErrorKind::NotFound, Missing),
            (io::ErrorKind::TimedOut, Unavailable),
        ] {
            assert_eq!(StoreFailure::of_io(&kind.into()), meaning, "{kind}");
        }
        let nested = io::Error::other(of_disk(io::ErrorKind::StorageFull));
        assert_eq!(StoreFailure::of_source(&nested), Some(Rights));
        assert_eq!(StoreFailure::of_source(&Store::UnknownConfigurationKey { store: "S3", key: "a".into() }), None);
    }
}
