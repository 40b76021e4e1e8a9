//! Names of tables and columns, as statements write them.

use std::fmt;

use danube_sink::{ConnectorError, ConnectorResult};

/// PostgreSQL cuts longer names off, and two of them could then be one.
const MAX_NAME_BYTES: usize = 63;

/// Quotes an identifier: capital letters, spaces, dots and quotation marks in it count as they are.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes the name of a table: `table`, `schema.table`, or either part in quotation marks, in which a dot is part of the name and
/// a quotation mark is doubled. What is no such name, [`Server::open`](crate::Server::open) refuses.
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
    /// Reads what [`quoted_table`] takes.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if it is not such a name, or one that is too long.
    pub(crate) fn parse(text: &str) -> ConnectorResult<Self> {
        let mut parts = Vec::new();
        let mut rest = Some(text);
        while let Some(text) = rest {
            let (part, after) = quoted_part(text).unwrap_or_else(|| match text.split_once('.') {
                Some((part, after)) => (part.to_owned(), Some(after)),
                None => (text.to_owned(), None),
            });
            check(&part)?;
            parts.push(part);
            rest = after;
        }
        if parts.len() > 2 {
            return Err(ConnectorError::configuration(format!(
                "the table {text} has {} names: put one that has a dot into quotation marks, as in \
                 table = '\"my.schema\".\"my.table\"'",
                parts.len()
            )));
        }
        Ok(Self(parts))
    }

    /// The same text as the name of one table, where it is another name than with a schema.
    pub(crate) fn in_one(text: &str) -> Option<Self> {
        (text.contains('.') && !text.contains('"')).then(|| Self(vec![text.to_owned()]))
    }
}

/// As statements write it.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|part| quoted(part)).collect::<Vec<_>>().join("."))
    }
}

/// A name that PostgreSQL can have and keeps whole.
///
/// # Errors
/// Why it is not one.
pub(crate) fn check(name: &str) -> ConnectorResult<()> {
    let reason = match name.len() {
        0 => "is empty".to_owned(),
        length if length > MAX_NAME_BYTES => {
            format!("has {length} bytes; PostgreSQL would cut it off after {MAX_NAME_BYTES}")
        }
        _ if name.contains('\0') => "holds U+0000".to_owned(),
        _ => return Ok(()),
    };
    Err(ConnectorError::configuration(format!("the name {name:?} of a table, schema or column {reason}")))
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
            // It is part of a name that is not quoted.
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
