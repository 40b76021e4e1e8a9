use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Payload;

#[derive(Deserialize)]
struct Nested<N, P, T> {
    number: N,
    about: About<P, T>,
    at: T,
    text: T,
}

#[derive(Deserialize)]
struct About<P, T> {
    name: T,
    price: P,
}

#[derive(Deserialize, Serialize)]
struct Row<N, P, T> {
    number: N,
    name: T,
    price: P,
    at: T,
    text: T,
}

impl<N, P, T> From<Nested<N, P, T>> for Row<N, P, T> {
    fn from(Nested { number, about: About { name, price }, at, text }: Nested<N, P, T>) -> Self {
        Self { number, name, price, at, text }
    }
}

fn row<'p, N: Deserialize<'p>, P: Deserialize<'p>, T: Deserialize<'p>>(
    payload: &'p [u8],
    kind: Payload,
) -> Row<N, P, T> {
    match kind {
        Payload::Row => serde_json::from_slice(payload).expect("a payload"),
        Payload::Nested => serde_json::from_slice::<Nested<_, _, _>>(payload).expect("a payload").into(),
    }
}

/// The rows of nested payloads in `JSONEachRow`, every digit kept.
pub(super) fn picked(payloads: &[&[u8]]) -> Vec<u8> {
    let mut rows = Vec::new();
    for payload in payloads {
        let row: Row<&RawValue, &RawValue, &RawValue> = row(payload, Payload::Nested);
        serde_json::to_writer(&mut rows, &row).expect("a row");
        rows.push(b'\n');
    }
    rows
}

/// A block of the format `Native`, by a client that knows the columns and what is in them.
pub(super) fn native(payloads: &[&[u8]], kind: Payload) -> Vec<u8> {
    let [mut numbers, mut names, mut prices, mut times, mut texts]: [Vec<u8>; 5] = Default::default();
    for payload in payloads {
        let row: Row<u64, &RawValue, &str> = row(payload, kind);
        numbers.extend(row.number.to_le_bytes());
        put_text(row.name, &mut names);
        let (whole, fraction) = row.price.get().split_once('.').expect("a price");
        let [whole, fraction] = [whole, &fraction[..2]].map(|digits| digits.parse::<i64>().expect("digits"));
        prices.extend((whole * 10_000 + fraction * 100).to_le_bytes());
        times.extend(seconds(row.at).to_le_bytes());
        put_text(row.text, &mut texts);
    }
    let mut block = Vec::with_capacity(numbers.len() + names.len() + prices.len() + times.len() + texts.len() + 200);
    put_length(5, &mut block);
    put_length(payloads.len(), &mut block);
    for (name, kind, values) in [
        ("number", "UInt64", numbers),
        ("name", "String", names),
        ("price", "Decimal(18, 4)", prices),
        ("at", "DateTime", times),
        ("text", "String", texts),
    ] {
        put_text(name, &mut block);
        put_text(kind, &mut block);
        block.extend(values);
    }
    block
}

/// From 1970 to a time of UTC such as `2018-02-07 01:26:13`; the days by Howard Hinnant's `days_from_civil`.
fn seconds(time: &str) -> u32 {
    let number = |from: usize, to: usize| time[from..to].parse::<u32>().expect("digits");
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let year = year - u32::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    days * 86_400 + number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19)
}

fn put_text(text: &str, bytes: &mut Vec<u8>) {
    put_length(text.len(), bytes);
    bytes.extend_from_slice(text.as_bytes());
}

fn put_length(mut length: usize, bytes: &mut Vec<u8>) {
    while length >= 0x80 {
        bytes.push((length & 0x7f | 0x80) as u8);
        length >>= 7;
    }
    bytes.push(length as u8);
}
