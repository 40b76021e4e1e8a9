//! Catalog queries: the columns of a table, their types, and its unique indexes.

use std::collections::HashSet;

use tokio_postgres::{
    Row,
    types::{Kind, Oid, ToSql, Type},
};

use super::{column::Column, failure::Failure, session::Statement, transaction::Transaction};

/// Every column, with whether a row must have a value for it (NOT NULL, no default, and no trigger that may fill it), and with the
/// sequence of its default if the role may not use it, whether the server alone writes it (generated columns), whether it numbers the
/// rows, and its collation if that is not deterministic, which servers before PostgreSQL 12 do not know.
const COLUMNS: &str = "
    SELECT a.attname::text, a.atttypid, format_type(a.atttypid, a.atttypmod),
        c.relkind IN ('r', 'p') AND (a.attnotnull OR t.typnotnull) AND t.typdefault IS NULL
            AND NOT a.atthasdef AND a.attidentity = ''
            AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgtype & 7 = 7 AND tgenabled <> 'D'),
        (SELECT min(s.oid::regclass::text) FROM pg_attrdef d
            JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass
            JOIN pg_class s ON s.oid = p.refobjid
            WHERE d.adrelid = c.oid AND d.adnum = a.attnum
                AND CASE s.relkind WHEN 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE, UPDATE') ELSE false END),
        a.atttypmod,
        (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = c.oid AND d.adnum = a.attnum),
        a.attgenerated <> '' OR a.attidentity = 'a', a.attidentity <> '',
        (SELECT format('%I.%I', n.nspname, l.collname) FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace
            WHERE l.oid = a.attcollation AND to_jsonb(l)->>'collisdeterministic' = 'false')
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// Whether `COPY` writes what `INSERT` does: not into a view, past a rule or a policy, or into a column that only `COPY` may write.
const TAKES_COPY: &str = "
    SELECT c.relkind IN ('r', 'p') AND NOT c.relhasrules AND NOT row_security_active(c.oid)
        AND NOT EXISTS (SELECT FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attidentity = 'a' AND a.attname::text = ANY ($2))
    FROM pg_class c WHERE c.oid = $1::regclass";

/// Whether every column has its type.
const HAVE_TYPES: &str = "
    SELECT count(*) = cardinality($2) FROM unnest($2, $3) AS c(name, type) JOIN pg_attribute a
        ON a.attname::text = c.name AND format_type(a.atttypid, a.atttypmod) = c.type
    WHERE a.attrelid = $1::regclass AND NOT a.attisdropped";

/// A unique index of these columns that is DEFERRABLE: `ON CONFLICT` cannot use it.
const DEFERRABLE: &str = "
    SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = $1::regclass AND i.indisunique AND NOT i.indimmediate AND $2 = (
        SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE \"C\") FROM pg_attribute a
        WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[]))";

/// A type that is not built in, and the array type of pgvector's vectors.
const TYPE: &str = "
    SELECT t.typname::text, n.nspname::text, t.typtype::text, t.typelem, t.typbasetype, t.typtypmod,
        format_type(t.typbasetype, t.typtypmod),
        CASE WHEN t.typname = 'vector' AND EXISTS (SELECT FROM pg_depend p JOIN pg_extension e ON e.oid = p.refobjid
            WHERE p.classid = 'pg_type'::regclass AND p.objid = t.oid AND p.refclassid = 'pg_extension'::regclass
                AND p.deptype = 'e' AND e.extname = 'vector') THEN t.typarray END
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = $1";

/// The columns of a table.
pub(crate) struct Columns {
    /// Those to write.
    pub(crate) written: Vec<Found>,
    /// The names of all.
    pub(crate) names: HashSet<String>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) name: String,
    /// The type; of a domain, its base type.
    pub(crate) ty: Type,
    /// The array type of a vector of pgvector.
    pub(crate) vectors: Option<Type>,
    /// The type modifier of the column or the domain, such as a length; -1 if there is none.
    pub(crate) modifier: i32,
    /// The type with its modifier, such as `varchar(5)`; of a domain, its base type.
    pub(crate) base: String,
    /// The declared type with its modifier.
    pub(crate) stored_as: String,
    /// The expression of the default.
    pub(crate) default: Option<String>,
    /// Whether the default differs from row to row, such as `now()` or a number.
    pub(crate) varies: bool,
    /// The collation by which different texts may be equal.
    pub(crate) collation: Option<String>,
}

