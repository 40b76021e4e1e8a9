//! Suggestions for misspelt words: "did you mean …?"

use super::{any, each};

/// Longer words are compared up to this length.
const MAX_LENGTH: usize = 64;

/// The candidate that is closest to a word, if one is close.
pub const fn closest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let mut best = None;
    let mut least = usize::MAX;
    each!(candidate in candidates => {
        if let Some(distance) = close_distance(word, candidate)
            && distance < least
        {
            (best, least) = (Some(*candidate), distance);
        }
    });
    best
}

/// The greatest distance of two words that are close: two thirds must agree, and a single typing error is always tolerated.
const fn tolerance(one: &str, two: &str) -> usize {
    let longer = if one.len() > two.len() { one.len() } else { two.len() };
    if longer / 3 > 1 { longer / 3 } else { 1 }
}

/// Whether two words are close enough for a suggestion.
pub(crate) const fn is_close(one: &str, two: &str) -> bool {
    close_distance(one, two).is_some()
}

/// The distance of two words that are close.
const fn close_distance(one: &str, two: &str) -> Option<usize> {
    // The lengths alone save most comparisons.
    if one.len().abs_diff(two.len()) > tolerance(one, two) {
        return None;
    }
    let distance = distance(one.as_bytes(), two.as_bytes());
    if distance <= tolerance(one, two) { Some(distance) } else { None }
}

/// How many letters must be added, removed, changed or swapped to make one word the other.
const fn distance(one: &[u8], two: &[u8]) -> usize {
    let (lines, columns) = (cut(one), cut(two));
    // Of the first letters of one word, as many as the line, and those of the other, as many as the column.
    let mut distances = [[0; MAX_LENGTH + 1]; MAX_LENGTH + 1];
    let mut line = 0;
    while line <= lines {
        let mut column = 0;
        while column <= columns {
            distances[line][column] = if line == 0 || column == 0 {
                line + column
            } else {
                let (left, right) = (plain(one[line - 1]), plain(two[column - 1]));
                let changed = distances[line - 1][column - 1] + (left != right) as usize;
                let best = smaller(changed, 1 + smaller(distances[line - 1][column], distances[line][column - 1]));
                if line > 1 && column > 1 && left == plain(two[column - 2]) && plain(one[line - 2]) == right {
                    smaller(best, 1 + distances[line - 2][column - 2])
                } else {
                    best
                }
            };
            column += 1;
        }
        line += 1;
    }
    distances[lines][columns]
}

const fn cut(word: &[u8]) -> usize {
    smaller(word.len(), MAX_LENGTH)
}

const fn smaller(one: usize, two: usize) -> usize {
    if one < two { one } else { two }
}

const fn plain(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() }
}

/// Whether two words are the same but for case, `_` and `-`: `KeyShared`, `Key_Shared`, `key-shared`.
pub const fn same_word(one: &str, two: &str) -> bool {
    let (one, two) = (one.as_bytes(), two.as_bytes());
    let (mut left, mut right) = (0, 0);
    loop {
        while left < one.len() && plain(one[left]) == b'_' {
            left += 1;
        }
        while right < two.len() && plain(two[right]) == b'_' {
            right += 1;
        }
        if left == one.len() || right == two.len() {
            return left == one.len() && right == two.len();
        }
        if plain(one[left]) != plain(two[right]) {
            return false;
        }
        left += 1;
        right += 1;
    }
}

/// Whether two strings are equal.
pub(crate) const fn is_same(one: &str, two: &str) -> bool {
    same_bytes(one.as_bytes(), two.as_bytes())
}

pub(crate) const fn same_bytes(one: &[u8], two: &[u8]) -> bool {
    let mut index = 0;
    while index < one.len() && index < two.len() && one[index] == two[index] {
        index += 1;
    }
    index == one.len() && index == two.len()
}

/// Whether a word is among others.
pub(crate) const fn contains(words: &[&str], word: &str) -> bool {
    any!(other in words => is_same(other, word))
}

/// A list such as `a`, `b` or `c`; `none` without words.
pub fn list(words: &[&str], join: &str) -> String {
    if words.is_empty() { "none".to_owned() } else { super::ConstStr::new("").with_list(words, join).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_recognized_and_another_word_is_not() {
        let words = ["default", "secret", "env", "batch_size"];
        assert_eq!(closest("defualt", &words), Some("default"));
        assert_eq!(closest("evn", &words), Some("env"), "two letters are swapped");
        assert_eq!(closest("Batch-Size", &words), Some("batch_size"));
        assert_eq!(closest("range", &words), None);
        assert_eq!(closest("", &words), None);
    }

    #[test]
    fn words_are_written_in_several_ways() {
        assert!(same_word("KeyShared", "key-shared") && same_word("Key_Shared", "KEYSHARED"));
        assert!(!same_word("Shared", "KeyShared") && !same_word("Key", "KeyShared"));
    }
}
