//! A short text that the compiler can put together.

use std::fmt;

/// More than any message needs; what is beyond it is cut off.
const CAPACITY: usize = 2048;

/// A text that is built in constants.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl Text {
    /// A text to begin with.
    pub const fn new(text: &str) -> Self {
        Self { bytes: [0; CAPACITY], length: 0 }.with(text)
    }

    /// The same with more text behind it.
    #[must_use]
    pub const fn with(mut self, text: &str) -> Self {
        let more = text.as_bytes();
        let mut index = 0;
        while index < more.len() && self.length < CAPACITY {
            self.bytes[self.length] = more[index];
            self.length += 1;
            index += 1;
        }
        self
    }

    /// The same with a number behind it.
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

    /// The same with `a`, `b` or `c` behind it.
    #[must_use]
    pub const fn with_words(mut self, words: &[&str], join: &str) -> Self {
        let mut index = 0;
        while index < words.len() {
            if index > 0 {
                self = if index + 1 == words.len() { self.with(" ").with(join).with(" ") } else { self.with(", ") };
            }
            self = self.with("`").with(words[index]).with("`");
            index += 1;
        }
        self
    }

    /// What it says.
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

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_put_together_by_the_compiler() {
        const MADE: Text = Text::new("from ").with_number(i128::MIN).with(" to ").with_number(0);
        assert_eq!(MADE.as_str(), format!("from {} to 0", i128::MIN));
        assert_eq!(Text::new("").with_words(&["a", "b", "c"], "or").as_str(), "`a`, `b` or `c`");
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_at_a_character() {
        let long = Text::new("x").with(&"ä".repeat(CAPACITY));
        assert_eq!(long.as_str().len(), CAPACITY - 1);
    }
}
