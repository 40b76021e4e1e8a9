//! Iterates over the parts of a valid JSON text without copying.

use std::borrow::Cow;

use memchr::memchr2;

/// The members of an object: the name as written, in quotation marks, and the value. `None` for another value.
pub(crate) fn members(json: &str) -> Option<impl Iterator<Item = (&str, &str)>> {
    let mut parts = Parts::of(json, b'{', b'}')?;
    Some(std::iter::from_fn(move || {
        let name = parts.next()?;
        Some((name, parts.next()?))
    }))
}

/// The items of an array. `None` for another value.
pub(crate) fn items(json: &str) -> Option<impl Iterator<Item = &str>> {
    let mut parts = Parts::of(json, b'[', b']')?;
    Some(std::iter::from_fn(move || parts.next()))
}

/// The content of a string. `None` for another value.
pub(crate) fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    match inner.contains('\\') {
        false => Some(Cow::Borrowed(inner)),
        true => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// The names and values of an object, or the items of an array, in sequence.
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
        let bytes = self.json.as_bytes();
        while matches!(bytes.get(self.at)?, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':') {
            self.at += 1;
        }
        let begin = self.at;
        self.at = end(bytes, begin);
        self.json.get(begin..self.at)
    }
}

/// The end of the value that begins at `begin`.
fn end(bytes: &[u8], begin: usize) -> usize {
    let (mut at, mut depth) = (begin, 0_usize);
    while let Some(byte) = bytes.get(at) {
        at = match byte {
            b'"' => end_of_string(bytes, at + 1),
            b'{' | b'[' => {
                depth += 1;
                at + 1
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at + 1
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at,
            _ => {
                at += 1;
                continue;
            }
        };
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
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
        assert_eq!(items(found[1].1).unwrap().collect::<Vec<_>>(), [r#"{"x":"}]\\"}"#, "[2]"]);
        assert_eq!(items("[ ]").unwrap().count() + members("{ }").unwrap().count(), 0);
        assert!(items("{}").is_none() && members("[]").is_none() && members("1").is_none() && items("[").is_none());
        assert_eq!(string(r#""a\u00e4""#).unwrap(), "aä");
        assert!(string("1").is_none() && string("\"").is_none());
    }
}
