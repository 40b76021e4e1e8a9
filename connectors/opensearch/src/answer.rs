//! The answers of a cluster: the class of each status and type of error.

use danube_sink::{
    TargetFailure::{self, Busy, NotReady, Refused, TooLarge, Unauthenticated},
    prelude::*,
};
use danube_sink_http::{Answer, FilledIn, usual};
use serde::Deserialize;

use super::index::Index;

/// The parts of an answer that are read. An error's `reason` is not among them: it quotes values.
pub(crate) const PARTS: &str = "errors,status,error.type,error.caused_by.type,items.*.status,items.*.error.type,\
                                items.*.error.caused_by.type,items.*.error.caused_by.caused_by.type,\
                                items.*.error.caused_by.caused_by.caused_by.type,items.*.failure_store";
/// The most bytes of an answer for each item, with these parts.
pub(crate) const BYTES_OF_ITEM: usize = 512;

/// The type of the error for a document that the index has already, in this or a newer version.
const CONFLICT: &str = "version_conflict_engine_exception";

/// The class of types of errors, whatever their status, and what to do.
const TYPES: [(&str, TargetFailure, &str); 15] = [
    (
        "index_not_found_exception",
        NotReady,
        "create the index, or let the cluster create it (action.auto_create_index)",
    ),
    ("index_closed_exception", NotReady, "open the index"),
    ("cluster_block_exception", NotReady, "free disk space, or remove the block of the index or cluster"),
    ("index_create_block_exception", NotReady, "free disk space, or remove the block of the cluster"),
    ("security_exception", NotReady, "grant the user the privilege to write to the index"),
    (
        "validation_exception",
        NotReady,
        "the cluster may have no more shards: delete indexes, or raise cluster.max_shards_per_node",
    ),
    ("resource_already_exists_exception", Busy, ""),
    ("circuit_breaking_exception", Busy, ""),
    ("mapper_parsing_exception", Refused, ""),
    ("document_parsing_exception", Refused, ""),
    ("strict_dynamic_mapping_exception", Refused, ""),
    // Pipelines answer these with status 500.
    ("fail_processor_exception", Refused, ""),
    ("find_match", Refused, ""),
    ("not_x_content_exception", Refused, ""),
    ("script_exception", Refused, ""),
];

/// The innermost type of an error for a value that the format of a field for times does not take.
const NO_TIME: &str = "date_time_parse_exception";
/// What is added to it where the mapping has no unit.
const UNIT_IS_NEEDED: &str = "; in a field of `index_template`, a number needs `time_unit`";

/// Types of errors about the name of an index, with their status, which are of the record where that fills in the name.
const OF_NAMES: [(u16, &str); 3] =
    [(404, "index_not_found_exception"), (403, "security_exception"), (400, "validation_exception")];

/// Types of errors with status 400 for a document that the index does not take, and for any document where the index takes none, with
/// what to do then.
const DOUBTFUL: [(&str, &str); 2] = [
    (
        "illegal_argument_exception",
        "the index may be an alias without a write index, or a data stream, which needs `data_stream = true`",
    ),
    ("routing_missing_exception", "set `routing`, which the index requires"),
];

/// Exceptions of Java that a processor of a pipeline has, with status 500, for a document that it was not made for. Without a pipeline
/// they are the server's own, as others always are: `illegal_state_exception` is that of a pipeline that calls a missing one.
const OF_PROCESSORS: [&str; 9] = [
    "class_cast_exception",
    "null_pointer_exception",
    "index_out_of_bounds_exception",
    "array_index_out_of_bounds_exception",
    "string_index_out_of_bounds_exception",
    "illegal_argument_exception",
    "arithmetic_exception",
    "date_time_exception",
    "date_time_parse_exception",
];

/// The answer to a bulk request.
#[derive(Deserialize, Debug)]
struct Bulk {
    items: Vec<Entry>,
}

/// An item of the answer, by its operation.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
enum Entry {
    #[serde(alias = "create")]
    Index(Item),
    Delete(Item),
}

#[derive(Deserialize, Debug)]
struct Item {
    status: u16,
    error: Option<Cause>,
    /// Whether the document is in the failure store of its data stream, and not in the stream itself: `used`.
    failure_store: Option<String>,
}

/// An error that is not about an item.
#[derive(Deserialize, Debug)]
struct Whole {
    error: Option<Cause>,
}

