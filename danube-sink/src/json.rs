//! The parts of a valid JSON text, as they are written and without a copy, such as those of [`SinkRecord::as_json`].
//!
//! ```
//! use danube_sink::{SinkRecord, json};
//!
//! let record = SinkRecord::builder("/default/orders").payload(r#"{ "id": 7, "prices": [0.10, 1e2] }"#).build();
//! let text = record.as_json()?;
//! let members: Vec<_> = json::members(&text).into_iter().flatten().collect();
//! assert_eq!(members, [("\"id\"", "7"), ("\"prices\"", "[0.10, 1e2]")]);
//! let prices: Vec<_> = json::items(members[1].1).into_iter().flatten().collect();
//! assert_eq!(prices, ["0.10", "1e2"]);
//! # Ok::<(), danube_sink::ConnectorError>(())
//! ```
//!
//! [`SinkRecord::as_json`]: crate::SinkRecord::as_json

use std::{borrow::Cow, collections::HashSet};

use memchr::memchr2;

/// The members of an object: the name as written, in quotation marks, and the value. `None` for another value.
pub fn members(json: &str) -> Option<impl Iterator<Item = (&str, &str)>> {
    let mut members = Members::of(json)?;
    Some(std::iter::from_fn(move || members.next()))
}

/// The members of an object, each with its name as it reads, and the value as written. `None` for another value.
pub fn fields(json: &str) -> Option<impl Iterator<Item = (Cow<'_, str>, &str)>> {
    Some(members(json)?.filter_map(|(name, value)| Some((string(name)?, value))))
}

/// Whether two members of an object have one name, among all of its [`fields`].
pub fn has_duplicate(fields: &[(Cow<'_, str>, &str)]) -> bool {
    /// Up to so many names, it takes less time to compare each with each than to hash them.
    const FEW: usize = 24;
    if fields.len() <= FEW {
        let is_earlier = |(number, (name, _)): (usize, &(Cow<'_, str>, _))| {
            fields[..number].iter().any(|(earlier, _)| earlier == name)
        };
        return fields.iter().enumerate().any(is_earlier);
    }
    let mut seen = HashSet::with_capacity(fields.len());
    !fields.iter().all(|(name, _)| seen.insert(name))
}

/// The members of an object, in sequence.
#[derive(Debug)]
pub struct Members<'j>(Parts<'j>);

impl<'j> Members<'j> {
    /// The members of this object. `None` for another value.
    pub fn of(json: &'j str) -> Option<Self> {
        Parts::of(json, b'{', b'}').map(Self)
    }

    /// The name of the next member as written, in quotation marks, and its value.
    #[expect(clippy::should_implement_trait, reason = "the sequence also has `next_if`")]
    pub fn next(&mut self) -> Option<(&'j str, &'j str)> {
        let name = self.0.next()?;
        Some((name, self.0.next()?))
    }

    /// The value of the next member if it begins with this name, in quotation marks and with the colon. This is faster than to
    /// read a name, and does not find one with white space before the colon.
    pub fn next_if(&mut self, name: &str) -> Option<&'j str> {
        self.0.skip_if(name).then(|| self.0.next()).flatten()
    }
}

/// The items of an array. `None` for another value.
pub fn items(json: &str) -> Option<impl Iterator<Item = &str>> {
    let mut parts = Parts::of(json, b'[', b']')?;
    Some(std::iter::from_fn(move || parts.next()))
}

/// The content of a string. `None` for another value.
pub fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    match inner.contains('\\') {
        false => Some(Cow::Borrowed(inner)),
        true => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// The names and values of an object, or the items of an array, in sequence.
#[derive(Debug)]
struct Parts<'j> {
    json: &'j str,
    at: usize,
}

impl<'j> Parts<'j> {
    fn of(json: &'j str, open: u8, close: u8) -> Option<Self> {
        let bytes = json.as_bytes();
        let is_one = bytes.len() > 1 && bytes.first() == Some(&open) && bytes.last() == Some(&close);
        is_one.then(|| Self { json: &json[1..json.len() - 1], at: 0 })
    }

    fn next(&mut self) -> Option<&'j str> {
        let begin = self.begin()?;
        self.at = end(self.json.as_bytes(), begin);
        self.json.get(begin..self.at)
    }

    /// Skips this text if it is next.
    fn skip_if(&mut self, text: &str) -> bool {
        let is_next = self.begin().is_some_and(|begin| self.json.as_bytes()[begin..].starts_with(text.as_bytes()));
        self.at += if is_next { text.len() } else { 0 };
        is_next
    }

    /// The begin of the next part.
    fn begin(&mut self) -> Option<usize> {
        let bytes = self.json.as_bytes();
        while matches!(bytes.get(self.at)?, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':') {
            self.at += 1;
        }
        Some(self.at)
    }
}

