//! The values of a configuration file as constants: the compiler compares them with the declarations of their keys, which
//! only it knows, and finds the same errors in the same words as the validator at start.
//!
//! ```text
//!  the file ──macro──▶ FileValue ─┐
//!  the types ──derive──▶ KeySpec ─┴▶ an error of the build
//! ```

use crate::schema::{ConstStr, KeySpec, TableKeys, ValueRef, ValueType, Violation, any, each, key_spec::find, suggest};

/// How many missing keys of one table the build reports, each as an error of its own.
pub const MAX_MISSING: usize = 8;

/// The connector's section, or one topic mapping.
#[derive(Debug, Clone, Copy)]
pub struct FileTable<'a> {
    /// Its title in messages.
    pub title: &'a str,
    /// Keys that the table may have beside those of the struct.
    pub known: &'a [&'a str],
}

/// A value of the file.
#[derive(Debug, Clone, Copy)]
pub struct FileValue<'a> {
    /// The path to it from the [`FileTable`]; empty for that table itself.
    pub path: &'a [PathSegment<'a>],
    /// The value.
    pub value: ValueRef<'a>,
    /// The keys of the struct that are in it, if it is a table.
    pub keys: &'a [&'a str],
    /// The help for its key, if it belongs in another table.
    pub misplaced: Option<&'a str>,
    /// Where its key is.
    pub key_location: FileLocation<'a>,
    /// Where it is.
    pub location: FileLocation<'a>,
}

/// A step from a value to one within.
#[derive(Debug, Clone, Copy)]
pub enum PathSegment<'a> {
    /// To the value of a key.
    Key(&'a str),
    /// To a value of an array.
    Item,
}

/// A location in the file.
#[derive(Debug, Clone, Copy)]
pub struct FileLocation<'a> {
    /// File, line and column, which begin a message.
    pub prefix: &'a str,
    /// The line, and the marks below it.
    pub excerpt: &'a str,
    /// The excerpt without the values in it, for a line with a secret.
    pub redacted_excerpt: &'a str,
}

/// Stops the compiler at an error of this number.
///
/// # Panics
/// With the error: in a constant, that is an error of the build, at the place of the call.
#[track_caller]
pub const fn assert_valid(keys: &'static [KeySpec], table: &FileTable<'_>, value: &FileValue<'_>, number: usize) {
    if let Some(error) = error(keys, table, value, number) {
        panic!("{}", error.as_str());
    }
}

/// An error of a value, as the text of a report: the first is its own, the others are those of the keys that it lacks. Values
/// within have errors of their own.
pub const fn error(
    keys: &'static [KeySpec],
    table: &FileTable<'_>,
    value: &FileValue<'_>,
    number: usize,
) -> Option<ConstStr> {
    let Some((value_type, is_unknown)) = type_at(keys, value.path) else { return None };
    let (location, path, violation) = match (number, value_type, value.path) {
        (0, ValueType::Table(nested), [parent @ .., PathSegment::Key(key)]) if is_unknown => {
            (&value.key_location, parent, table_keys(nested, table, parent).unknown_key(key, value.misplaced))
        }
        (0, _, path) if !is_unknown => (&value.location, path, value_type.violation(&value.value)),
        (1.., ValueType::Table(nested), path) if !is_unknown && matches!(value.value, ValueRef::Table(_)) => {
            (&value.location, path, table_keys(nested, table, path).missing_key(value.keys, number - 1))
        }
        _ => return None,
    };
    match violation {
        Some(violation) => Some(report(keys, location, path, &violation)),
        None => None,
    }
}

/// The type of the value at a path; or that of the table which does not know its last key, with `true`. None if a value on the
/// path has another type, which is an error of that value.
const fn type_at(keys: &'static [KeySpec], path: &[PathSegment<'_>]) -> Option<(ValueType, bool)> {
    let mut value_type = ValueType::Table(keys);
    let mut rest = path;
    while let [segment, behind @ ..] = rest {
        rest = behind;
        if let (ValueType::ArrayOrTable { table, .. }, PathSegment::Key(_)) = (value_type, segment) {
            value_type = *table;
        }
        value_type = match (value_type, segment) {
            (ValueType::Array { of, .. }, PathSegment::Item) | (ValueType::Map { of, .. }, PathSegment::Key(_)) => *of,
            (ValueType::ArrayOrTable { items, .. }, PathSegment::Item) => *items,
            (ValueType::Table(keys), PathSegment::Key(key)) => match find(keys, key) {
                Some(spec) => spec.value_type,
                None if rest.is_empty() => return Some((value_type, true)),
                None => return None,
            },
            _ => return None,
        };
    }
    Some((value_type, false))
}

const fn table_keys<'a>(keys: &'a [KeySpec], table: &FileTable<'a>, path: &[PathSegment<'_>]) -> TableKeys<'a> {
    if path.is_empty() { TableKeys { title: table.title, keys, known: table.known } } else { TableKeys::nested(keys) }
}

/// The text of a report. Of a line with the name of a secret it shows no value: the macro has redacted the secrets that it knows,
/// but it does not know those of nested tables and mappings.
const fn report(
    keys: &[KeySpec],
    location: &FileLocation<'_>,
    path: &[PathSegment<'_>],
    violation: &Violation,
) -> ConstStr {
    let mut text = ConstStr::new(location.prefix);
    each!(segment in path => {
        if let PathSegment::Key(key) = segment {
            text = text.with("`").with(key).with("`: ");
        }
    });
    text = text.with(violation.message.as_str());
    let excerpt = if names_secret(keys, location.excerpt) { location.redacted_excerpt } else { location.excerpt };
    if !excerpt.is_empty() {
        text = text.with("\n").with(excerpt);
    }
    text.with("\nhelp: ").with(violation.help.as_str())
}

/// Whether a line has the name of a secret in it.
const fn names_secret(keys: &[KeySpec], line: &str) -> bool {
    any!(spec in keys => spec.is_secret() && is_in(spec.name.as_bytes(), line.as_bytes())
        || names_secret(spec.value_type.keys_within(), line))
}

const fn is_in(name: &[u8], mut line: &[u8]) -> bool {
    while line.len() >= name.len() {
        if suggest::same_bytes(line.split_at(name.len()).0, name) {
            return true;
        }
        line = line.split_at(1).1;
    }
    false
}
