//! Quoting of table and column names.

use std::fmt;

use danube_sink::{ConnectorError, ConnectorResult, Template, config::Diagnostic};

/// The longest name: PostgreSQL truncates longer ones, and two of them could become the same.
const MAX_NAME_BYTES: usize = 63;

/// Columns that every table has.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// Quotes an identifier, which may contain capital letters, spaces, dots and quotation marks.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a table name: `table`, `schema.table`, or either part in quotation marks, in which a dot is part of the name and a
/// quotation mark is doubled. [`Server::open`](crate::Server::open) rejects an invalid name.
///
/// ```
/// use danube_sink_postgres::quoted_table;
///
/// assert_eq!(quoted_table("People"), r#""People""#);
/// assert_eq!(quoted_table("sales.orders"), r#""sales"."orders""#);
/// assert_eq!(quoted_table(r#"sales."orders.2026""#), r#""sales"."orders.2026""#);
/// ```
pub fn quoted_table(name: &str) -> String {
    TableName::parse(name).map_or_else(|_| quoted(name), |name| name.to_string())
}

/// The name of a table, with its schema or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableName(Vec<String>);

impl TableName {
    /// Parses a name in the syntax of [`quoted_table`].
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if the name is not valid, or too long.
    pub(crate) fn parse(text: &str) -> ConnectorResult<Self> {
        Self::read(text).map_err(ConnectorError::configuration)
    }

    fn read(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = Some(text);
        while let Some(text) = rest {
            let (part, after) = quoted_part(text).unwrap_or_else(|| match text.split_once('.') {
                Some((part, after)) => (part.to_owned(), Some(after)),
                None => (text.to_owned(), None),
            });
            check_part(&part)?;
            parts.push(part);
            rest = after;
        }
        if parts.len() > 2 {
            return Err(format!(
                "the table {text} has {} parts: put one that contains a dot into quotation marks, as in \
                 table = '\"my.schema\".\"my.table\"'",
                parts.len()
            ));
        }
        Ok(Self(parts))
    }

    /// The text as one table name with a dot in it, if that differs from a name with a schema.
    pub(crate) fn in_one(text: &str) -> Option<Self> {
        (text.contains('.') && !text.contains('"')).then(|| Self(vec![text.to_owned()]))
    }
}

/// The quoted name, for statements.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|part| quoted(part)).collect::<Vec<_>>().join("."))
    }
}

/// Validates a name: not empty, no U+0000, and short enough that PostgreSQL does not truncate it.
///
/// # Errors
/// [`ConnectorError::Configuration`] with the reason.
pub(crate) fn check(name: &str) -> ConnectorResult<()> {
    check_part(name).map_err(ConnectorError::configuration)
}

/// Validates the name of a table in a setting: `#[setting(validate = check_table)]`. One with placeholders is that of a record.
///
/// # Errors
/// Why PostgreSQL cannot have a table of this name.
pub fn check_table(name: &Template) -> Result<(), Diagnostic> {
    name.constant().map_or(Ok(()), |name| check_table_name(&name))
}

/// [`check_table`] for a name without placeholders.
pub(crate) fn check_table_name(name: &str) -> Result<(), Diagnostic> {
    let diagnostic = |reason| Diagnostic::new(reason, "write `table`, `schema.table`, or a part in quotation marks");
    TableName::read(name).map(drop).map_err(diagnostic)
}

fn check_part(name: &str) -> Result<(), String> {
    let reason = match name.len() {
        0 => "is empty".to_owned(),
        length if length > MAX_NAME_BYTES => {
            format!("has {length} bytes; PostgreSQL would truncate it to {MAX_NAME_BYTES}")
        }
        _ if name.contains('\0') => "contains U+0000".to_owned(),
        _ => return Ok(()),
    };
    Err(format!("the name {name:?} of a table, schema or column {reason}"))
}

/// Validates the name of a column that a table is to get.
///
/// # Errors
/// Why it cannot be one, to follow the name.
pub(crate) fn check_column(name: &str) -> Result<(), String> {
    if SYSTEM_COLUMNS.contains(&name) {
        return Err("is the name of a column that every table of PostgreSQL has".to_owned());
    }
    check(name).map_err(|_| {
        format!("cannot be the name of a column: PostgreSQL's have 1 to {MAX_NAME_BYTES} bytes, and no U+0000")
    })
}

/// A part in quotation marks at the beginning of the text, and what follows its dot.
fn quoted_part(text: &str) -> Option<(String, Option<&str>)> {
    let inner = text.strip_prefix('"')?;
    let mut end = 0;
    loop {
        end += inner[end..].find('"')?;
        match inner[end + 1..].chars().next() {
            Some('"') => end += 2,
            None => return Some((inner[..end].replace("\"\"", "\""), None)),
            Some('.') => return Some((inner[..end].replace("\"\"", "\""), Some(&inner[end + 2..]))),
            // The quotation mark is part of an unquoted name.
            Some(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_with_its_schema_or_without() {
        for (text, parts) in [
            ("a", &["a"][..]),
            ("My schema.select \"x\"", &["My schema", "select \"x\""]),
            (r#""a.b""#, &["a.b"]),
            (r#""a.b".c"#, &["a.b", "c"]),
            (r#"a."b.c""#, &["a", "b.c"]),
            (r#""a""b"."c""#, &["a\"b", "c"]),
            (r#""a" b.c"#, &["\"a\" b", "c"]),
            ("\"a", &["\"a"]),
        ] {
            assert_eq!(TableName::parse(text).unwrap().0, parts, "{text}");
        }
        for wrong in ["", "a.", ".a", "a.b.c", r#""""#, &"x".repeat(64), "a\0b"] {
            assert!(matches!(TableName::parse(wrong), Err(ConnectorError::Configuration { .. })), "{wrong}");
        }
    }
}
