//! The filter of a mapping: the [CEL] expression of its key `where`, which keeps the records for which it is true.
//!
//! [CEL]: https://cel.dev
//!
//! - `expression`: compiles an expression, and evaluates it for a record
//! - `references`: which variables and parts of the payload an expression reads, and how often it repeats
//! - `loop_limit`: how many values and how long strings its loops may have
//! - `payload`: those parts of a payload as values of CEL
//! - `patterns`: the function `matches`

#[cfg(feature = "cel")]
mod expression;
#[cfg(feature = "cel")]
mod loop_limit;
#[cfg(feature = "cel")]
mod patterns;
#[cfg(feature = "cel")]
mod payload;
#[cfg(feature = "cel")]
mod references;

use danube_sink_config::ExternalError;

#[cfg(feature = "cel")]
pub(crate) use self::expression::Filter;
#[cfg(not(feature = "cel"))]
use crate::record::SinkRecord;

#[cfg(not(feature = "cel"))]
const HELP: &str = "enable the feature `cel` of danube-sink in `Cargo.toml` and build it again, or remove `where`";
#[cfg(feature = "cel")]
const HELP: &str = "write a CEL expression that is true or false, such as `payload.total > 100 && key != 'test'`; variables are \
                    `payload`, `attributes`, `topic`, `partition`, `offset`, `publish_time`, `producer`, `key` and `id`";

/// An expression that cannot be used.
#[derive(Debug)]
struct InvalidExpression {
    /// Where it is wrong, in bytes.
    offset: Option<usize>,
    message: String,
}

/// Checks the expression of a mapping.
///
/// # Errors
/// Why it cannot be used, and where.
pub(crate) fn check(expression: &str) -> Result<(), ExternalError> {
    let error = |InvalidExpression { offset, message }| {
        let place = offset.map_or_else(String::new, |offset| {
            let column = expression.get(..offset).map_or(offset, |before| before.chars().count()) + 1;
            format!(" at character {column} of the expression")
        });
        ExternalError { key: Some("where"), offset, message: format!("{message}{place}"), help: HELP.to_owned() }
    };
    Filter::compile(expression).map(|_| ()).map_err(error)
}

impl Filter {
    /// The filter of a mapping whose expression was checked at start.
    ///
    /// # Errors
    /// Why the expression cannot be used.
    pub(crate) fn of(expression: &str) -> Result<Self, String> {
        Self::compile(expression).map_err(|error| error.message)
    }
}

/// Without the feature `cel` there is no filter.
#[cfg(not(feature = "cel"))]
#[derive(Debug)]
pub(crate) enum Filter {}

#[cfg(not(feature = "cel"))]
impl Filter {
    fn compile(_: &str) -> Result<Self, InvalidExpression> {
        Err(InvalidExpression { offset: None, message: "this connector was built without filters".to_owned() })
    }

    pub(crate) fn reads_payload(&self) -> bool {
        match *self {}
    }

    pub(crate) fn keeps(&self, _: &SinkRecord) -> Result<bool, String> {
        match *self {}
    }
}
