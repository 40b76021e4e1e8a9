//! The generated parts of the README match the code, and its examples load.

use danube_sink::TargetFailure;

use super::{super::answer::MESSAGES, Qdrant};

/// Failures without a status of their own.
const OTHERS: [(&str, TargetFailure); 5] = [
    ("an answer that is not from Qdrant", TargetFailure::NotReady),
    ("points that were not applied within the server's timeout", TargetFailure::Busy),
    ("vectors that differ from the collection's, found before anything is sent", TargetFailure::Refused),
    (
        "where the record names the collection: one more than `max_collections`, a 403 for it, points, vectors or payloads beyond the limits of its strict mode, a refusal of what `create` and `payload_indexes` say",
        TargetFailure::Refused,
    ),
    ("any refusal of what `create` and `payload_indexes` say", TargetFailure::Misconfigured),
];

danube_sink_tests::readme_tests!(Qdrant, verdicts(), &[]);

fn verdicts() -> impl Iterator<Item = (String, TargetFailure)> {
    let messages = MESSAGES.iter().map(|(status, _, class, text)| (format!("{status}: {text}"), *class));
    let others = OTHERS.iter().map(|(answer, class)| ((*answer).to_owned(), *class));
    messages.chain(danube_sink_http::verdicts()).chain(others)
}
