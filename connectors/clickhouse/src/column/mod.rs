//! The columns of a table, and the check of values against their types.
//!
//! ClickHouse wraps integers around, truncates decimals, and replaces times that are out of a column's range, each without an error.
//! So values are checked before they are sent:
//!
//! ```text
//! DESCRIBE TABLE ─▶ Columns ─▶ ColumnType of each ─▶ write: the value as the column stores it, or a Violation
//! ```

mod column_type;
mod nested;
mod number;
mod time;
mod value;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Deserialize;

#[cfg(feature = "arrow")]
pub(crate) use self::value::tick_digits;
pub(crate) use self::{
    column_type::{ColumnType, is_utc},
    number::decimal,
    time::{Days, date, ticks},
    value::{Rules, Violation, is_short, is_short_float, seconds, timestamp_64},
};

/// How long columns are taken for those of the table where the server compares most of their types.
const RECENT: Duration = Duration::from_secs(1);

/// The columns that an insert can name, from the answer to `DESCRIBE TABLE`.
#[derive(Debug)]
pub(crate) struct Columns {
    /// The answer that they were read from.
    described: String,
    all: Vec<Column>,
    by_name: HashMap<String, usize>,
    /// Columns that the server computes.
    computed: HashSet<String>,
    /// When the table last had them.
    seen: Mutex<Instant>,
    refuses_blocks: AtomicBool,
}

/// A column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The name as a member of a JSON object: a comma, the name in quotation marks, and a colon.
    member: String,
    pub(crate) kind: ColumnType,
    /// Whether the table has a value for rows without one, other than that of the type.
    pub(crate) has_default: bool,
}

/// A line of `DESCRIBE TABLE … FORMAT JSONEachRow`.
#[derive(Deserialize)]
struct Described {
    name: String,
    r#type: String,
    default_type: String,
}

impl Column {
    /// The name as a JSON string.
    pub(crate) fn json(&self) -> &str {
        &self.member[1..self.member.len() - 1]
    }

    /// The name on one line, as in a JSON string, without the quotation marks.
    pub(crate) fn escaped(&self) -> &str {
        &self.member[2..self.member.len() - 2]
    }

    /// What precedes the value in a JSON object.
    pub(crate) fn prefix(&self, is_first: bool) -> &str {
        &self.member[usize::from(is_first)..]
    }
}

impl Columns {
    /// Parses an answer of a server in this time zone; `None` if it is not from ClickHouse.
    pub(crate) fn read(described: String, zone: &str) -> Option<Self> {
        let (mut all, mut by_name, mut computed) = (Vec::new(), HashMap::new(), HashSet::new());
        for line in described.lines().filter(|line| !line.is_empty()) {
            let Described { name, r#type, default_type } = serde_json::from_str(line).ok()?;
            if matches!(&*default_type, "MATERIALIZED" | "ALIAS") {
                computed.insert(name);
            } else {
                let member = format!(",{}:", serde_json::Value::from(&*name));
                by_name.insert(name.clone(), all.len());
                let has_default = !default_type.is_empty();
                all.push(Column { name, member, kind: ColumnType::of(&r#type, zone), has_default });
            }
        }
        let seen = Mutex::new(Instant::now());
        Some(Self { described, all, by_name, computed, seen, refuses_blocks: AtomicBool::new(false) })
    }

    /// Whether the table still has these columns, which are then recent.
    pub(crate) fn is_current(&self, described: &str) -> bool {
        let is_current = self.described == described;
        if is_current {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        is_current
    }

    /// Whether the table had these columns a moment ago.
    pub(crate) fn are_recent(&self) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < RECENT
    }

    /// Whether the server refuses blocks of their types, although the table has them.
    pub(crate) fn refuses_blocks(&self) -> bool {
        self.refuses_blocks.load(Ordering::Relaxed)
    }

    pub(crate) fn refuse_blocks(&self) {
        self.refuses_blocks.store(true, Ordering::Relaxed);
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn at(&self, index: usize) -> Option<&Column> {
        self.all.get(index)
    }

    /// Whether the table has a column of this name, also one that no insert can name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name) || self.computed.contains(name)
    }

    /// The index of a column.
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The columns in the order of the table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Column> {
        self.all.iter()
    }

    /// The column name that a text begins with, such as the end of an exception's message. Nothing else of the text is returned.
    pub(crate) fn named_at<'c>(&'c self, text: &str) -> Option<&'c str> {
        let is_named = |name: &&String| text.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(')'));
        self.by_name.keys().filter(is_named).max_by_key(|name| name.len()).map(String::as_str)
    }
}