#[derive(Deserialize, Debug)]
struct Cause {
    #[serde(rename = "type")]
    kind: String,
    caused_by: Option<Box<Cause>>,
}

/// What an item says about its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    Written,
    /// The index does not have the document any more, or did not have it.
    Deleted,
    /// The index has the document already, in this or a newer version.
    Older,
    /// The index has this deletion already, or a newer version of the document.
    OlderDeletion,
    /// The deletion is applied once more, behind documents that wait.
    DeletedAgain,
    Failed(TargetFailure, String),
    /// The index does not take the document, or takes none: the reason, and what to do if it is the latter.
    Doubtful(String, &'static str),
}

impl Entry {
    fn meaning(&self, index: &Index) -> Meaning {
        let (Self::Index(item) | Self::Delete(item)) = self;
        let Item { status, error, failure_store } = item;
        if failure_store.as_deref() == Some("used") {
            return Meaning::Failed(Refused, "the data stream refused it, and its failure store has it".to_owned());
        }
        let Some(cause) = error else {
            return match (self, status) {
                (Self::Index(_), 200..=299) => Meaning::Written,
                (Self::Delete(_), 200..=299 | 404) => Meaning::Deleted,
                _ => Meaning::Failed(Busy, format!("an item has status {status}")),
            };
        };
        if cause.kind == CONFLICT {
            return match self {
                Self::Index(_) => Meaning::Older,
                Self::Delete(_) => Meaning::OlderDeletion,
            };
        }
        let doubtful = DOUBTFUL.iter().find(|(kind, _)| *kind == cause.kind).filter(|_| *status == 400);
        if let Some((_, advice)) = doubtful {
            return Meaning::Doubtful(message(*status, cause, ""), advice);
        }
        let (class, advice) = match class_of(*status, cause) {
            _ if index.index.is_filled_in() && OF_NAMES.contains(&(*status, &*cause.kind)) => {
                (Refused, format!("the record names the index, by `{}`", index.index))
            }
            (Busy, _) if *status == 500 && OF_PROCESSORS.contains(&&*cause.kind) => match (self, &index.pipeline) {
                (Self::Delete(_), _) => (Busy, String::new()),
                (_, Some(_)) => (Refused, String::new()),
                (_, None) => (Busy, "if it is of a pipeline of the index, name it as `pipeline`".to_owned()),
            },
            (Refused, "") if cause.chain().any(|cause| cause.kind == NO_TIME) => {
                let unit = if index.time_unit.is_none() { UNIT_IS_NEEDED } else { "" };
                (Refused, format!("a value is not what the `format` of its field takes{unit}"))
            }
            (class, advice) => (class, advice.to_owned()),
        };
        Meaning::Failed(class, message(*status, cause, &advice))
    }
}

impl Meaning {
    /// Whether the record was not written for a reason that is not its own.
    pub(crate) fn is_of_the_cluster(&self) -> bool {
        matches!(self, Self::Failed(class, _) if *class != Refused)
    }

    /// Whether the index may take no document at all.
    pub(crate) fn is_doubtful(&self) -> bool {
        matches!(self, Self::Doubtful(..))
    }

    /// Whether the index has the record's version already, or a newer one.
    pub(crate) fn is_older(&self) -> bool {
        matches!(self, Self::Older | Self::OlderDeletion)
    }

    /// Whether the index does not have the document that the record deletes.
    pub(crate) fn is_deletion(&self) -> bool {
        matches!(self, Self::Deleted | Self::OlderDeletion)
    }

    /// The verdict for the record.
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Self::Written | Self::Deleted | Self::Older | Self::OlderDeletion => Verdict::Written,
            Self::DeletedAgain => Verdict::RetryUntried,
            Self::Failed(Refused, reason) | Self::Doubtful(reason, _) => Verdict::Rejected(reason),
            Self::Failed(_, reason) => Verdict::Retry(reason),
        }
    }
}

/// The class of an item's error, and what to do.
fn class_of(status: u16, cause: &Cause) -> (TargetFailure, &'static str) {
    // Without a master, or before it has recovered, a cluster is blocked for a while.
    let known = TYPES.iter().find(|(kind, ..)| *kind == cause.kind).filter(|_| status != 503);
    match known {
        Some((_, class, advice)) => (*class, advice),
        None if status == 408 || status == 429 || status >= 500 => (Busy, ""),
        None => (Refused, ""),
    }
}

fn message(status: u16, cause: &Cause, advice: &str) -> String {
    let kinds = cause.chain().map(Cause::name).collect::<Vec<_>>().join(", caused by ");
    let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
    format!("{status} {kinds}{advice}")
}

