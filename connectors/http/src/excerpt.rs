//! Masks values of the request in an excerpt of a response, which may repeat them.

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use reqwest::Request;

/// Replaces a word that is not shown.
const HIDDEN: &str = "***";
/// The shortest word that hides words that contain it or are contained in it; a shorter one hides only its equals.
const PART: usize = 3;
/// The longest word that is shown.
const LONGEST: usize = 24;
/// The most bytes of a response that are searched for words to show.
const MOST_SEARCHED: usize = 2_000;

/// The texts of a request, in lower case: as they are, and without the escapes of JSON and URLs.
#[derive(Default)]
pub(crate) struct Sent(Vec<String>);

impl Sent {
    pub(crate) fn of(request: &Request) -> Self {
        let url = percent_decode_str(request.url().as_str()).decode_utf8_lossy().into_owned();
        let headers = request.headers().values().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let body = request.body().and_then(|body| body.as_bytes()).map(String::from_utf8_lossy).unwrap_or_default();
        let texts = [unescaped(&body), body.into_owned(), url].into_iter().chain(headers);
        Self(texts.map(|text| text.to_ascii_lowercase()).collect())
    }

    /// The words of a text that cannot come from the request, on one line of at most `limit` characters.
    ///
    /// A word is shown if it consists of ASCII letters, all lower case, all upper case, or capitalized; and if it is no part of
    /// the request, and no word of the request is a part of it. So a value is hidden even if it is cut off, escaped, or in another
    /// case, and so is every number and everything that is encoded.
    pub(crate) fn words_without(&self, text: &str, limit: usize) -> String {
        let known: HashSet<&str> =
            self.0.iter().flat_map(|sent| sent.split(|letter: char| !letter.is_ascii_alphabetic())).collect();
        let mut shown = String::new();
        let (mut length, mut searched) = (0, 0);
        for piece in text.trim().split_inclusive(separates) {
            searched += piece.len();
            // A full stop in a word makes it a name or a number.
            let (word, behind) =
                piece.split_at(piece.trim_end_matches(|letter| separates(letter) || letter == '.').len());
            let is_shown = word.is_empty() || is_plain(word) && !self.contains(&word.to_ascii_lowercase(), &known);
            // Consecutive hidden words become one `***`.
            if is_shown || !shown.trim_end().ends_with(HIDDEN) {
                shown.push_str(if is_shown { word } else { HIDDEN });
            }
            shown.extend(behind.chars().map(|letter| if letter.is_control() { ' ' } else { letter }));
            if shown.chars().count() > limit || searched > MOST_SEARCHED {
                shown.truncate(length);
                break;
            }
            length = shown.len();
        }
        shown.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn contains(&self, word: &str, known: &HashSet<&str>) -> bool {
        let mut parts = (0..word.len()).flat_map(|from| (from + PART..=word.len()).map(move |to| &word[from..to]));
        known.contains(word)
            || word.len() >= PART && self.0.iter().any(|sent| sent.contains(word))
            || parts.any(|part| known.contains(part))
    }
}

fn separates(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || "\"'(){}[]<>,;:!?|".contains(letter)
}

/// Whether it looks like a word: single letters could spell anything.
fn is_plain(word: &str) -> bool {
    let letters = word.as_bytes();
    letters.len() <= LONGEST
        && letters.iter().all(u8::is_ascii_alphabetic)
        && (letters.len() > 1 || word == "a")
        && (letters[1..].iter().all(u8::is_ascii_lowercase) || letters.iter().all(u8::is_ascii_uppercase))
}

/// A text with the escapes of JSON resolved.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.strip_prefix('u').and_then(|digits| Some((digits.get(..4)?, &digits[4..])));
        let letter = code.and_then(|(digits, _)| char::from_u32(u32::from_str_radix(digits, 16).ok()?));
        match (letter, code, part.strip_prefix(['n', 'r', 't', 'b', 'f'])) {
            (Some(letter), Some((_, rest)), _) => {
                plain.push(letter);
                plain.push_str(rest);
            }
            (_, _, Some(rest)) => {
                plain.push(' ');
                plain.push_str(rest);
            }
            _ => plain.push_str(part),
        }
    }
    plain
}
