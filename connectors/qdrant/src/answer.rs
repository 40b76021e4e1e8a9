//! Qdrant's answers: what each means for the records.

use danube_sink::{Failure, TargetFailure};
use danube_sink_http::{Answer, FilledIn, usual};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use TargetFailure::{NotReady, Refused, TooLarge};

/// How the message begins when the server has as many collections as it may have. The name of the collection follows.
const LIMIT_OF_COLLECTIONS: &str = "Can't create collection with name ";

/// Answers whose status alone does not say what they mean: the status, how Qdrant's message begins, and the message here. Nothing of a
/// record precedes these texts.
pub(crate) const MESSAGES: [(u16, &str, TargetFailure, &str); 12] = [
    (400, "Limit exceeded ", TooLarge, "the collection's strict mode allows fewer points in a request"),
    (
        429,
        "Write rate limit exceeded, request larger",
        TooLarge,
        "the collection's strict mode allows fewer points in a minute",
    ),
    (400, "Max points count limit", NotReady, "the collection's strict mode allows no more points"),
    (400, "Max vector storage size limit", NotReady, "the collection's strict mode allows no more vectors"),
    (400, "Max payload storage size limit", NotReady, "the collection's strict mode allows no more payloads"),
    (400, "Resident memory usage is at", NotReady, "the collection's strict mode allows no more memory"),
    // An alias of the name would have been found before.
    (400, LIMIT_OF_COLLECTIONS, NotReady, "the server has as many collections as its `max_collections` allows"),
    (400, "JSON payload", Refused, "the request is larger than the server's `max_request_size_mb`"),
    (400, "Vector dimension error", Refused, "a vector has another number of dimensions than the collection's"),
    (400, "Not existing vector name error", Refused, "the collection has no vector of this name"),
    (400, "Wrong usage of sparse vectors", Refused, "a vector is sparse where the collection's is not, or the reverse"),
    (507, "", NotReady, "the server's disk or memory is at its quota"),
];

/// Answers about one collection, with which the server takes points for others: the status, and how the message begins.
const OF_COLLECTION: [(u16, &str); 5] = [
    (400, "Max points count limit"),
    (400, "Max vector storage size limit"),
    (400, "Max payload storage size limit"),
    (400, LIMIT_OF_COLLECTIONS),
    (403, "Forbidden: "),
];

/// Text that Qdrant puts before a message.
const PREFIXES: [&str; 4] = ["Wrong input: ", "Bad request: ", "Rate limiting exceeded: ", "Insufficient storage: "];

/// An answer of Qdrant.
#[derive(Deserialize)]
struct Envelope {
    status: Value,
    result: Option<Value>,
}

/// The result of a request, checked for an error. With `hides`, the request or the message may have values of records, which the
/// error leaves out.
pub(crate) fn judged<T: DeserializeOwned>(
    what: &str,
    answer: &Answer,
    filled_in: FilledIn,
    hides: bool,
) -> Result<T, Failure> {
    let envelope = answer.json();
    let message =
        envelope.as_ref().and_then(|Envelope { status, .. }| status.get("error")?.as_str()).unwrap_or_default();
    let status = answer.status.as_u16();
    let is = |of: u16, begin: &str| of == status && without_prefix(message).starts_with(begin);
    let known = MESSAGES.iter().find(|(of, begin, ..)| is(*of, begin));
    let meaning = match known {
        // The record names the collection.
        _ if filled_in.path && OF_COLLECTION.iter().any(|(of, begin)| is(*of, begin)) => Err(Refused),
        Some((_, _, class, _)) => Err(*class),
        None => usual(answer.status, filled_in),
    };
    let excerpt = match known {
        Some((.., text)) => (*text).to_owned(),
        // To search a request for the words of its answer takes much longer than to send it.
        None if meaning.is_ok() => String::new(),
        None if hides => answer.words(),
        None if message.is_empty() => answer.excerpt(),
        None => answer.masked(message),
    };
    answer.judged_as(meaning, what, &excerpt)?;
    let result = envelope.filter(|envelope| envelope.status == "ok").and_then(|envelope| envelope.result);
    let reason = match answer.is_whole {
        true => "the answer is not from Qdrant; correct `url`",
        false => "the answer is too long for one of Qdrant",
    };
    let foreign = || Failure::new(NotReady, format!("{what}: {reason}"));
    serde_json::from_value(result.ok_or_else(foreign)?).map_err(|_| foreign())
}

fn without_prefix(mut message: &str) -> &str {
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| message.strip_prefix(prefix)) {
        message = rest;
    }
    message
}