impl Cause {
    /// The error, and those that caused it.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |cause| cause.caused_by.as_deref())
    }

    /// The type, unless it is none: an answer may come from something else than a cluster.
    fn name(&self) -> &str {
        let is_type = self.kind.len() <= 100 && self.kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if is_type { &self.kind } else { "an unknown error" }
    }
}

/// Checks the answer to a request as a whole.
///
/// # Errors
/// The failure, without anything of the request.
pub(crate) fn judged(what: &str, answer: &Answer) -> Result<(), Failure> {
    if answer.status.is_success() {
        return answer.judged_as(Ok(()), what, "");
    }
    let cause = answer.json::<Whole>().and_then(|whole| whole.error);
    let status = answer.status.as_u16();
    let (meaning, excerpt) = match &cause {
        Some(cause) if matches!(status, 401 | 407) => (Err(Unauthenticated), cause.name().to_owned()),
        Some(cause) => match (class_of(status, cause), cause.kind.as_str()) {
            // The whole request is larger than the memory that the server has left.
            (_, "circuit_breaking_exception") => (Err(TooLarge), cause.name().to_owned()),
            ((NotReady, advice), _) => (Err(NotReady), format!("{}: {advice}", cause.name())),
            _ => (usual(answer.status, FilledIn::default()), cause.name().to_owned()),
        },
        None => (usual(answer.status, FilledIn::default()), String::new()),
    };
    answer.judged_as(meaning, what, &excerpt)
}

/// Checks the answer to a request that needs this privilege, which a user who may write documents may lack.
///
/// # Errors
/// Those of [`judged`].
pub(crate) fn judged_with_privilege(privilege: &str, what: &str, answer: &Answer) -> Result<(), Failure> {
    let cause = answer.json::<Whole>().and_then(|whole| whole.error);
    match cause.filter(|cause| answer.status.as_u16() == 403 && cause.kind == "security_exception") {
        Some(Cause { kind, .. }) => {
            answer.judged_as(Err(NotReady), what, &format!("{kind}: grant the user the privilege `{privilege}`"))
        }
        None => judged(what, answer),
    }
}

/// The meanings of the items of a successful answer.
///
/// # Errors
/// The failure, if the answer is no answer to a bulk request.
pub(crate) fn meanings(answer: &Answer, index: &Index) -> Result<Vec<Meaning>, Failure> {
    let message = "the answer to a bulk request is not from OpenSearch or Elasticsearch: correct `url`";
    let bulk = answer.json::<Bulk>().filter(|_| answer.is_whole);
    let bulk = bulk.ok_or_else(|| Failure::new(NotReady, message))?;
    Ok(bulk.items.iter().map(|entry| entry.meaning(index)).collect())
}

/// The meaning of answers, for the README.
#[cfg(test)]
pub(crate) fn verdicts() -> Vec<(String, TargetFailure)> {
    const OTHERS: [(&str, TargetFailure); 7] = [
        ("`circuit_breaking_exception` for the whole request", TooLarge),
        ("an item with status 408, 429 or 500 to 599, such as `es_rejected_execution_exception`", Busy),
        ("a `cluster_block_exception` with status 503: no master", Busy),
        (
            "an item with status 403 or 404 for the name of its index, or one index more than the cluster has shards for, where the record fills in `index`",
            Refused,
        ),
        (
            "an item with status 400 and `illegal_argument_exception` or `routing_missing_exception`, if the index takes no document",
            NotReady,
        ),
        ("an item that is in the failure store", Refused),
        ("an item with any other type and status", Refused),
    ];
    let of_processors = OF_PROCESSORS.map(|kind| format!("`{kind}`")).join(", ");
    let of_processors = format!("with a `pipeline`, an item with status 500 and {of_processors}");
    let types = TYPES.iter().map(|(kind, class, _)| (format!("`{kind}`"), *class));
    let others = OTHERS.map(|(answer, class)| (answer.to_owned(), class));
    let statuses =
        danube_sink_http::verdicts().into_iter().filter(|(answer, _)| !answer.contains("the record fills in"));
    let named = |answer: String| if answer.starts_with(char::is_numeric) { format!("HTTP {answer}") } else { answer };
    types
        .chain(others)
        .chain([(of_processors, Refused)])
        .chain(statuses.map(|(answer, class)| (named(answer), class)))
        .collect()
}
