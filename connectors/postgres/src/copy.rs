//! `COPY … FROM STDIN` in the text format: the fastest way to append many rows.
//!
//! The server reads each value with the input function of its type, as `INSERT` does with the cast of a text, except where the
//! two differ: see [`takes`].

use std::fmt::Write;

use bytes::Bytes;
use memchr::{memchr, memchr3};
use tokio_postgres::types::{Kind, Type};

use super::{
    column::{Column, Datum},
    name::TableName,
    rows::Row,
    text::is_built_in,
};

/// Fewer rows are faster in an `INSERT`, whose errors also name the constraint.
pub(crate) const FEWEST_ROWS: usize = 32;

/// How many rows are sent first. The server reads them while the next ones are converted.
pub(crate) const FIRST_PART: usize = 64;

/// The most rows of a part.
const LARGEST_PART: usize = 1_000;

/// The least bytes of a chunk that others follow: a message has a limit.
const CHUNK_BYTES: usize = 64 * 1024;

/// Whether `COPY` and `INSERT` read the texts of a type alike. Not money, whose text has a locale; nor names of catalog objects, which
/// may be numbers for `COPY`; nor types of extensions, which may have casts of their own.
pub(crate) fn takes(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Array(of) | Kind::Domain(of) => takes(of),
        Kind::Enum(_) => true,
        Kind::Composite(_) => false,
        _ => is_built_in(ty) && *ty != Type::MONEY && !ty.name().starts_with("reg"),
    }
}

/// The statement that appends rows of these columns.
pub(crate) fn statement(table: &TableName, columns: &[&Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.quoted()).collect();
    format!("COPY {table} ({}) FROM STDIN", names.join(", "))
}

/// The parts of a batch. Each is larger than the one before, as the server reads more slowly than rows are converted.
pub(crate) fn parts<T>(mut rest: &[T]) -> impl Iterator<Item = &[T]> {
    let mut size = FIRST_PART;
    std::iter::from_fn(move || {
        let (part, behind) = rest.split_at(size.min(rest.len()));
        (rest, size) = (behind, (size * 3 / 2).min(LARGEST_PART));
        (!part.is_empty()).then_some(part)
    })
}

/// The lines of complete rows, in chunks.
pub(crate) fn lines(rows: &[Row<'_>]) -> Vec<Bytes> {
    chunks(rows.iter().map(|row| row.data.iter().map(Option::as_ref)))
}

/// The lines of rows, in chunks.
pub(crate) fn chunks<'r, R>(rows: impl Iterator<Item = R>) -> Vec<Bytes>
where
    R: Iterator<Item = Option<&'r Datum<'r>>>,
{
    let (mut chunks, mut buffer) = (Vec::new(), String::new());
    for row in rows {
        for (number, datum) in row.enumerate() {
            if number > 0 {
                buffer.push('\t');
            }
            write(&mut buffer, datum.unwrap_or(&Datum::Null));
        }
        buffer.push('\n');
        if buffer.len() >= CHUNK_BYTES {
            chunks.push(std::mem::take(&mut buffer).into());
        }
    }
    chunks.extend((!buffer.is_empty()).then(|| buffer.into()));
    chunks
}

/// Appends a value, without the delimiters of the format in it.
fn write(line: &mut String, datum: &Datum<'_>) {
    // Writing to a string does not fail.
    let _ = match datum {
        Datum::Null => line.write_str("\\N"),
        Datum::Integer(number) => write!(line, "{number}"),
        // A string may be one of the names that numbers have.
        Datum::Float(number, json) if json.starts_with('"') => write!(line, "{number:e}"),
        Datum::Float(_, json) => line.write_str(json),
        Datum::Bytes(bytes) => {
            line.push_str("\\\\x");
            bytes.iter().try_for_each(|byte| write!(line, "{byte:02x}"))
        }
        Datum::Vector(numbers) => write!(line, "{numbers:?}"),
        Datum::Text(text) => {
            let mut rest: &str = text;
            while let Some(at) = delimiter(rest.as_bytes()) {
                let (plain, special) = rest.split_at(at);
                line.push_str(plain);
                line.push_str(match special.as_bytes()[0] {
                    b'\n' => "\\n",
                    b'\r' => "\\r",
                    b'\t' => "\\t",
                    _ => "\\\\",
                });
                rest = &special[1..];
            }
            line.write_str(rest)
        }
    };
}

/// The place of the first byte that needs an escape.
fn delimiter(text: &[u8]) -> Option<usize> {
    let first = memchr3(b'\\', b'\n', b'\t', text);
    memchr(b'\r', &text[..first.unwrap_or(text.len())]).or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_in_values_are_escaped() {
        let row = [
            Datum::Text("a\\b\tc\nd\r\\N".into()),
            Datum::Null,
            Datum::Float(1e300, "1.0e300".into()),
            Datum::Float(f64::NEG_INFINITY, "\"-Infinity\"".into()),
            Datum::Bytes(vec![0, 255]),
            Datum::Integer(-7),
            Datum::Text("".into()),
        ];
        let chunks = chunks([row.iter().map(Some)].into_iter());
        assert_eq!(chunks.concat(), b"a\\\\b\\tc\\nd\\r\\\\N\t\\N\t1.0e300\t-inf\t\\\\x00ff\t-7\t\n");
    }

    #[test]
    fn every_row_is_in_one_part_and_in_order() {
        for count in [0, 1, 63, 64, 65, 1_000, 20_000] {
            let rows: Vec<_> = (0..count).collect();
            assert_eq!(parts(&rows).collect::<Vec<_>>().concat(), rows);
        }
        let sizes: Vec<_> = parts(&[(); 1_000]).map(<[()]>::len).collect();
        assert_eq!(sizes, [64, 96, 144, 216, 324, 156]);
    }

    #[test]
    fn a_chunk_holds_whole_rows() {
        let datum = Datum::Text("x".repeat(1000).into());
        let rows = chunks((0..200).map(|_| [Some(&datum)].into_iter()));
        assert_eq!(rows.iter().map(|chunk| chunk.len()).sum::<usize>(), 200 * 1001);
        assert!(rows.len() > 2 && rows.iter().all(|chunk| chunk.len() % 1001 == 0));
    }

    #[test]
    fn types_that_copy_reads_differently_are_left_to_insert() {
        assert!([Type::INT8, Type::TEXT_ARRAY, Type::JSONB, Type::INT4_RANGE].iter().all(takes));
        assert!(![Type::MONEY, Type::MONEY_ARRAY, Type::REGCLASS, Type::REGTYPE_ARRAY].iter().any(takes));
    }
}