/// The columns with these names, in this order, and with `others` those that can be written beside them. Messages show the table as
/// `shown`.
///
/// # Errors
/// The server's error, or a table that the mapping cannot write: a column is missing, or one that is not in the mapping needs a
/// value or a privilege.
pub(crate) async fn columns(
    transaction: &Transaction<'_>,
    table: &str,
    names: &[&str],
    others: bool,
    shown: &str,
) -> Result<Columns, Failure> {
    let rows = transaction.rows(Statement { text: COLUMNS, parameters: &[(&table, Type::TEXT)] }).await?;
    let name = |row: &Row| row.get::<_, String>(0);
    let is_other = |row: &&Row| !names.contains(&name(row).as_str());
    let mut wrong = Vec::new();
    let mut found = Vec::with_capacity(names.len());
    for column in names {
        match rows.iter().find(|row| name(row) == *column) {
            Some(row) => found.push(row),
            None => wrong.push(format!("{shown} has no column {column}: add it, or correct the mapping")),
        }
    }
    for row in rows.iter().filter(is_other).filter(|_| !others) {
        let column = name(row);
        if row.get(3) {
            wrong.push(format!("column {column} of {shown} is NOT NULL and has no default: add it to the mapping"));
        } else if let Some(sequence) = row.get::<_, Option<String>>(4) {
            wrong.push(format!(
                "column {column} of {shown} takes its default from sequence {sequence}: grant USAGE on it"
            ));
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Table(wrong.join("; ")));
    }
    found.extend(rows.iter().filter(is_other).filter(|row| others && !row.get::<_, bool>(7)));
    let mut written = Vec::with_capacity(found.len());
    for row in found {
        let (ty, vectors, modifier, base) = type_of(transaction, row.get(1), row.get(5), row.get(2)).await?;
        let default: Option<String> = row.get(6);
        let varies = row.get(8) || default.as_deref().is_some_and(varies);
        let (name, stored_as, collation) = (name(row), row.get(2), row.get(9));
        written.push(Found { name, ty, vectors, modifier, base, stored_as, default, varies, collation });
    }
    Ok(Columns { written, names: rows.iter().map(name).collect() })
}

/// Whether the value of an expression differs from row to row: it calls a function, or is a time that is written without
/// parentheses, such as `CURRENT_DATE`.
fn varies(expression: &str) -> bool {
    expression.contains('(') || ["CURRENT_", "LOCALTIME"].iter().any(|name| expression.starts_with(name))
}

/// Checks that the key's unique index can be used to replace rows.
///
/// # Errors
/// The server's error, or a unique index that is `DEFERRABLE`.
pub(crate) async fn check_key(
    transaction: &Transaction<'_>,
    table: &str,
    key: &[String],
    shown: &str,
) -> Result<(), Failure> {
    let mut key = key.to_vec();
    key.sort();
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&table, Type::TEXT), (&key, Type::TEXT_ARRAY)];
    let rows = transaction.rows(Statement { text: DEFERRABLE, parameters: &parameters }).await?;
    let Some(index) = rows.first().map(|row| row.get::<_, String>(0)) else { return Ok(()) };
    Err(Failure::Table(format!("the unique index {index} of the key of {shown} is DEFERRABLE: make one that is not")))
}

/// Whether rows of these columns can be written by `COPY`.
///
/// # Errors
/// The server's error.
pub(crate) async fn takes_copy(transaction: &Transaction<'_>, table: &str, names: &[&str]) -> Result<bool, Failure> {
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&table, Type::TEXT), (&names, Type::TEXT_ARRAY)];
    let rows = transaction.rows(Statement { text: TAKES_COPY, parameters: &parameters }).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Whether columns still have the types that they had when they were read. As long as the transaction has written to the table, they
/// cannot change.
///
/// # Errors
/// The server's error.
pub(crate) async fn have_types(
    transaction: &Transaction<'_>,
    table: &str,
    columns: &[&Column],
) -> Result<bool, Failure> {
    let names: Vec<_> = columns.iter().map(|column| &column.name).collect();
    let types: Vec<_> = columns.iter().map(|column| &column.stored_as).collect();
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&table, Type::TEXT), (&names, Type::TEXT_ARRAY), (&types, Type::TEXT_ARRAY)];
    let rows = transaction.rows(Statement { text: HAVE_TYPES, parameters: &parameters }).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

async fn type_of(
    transaction: &Transaction<'_>,
    mut oid: Oid,
    mut modifier: i32,
    mut base: String,
) -> Result<(Type, Option<Type>, i32, String), Failure> {
    let (mut made_of, mut vectors) = (Vec::new(), None);
    let mut ty = loop {
        if let Some(known) = Type::from_oid(oid) {
            break known;
        }
        let rows = transaction.rows(Statement { text: TYPE, parameters: &[(&oid, Type::OID)] }).await?;
        let Some(row) = rows.first() else {
            return Err(Failure::Table("the type of a column was dropped".to_owned()));
        };
        let (name, schema, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let below: (Oid, Oid) = (row.get(3), row.get(4));
        let wrap: fn(Type) -> Kind = match (kind.as_str(), below) {
            ("d", (_, below)) => {
                (oid, modifier, base) = (below, row.get(5), row.get(6));
                continue;
            }
            ("b", (element, _)) if element != 0 => Kind::Array,
            ("e", _) => break Type::new(name, oid, Kind::Enum(Vec::new()), schema),
            ("c", _) => break Type::new(name, oid, Kind::Composite(Vec::new()), schema),
            // The connector does not look into the type of the bounds.
            ("r", _) => break Type::new(name, oid, Kind::Range(Type::UNKNOWN), schema),
            ("m", _) => break Type::new(name, oid, Kind::Multirange(Type::UNKNOWN), schema),
            _ => {
                let ty = Type::new(name, oid, Kind::Simple, schema.clone());
                let array = |oid| Type::new("_vector".to_owned(), oid, Kind::Array(ty.clone()), schema);
                vectors = row.get::<_, Option<Oid>>(7).map(array);
                break ty;
            }
        };
        made_of.push((name, oid, schema, wrap));
        oid = below.0;
    };
    while let Some((name, oid, schema, wrap)) = made_of.pop() {
        vectors = None;
        ty = Type::new(name, oid, wrap(ty), schema);
    }
    Ok((ty, vectors, modifier, base))
}
