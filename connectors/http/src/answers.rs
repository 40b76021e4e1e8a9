//! The meaning of HTTP statuses: one table for code and READMEs, and the settings that override it.

use std::fmt;

use danube_sink::{
    Setting, TargetFailure,
    TargetFailure::{Busy, Misconfigured, NotReady, Refused, Unauthenticated},
    config::{
        Diagnostic, Diagnostics, Value,
        schema::{ValueType, http_statuses},
    },
};
use reqwest::StatusCode;

/// The default meaning of statuses; the first row that contains a status applies.
///
/// A request that is the same for every record cannot be refused for one of them: then the API is not ready. If the part of the
/// request that a status is about contains values of the record, that record may be the cause.
const TABLE: [(&[Statuses], TargetFailure, Cause); 9] = [
    (&[one(401), one(407)], Unauthenticated, Cause::Api),
    (&[one(404), one(410), one(414), one(451)], NotReady, Cause::Path),
    (&[one(405)], NotReady, Cause::MethodOrPath),
    (&[one(431)], NotReady, Cause::PathOrHeaders),
    (&[one(406), one(415), one(428)], NotReady, Cause::Headers),
    (&[Statuses(402, 403), one(411), one(417), one(421), one(426), one(501), one(505), one(511)], NotReady, Cause::Api),
    (&[one(408), one(423), one(425), one(429), Statuses(500, 599)], Busy, Cause::Api),
    (&[Statuses(300, 399)], Misconfigured, Cause::Api),
    (&[Statuses(400, 499)], Refused, Cause::Api),
];

/// Failures without a status from 200 to 599.
const OTHERS: [(&str, TargetFailure); 5] = [
    ("a client certificate that is missing or refused", Unauthenticated),
    ("no connection, one that breaks, no whole answer within `timeout`", Busy),
    ("a certificate or a protocol that TLS refuses", NotReady),
    ("any other status", NotReady),
    ("a request that cannot be sent as it is", Refused),
];

/// The parts of a request that contain values of its record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilledIn {
    /// The method.
    pub method: bool,
    /// The path or query.
    pub path: bool,
    /// A header, other than those that carry the record's id.
    pub headers: bool,
}

/// The part of a request that a status is about: if it contains values of the record, the record is refused.
#[derive(Debug, Clone, Copy)]
enum Cause {
    /// No part that could contain values of a record.
    Api,
    Path,
    MethodOrPath,
    PathOrHeaders,
    Headers,
}

/// A range of HTTP statuses, as a setting: `409`, `"4xx"` or `"500-504"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses(u16, u16);

/// Overrides the meaning of HTTP statuses for an API: a table of settings, such as
/// `answers = { accept = [409], retry = ["5xx", 404] }`. By default, no meaning is overridden.
#[derive(Debug, Default, Setting)]
#[setting(validate = Self::has_each_status_once)]
pub struct Answers {
    /// Statuses after which the request is retried: the API is busy.
    #[setting(default = [])]
    retry: Vec<Statuses>,
    /// Statuses after which the records count as delivered.
    #[setting(default = [])]
    accept: Vec<Statuses>,
    /// Statuses by which the API refuses a record; `on_invalid_record` applies to it.
    #[setting(default = [])]
    reject: Vec<Statuses>,
    /// Statuses after which the connector stops.
    #[setting(default = [])]
    fatal: Vec<Statuses>,
}

/// The default meaning of a status: `Ok` if the API accepted the request.
///
/// # Errors
/// The class of the failure.
pub fn usual(status: StatusCode, filled_in: FilledIn) -> Result<(), TargetFailure> {
    if status.is_success() {
        return Ok(());
    }
    let row = TABLE.iter().find(|(statuses, ..)| statuses.iter().any(|statuses| statuses.contain(status.as_u16())));
    Err(row.map_or(NotReady, |(_, failure, cause)| if cause.is(filled_in) { Refused } else { *failure }))
}

/// The default meaning of an API's answers, for the table of verdicts in a README:
/// `danube_sink::testing::verdict_table` renders it.
pub fn verdicts() -> Vec<(String, TargetFailure)> {
    let mut rows = Vec::new();
    for (number, (statuses, failure, cause)) in TABLE.iter().enumerate() {
        let before = &TABLE[..number];
        let mut texts = Vec::new();
        for statuses in *statuses {
            let is_rest = before.iter().any(|(earlier, ..)| earlier.iter().any(|earlier| statuses.contain(earlier.0)));
            texts.push(if is_rest { format!("any other {statuses}") } else { statuses.to_string() });
        }
        rows.push((texts.join(", "), *failure));
        if let Some(part) = cause.name() {
            rows.push((format!("{} where the record fills in {part}", texts.join("/")), Refused));
        }
    }
    rows.extend(OTHERS.map(|(answer, failure)| (answer.to_owned(), failure)));
    rows
}

