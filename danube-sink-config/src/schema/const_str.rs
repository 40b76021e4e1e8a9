//! A short string that is built in constants.

use std::fmt;

use super::each;

/// More than any message needs; longer ones are cut.
const CAPACITY: usize = 4096;

/// The most words that a list names.
const MAX_WORDS: usize = 48;

/// A short string that is built in constants.
#[derive(Clone, Copy)]
pub struct ConstStr {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl ConstStr {
    /// A string that begins with a text.
    pub const fn new(text: &str) -> Self {
        Self { bytes: [0; CAPACITY], length: 0 }.with(text)
    }

    /// Appends a text.
    #[must_use]
    pub const fn with(mut self, text: &str) -> Self {
        let (_, rest) = self.bytes.split_at_mut(self.length);
        let length = if text.len() < rest.len() { text.len() } else { rest.len() };
        rest.split_at_mut(length).0.copy_from_slice(text.as_bytes().split_at(length).0);
        self.length += length;
        self
    }

    /// Appends a number.
    #[must_use]
    pub const fn with_number(self, number: i128) -> Self {
        let mut digits = [0; 40];
        let mut start = digits.len();
        let mut rest = number.unsigned_abs();
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let signed = if number < 0 { self.with("-") } else { self };
        let (_, shown) = digits.split_at(start);
        match str::from_utf8(shown) {
            Ok(shown) => signed.with(shown),
            Err(_) => signed,
        }
    }

    /// Appends a list such as `a`, `b` or `c`.
    #[must_use]
    pub const fn with_list(mut self, words: &[&str], join: &str) -> Self {
        let mut index = 0;
        each!(word in words => {
            if index == MAX_WORDS {
                return self.with(" and ").with_number((words.len() - index) as i128).with(" more");
            }
            self = self.with_separator(index, words.len(), join).with("`").with(word).with("`");
            index += 1;
        });
        self
    }

    /// Appends what stands before an item of a list.
    #[must_use]
    pub(crate) const fn with_separator(self, index: usize, count: usize, join: &str) -> Self {
        match index {
            0 => self,
            _ if index + 1 == count => self.with(" ").with(join).with(" "),
            _ => self.with(", "),
        }
    }

    /// The string in capitals, with `_` for what no variable's name has.
    #[must_use]
    pub(crate) const fn into_variable(mut self) -> Self {
        let mut index = 0;
        while index < self.length {
            self.bytes[index] = match self.bytes[index] {
                b'.' | b'-' => b'_',
                byte => byte.to_ascii_uppercase(),
            };
            index += 1;
        }
        self
    }

    /// The string.
    pub const fn as_str(&self) -> &str {
        let (text, _) = self.bytes.split_at(self.length);
        match str::from_utf8(text) {
            Ok(text) => text,
            // Cut off within a character.
            Err(error) => match str::from_utf8(text.split_at(error.valid_up_to()).0) {
                Ok(text) => text,
                Err(_) => "",
            },
        }
    }
}

impl From<ConstStr> for String {
    fn from(text: ConstStr) -> Self {
        text.as_str().to_owned()
    }
}

impl fmt::Display for ConstStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ConstStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_built_in_a_constant() {
        const MADE: ConstStr = ConstStr::new("from ").with_number(i128::MIN).with(" to ").with_number(0);
        assert_eq!(MADE.as_str(), format!("from {} to 0", i128::MIN));
        assert_eq!(ConstStr::new("").with_list(&["a", "b", "c"], "or").as_str(), "`a`, `b` or `c`");
    }

    #[test]
    fn a_string_that_is_too_long_is_cut_at_a_character() {
        let many = ConstStr::new("").with_list(&["x"; MAX_WORDS + 7], "or");
        assert!(many.as_str().ends_with("`x` and 7 more"));
        let long = ConstStr::new("x").with(&"ä".repeat(CAPACITY));
        assert_eq!(long.as_str().len(), CAPACITY - 1);
    }
}