/// The end of the value that begins at `begin`.
fn end(bytes: &[u8], begin: usize) -> usize {
    match bytes.get(begin) {
        Some(b'"') => end_of_string(bytes, begin + 1),
        Some(b'{' | b'[') => end_of_nested(bytes, begin),
        _ => {
            let rest = bytes.get(begin..).unwrap_or_default();
            let is_end = |byte: &u8| matches!(byte, b',' | b':' | b' ' | b'\t' | b'\n' | b'\r');
            begin + rest.iter().position(is_end).unwrap_or(rest.len())
        }
    }
}

fn end_of_nested(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        at = match byte {
            b'"' => end_of_string(bytes, at + 1),
            b'[' => skip_plain(bytes, at + 1),
            _ => at + 1,
        };
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    bytes.len()
}

/// A place before the next quotation mark, brace and bracket: in a long array of numbers, near its end.
fn skip_plain(bytes: &[u8], at: usize) -> usize {
    const CHUNK: usize = 32;
    // A bracket differs from its brace by one bit.
    let is_mark = |byte: &u8| (*byte == b'"') | matches!(*byte | 0x20, b'{' | b'}');
    let (chunks, _) = bytes.get(at..).unwrap_or_default().as_chunks::<CHUNK>();
    // No early exit within a chunk, so that the compiler vectorizes the loop.
    let is_plain = |chunk: &&[u8; CHUNK]| !chunk.iter().fold(false, |found, byte| found | is_mark(byte));
    at + chunks.iter().take_while(is_plain).count() * CHUNK
}

fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        match bytes[at - 1] {
            b'"' => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_they_are_written() {
        let json = r#"{ "a" : 1.0e0 ,"b\"c":[ {"x":"}]\\"}, [2] ],"":{},"ä":"\"" , "n":null}"#;
        let found: Vec<_> = members(json).unwrap().collect();
        let expected = [
            (r#""a""#, "1.0e0"),
            (r#""b\"c""#, r#"[ {"x":"}]\\"}, [2] ]"#),
            (r#""""#, "{}"),
            (r#""ä""#, r#""\"""#),
            (r#""n""#, "null"),
        ];
        assert_eq!(found, expected);
        assert_eq!(fields(json).unwrap().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "b\"c", "", "ä", "n"]);
        let mut one_by_one = Members::of(json).unwrap();
        assert_eq!([r#""a":"#, r#""b":"#, r#""b\"c":"#].map(|other| one_by_one.next_if(other)), [None; 3]);
        assert_eq!((one_by_one.next(), one_by_one.next_if(r#""a":"#)), (Some(found[0]), None));
        assert_eq!((one_by_one.next_if(r#""b\"c":"#), one_by_one.next()), (Some(found[1].1), Some(found[2])));
        assert_eq!(items(found[1].1).unwrap().collect::<Vec<_>>(), [r#"{"x":"}]\\"}"#, "[2]"]);
        assert_eq!(items("[ ]").unwrap().count() + members("{ }").unwrap().count(), 0);
        assert!(items("{}").is_none() && members("[]").is_none() && members("1").is_none() && items("[").is_none());
        assert_eq!(string(r#""a\u00e4""#).unwrap(), "aä");
        assert!(string("1").is_none() && string("\"").is_none());
    }

    #[test]
    fn an_array_of_numbers_ends_wherever_its_bracket_is() {
        for length in 0..120 {
            let numbers = &"1.5,-2e7,".repeat(14)[..length];
            for value in [format!("[{numbers}]"), format!("[[{numbers}],{{}}]"), format!("{{\"]\":[{numbers}]}}")] {
                let json = format!(r#"{{"a":{value},"b":[7]}}"#);
                let values: Vec<_> = members(&json).unwrap().map(|(_, value)| value).collect();
                assert_eq!(values, [&value, "[7]"], "{json}");
            }
        }
    }

    #[test]
    fn a_name_is_found_twice_among_few_and_many() {
        for count in [0, 1, 2, 24, 25, 100] {
            let mut all: Vec<_> = (0..count).map(|number| (number.to_string().into(), "1")).collect();
            assert!(!has_duplicate(&all), "{count}");
            all.extend(all.first().cloned());
            assert_eq!(has_duplicate(&all), count > 0, "{count}");
        }
    }
}