const fn one(status: u16) -> Statuses {
    Statuses(status, status)
}

impl Cause {
    fn is(self, FilledIn { method, path, headers }: FilledIn) -> bool {
        match self {
            Self::Api => false,
            Self::Path => path,
            Self::MethodOrPath => method || path,
            Self::PathOrHeaders => path || headers,
            Self::Headers => headers,
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Api => None,
            Self::Path => Some("the path"),
            Self::MethodOrPath => Some("the method or the path"),
            Self::PathOrHeaders => Some("the path or a header"),
            Self::Headers => Some("a header"),
        }
    }
}

impl Answers {
    /// The configured meaning of a status, if there is one: `Ok` if the records count as delivered.
    pub fn meaning(&self, status: StatusCode) -> Option<Result<(), TargetFailure>> {
        let meanings = [
            (&self.retry, Err(Busy)),
            (&self.accept, Ok(())),
            (&self.reject, Err(Refused)),
            (&self.fatal, Err(Misconfigured)),
        ];
        let has = |all: &[Statuses]| all.iter().any(|statuses| statuses.contain(status.as_u16()));
        meanings.into_iter().find(|(statuses, _)| has(statuses)).map(|(_, meaning)| meaning)
    }

    fn has_each_status_once(&self) -> Result<(), Diagnostics> {
        let mut before: Vec<(Statuses, &str)> = Vec::new();
        let mut diagnostics = Diagnostics::default();
        let keys = [("retry", &self.retry), ("accept", &self.accept), ("reject", &self.reject), ("fatal", &self.fatal)];
        for (key, all) in keys {
            for statuses in all {
                if let Some((other, other_key)) = before.iter().find(|(other, _)| statuses.overlaps(*other)) {
                    let message = format!("{statuses} overlaps {other} of `{other_key}`");
                    diagnostics.push(Diagnostic::of_key(
                        key,
                        message,
                        "name each status once; `\"400-408\"` is a range",
                    ));
                }
                before.push((*statuses, key));
            }
        }
        diagnostics.into_result()
    }
}

impl Statuses {
    fn contain(self, status: u16) -> bool {
        (self.0..=self.1).contains(&status)
    }

    fn overlaps(self, other: Self) -> bool {
        self.0 <= other.1 && other.0 <= self.1
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(first, last) if first == last => write!(f, "{first}"),
            Self(first, last) if first % 100 == 0 && last == first + 99 => write!(f, "{}xx", first / 100),
            Self(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl Setting for Statuses {
    const VALUE_TYPE: ValueType = ValueType::HttpStatuses;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.validate(&Self::VALUE_TYPE)?;
        let statuses = match value.as_integer() {
            Ok(status) => u16::try_from(status).ok().map(one),
            Err(_) => http_statuses(value.as_str()?).map(|(first, last)| Self(first, last)),
        };
        statuses.ok_or_else(|| value.diagnostic("invalid HTTP status", "write a status such as `409`").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_meaning_and_a_constant_request_is_never_the_records_fault() {
        for number in 100..1000 {
            let status = StatusCode::from_u16(number).unwrap();
            let constant = usual(status, FilledIn::default());
            assert_eq!(constant.is_ok(), (200..300).contains(&number));
            for bits in 0..8 {
                let filled_in = FilledIn { method: bits & 1 > 0, path: bits & 2 > 0, headers: bits & 4 > 0 };
                let meaning = usual(status, filled_in);
                assert!(meaning == constant || meaning == Err(Refused), "{number} {filled_in:?}");
            }
        }
    }

    #[test]
    fn the_rows_of_a_readme_name_what_is_left_as_such() {
        let rows = verdicts();
        let has = |text: &str, failure| rows.iter().any(|(row, of_row)| row == text && *of_row == failure);
        assert!(has("401, 407", Unauthenticated) && has("3xx", Misconfigured) && has("any other 4xx", Refused));
        assert!(has("408, 423, 425, 429, any other 5xx", Busy));
        assert!(has("405 where the record fills in the method or the path", Refused));
    }
}
