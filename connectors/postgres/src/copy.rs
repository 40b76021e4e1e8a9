//! `COPY … FROM STDIN` in the binary format: the fastest way to append many rows.

use bytes::{BufMut, Bytes, BytesMut};
use tokio_postgres::types::{IsNull, Kind, Type};

use super::{column::Column, datum::Datum, name::TableName};

/// Fewer rows are faster in an `INSERT`: to begin a copy takes the server a millisecond or two.
pub(crate) const FEWEST_ROWS: usize = 1_500;

/// How many rows are sent first. The server reads them while the next ones are converted.
const FIRST_PART: usize = 256;

/// The most rows of a part.
const LARGEST_PART: usize = 2_000;

/// The least bytes of a chunk that others follow: a message has a limit.
const CHUNK_BYTES: usize = 64 * 1024;

/// The beginning of the data: a signature, flags, and the length of an extension that there is not.
pub(crate) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The end of the data, in the place of a row's number of values.
pub(crate) const END: &[u8] = &(-1_i16).to_be_bytes();

/// The length of NULL.
const NULL: i32 = -1;

/// Whether values of a type are sent in the type's own binary format, or have one that is their text. `INSERT` writes the others.
pub(crate) fn takes(column: &Column) -> bool {
    let is_text = |ty: &Type| {
        matches!(*ty, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::JSON | Type::JSONB)
            || matches!(ty.kind(), Kind::Enum(_))
    };
    let (sent, _) = column.sent_as();
    column.vectors.is_none() && (sent != Type::TEXT || is_text(&column.ty))
}

/// The statement that appends rows of these columns.
pub(crate) fn statement(table: &TableName, columns: &[&Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.quoted()).collect();
    format!("COPY {table} ({}) FROM STDIN (FORMAT binary)", names.join(", "))
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

/// Rows with values of these columns, in chunks.
pub(crate) fn chunks<'r, R>(columns: &[&Column], rows: impl Iterator<Item = R>) -> Vec<Bytes>
where
    R: Iterator<Item = Option<&'r Datum<'r>>>,
{
    // A table has at most 1600 columns.
    let count = i16::try_from(columns.len()).unwrap_or(i16::MAX);
    let (mut chunks, mut buffer) = (Vec::new(), BytesMut::new());
    for row in rows {
        buffer.put_i16(count);
        for (column, datum) in columns.iter().zip(row) {
            write(&mut buffer, &column.ty, datum.unwrap_or(&Datum::Null));
        }
        if buffer.len() >= CHUNK_BYTES {
            chunks.push(buffer.split().freeze());
        }
    }
    chunks.extend((!buffer.is_empty()).then(|| buffer.freeze()));
    chunks
}

/// Appends a value behind its length.
fn write(buffer: &mut BytesMut, ty: &Type, datum: &Datum<'_>) {
    let at = buffer.len();
    buffer.put_i32(NULL);
    if let IsNull::No = datum.write(ty, buffer) {
        let length = i32::try_from(buffer.len() - at - 4).unwrap_or(i32::MAX);
        buffer[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_part_and_in_order() {
        for count in [0, 1, 255, 256, 257, 1_000, 20_000] {
            let rows: Vec<_> = (0..count).collect();
            assert_eq!(parts(&rows).collect::<Vec<_>>().concat(), rows);
        }
        let sizes: Vec<_> = parts(&[(); 2_000]).map(<[()]>::len).collect();
        assert_eq!(sizes, [256, 384, 576, 784]);
    }

    #[test]
    fn a_chunk_holds_whole_rows() {
        let (column, datum) = (Column::of_type(Type::TEXT), Datum::Text("x".repeat(994).into()));
        let chunks = chunks(&[&column], (0..200).map(|_| [Some(&datum)].into_iter()));
        assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), 200 * 1_000);
        assert!(chunks.len() > 2 && chunks.iter().all(|chunk| chunk.len() % 1_000 == 0));
    }

    #[test]
    fn types_without_a_simple_binary_format_are_left_to_insert() {
        let takes = |ty: &Type| takes(&Column::of_type(ty.clone()));
        assert!([Type::INT2, Type::JSONB, Type::UUID, Type::BPCHAR].iter().all(takes));
        assert!(![Type::MONEY, Type::NUMERIC, Type::TEXT_ARRAY, Type::REGCLASS, Type::NAME].iter().any(takes));
    }
}
