//! Mistakes as text: place, offending line, remedy.

use std::{fmt::Write, ops::Range, path::Path};

use crate::{report::mistake::Mistake, shape::given};

const HIDDEN: &str = "***";

/// The most characters of a line that are shown.
const WIDEST: usize = 160;

/// The report of a file. `hidden` are the parts of the text that may not be shown.
pub(crate) fn render(path: &Path, text: &str, mistakes: &[Mistake], hidden: &[Range<usize>]) -> String {
    let mut out = String::new();
    for mistake in mistakes {
        match &mistake.span {
            Some(span) => out.push_str(&render_in_file(path, text, mistake, span, hidden)),
            None => out.push_str(&render_one(mistake)),
        }
        out.push('\n');
    }
    let count = mistakes.len();
    let noun = if count == 1 { "mistake" } else { "mistakes" };
    // Writing to a string cannot fail.
    let _ = write!(out, "{count} {noun} in {}", path.display());
    out
}

/// A mistake that is in no line of a file.
pub(crate) fn render_one(mistake: &Mistake) -> String {
    format!("error: {}\n   help: {}\n", mistake.message, mistake.help)
}

fn render_in_file(path: &Path, text: &str, mistake: &Mistake, span: &Range<usize>, hidden: &[Range<usize>]) -> String {
    let Place { at, lines } = place(path, text, span, hidden);
    format!("error: {at}{}\n{lines}\n   help: {}\n", mistake.message, mistake.help)
}

/// A part of a file, as a report shows it.
pub(crate) struct Place {
    /// `connector.toml:7:1: `
    pub(crate) at: String,
    /// The line and, below it, the marks.
    pub(crate) lines: String,
}

impl Place {
    pub(crate) fn borrowed(&self) -> given::Place<'_> {
        given::Place { at: &self.at, lines: &self.lines }
    }
}

pub(crate) fn place(path: &Path, text: &str, span: &Range<usize>, hidden: &[Range<usize>]) -> Place {
    let start = floor(text, span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    let number = text[..line_start].matches('\n').count() + 1;
    let column = text[line_start..start].chars().count() + 1;
    let hidden: Vec<_> = hidden.iter().cloned().chain(logins(text, line_start..line_end)).collect();
    let (shown, marks) = excerpt(text, line_start..line_end, &(start..span.end.max(start)), &hidden);
    let gutter = format!("{number:>4}");
    let blank = " ".repeat(gutter.len());
    Place {
        at: format!("{}:{number}:{column}: ", path.display()),
        lines: format!("{gutter} | {shown}\n{blank} | {marks}"),
    }
}

/// Where names and passwords stand in the addresses of a line: `https://name:password@host`.
fn logins(text: &str, line: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let addresses = text[line.clone()].match_indices("://").map(move |(at, _)| line.start + at + 3);
    addresses.filter_map(|begin| {
        // What ends a host may stand in a password that nobody escaped.
        let address = text[begin..].split(['"', '\'', ' ', '\t', '\n']).next()?;
        Some(begin..begin + address.rfind('@')?)
    })
}

/// The line as it may be shown, and the line of marks below it.
fn excerpt(text: &str, line: Range<usize>, span: &Range<usize>, hidden: &[Range<usize>]) -> (String, String) {
    let mut shown = String::new();
    let mut marks = String::new();
    let mut in_hidden = false;
    for (offset, char) in text[line.clone()].char_indices() {
        let at = line.start + offset;
        let mark = if span.contains(&at) { '^' } else { ' ' };
        if hidden.iter().any(|part| part.contains(&at)) {
            if !in_hidden {
                shown.push_str(HIDDEN);
                marks.extend([mark; HIDDEN.len()]);
            }
            in_hidden = true;
        } else {
            in_hidden = false;
            if char != '\r' {
                shown.push(char);
                // A tab stays a tab, so that the marks stand below what they mark.
                marks.push(if char == '\t' { char } else { mark });
            }
        }
    }
    if !marks.contains('^') {
        marks.push('^');
    }
    cut(shown.trim_end(), marks.trim_end())
}

/// What is around the first mark, if the line is longer than anybody reads.
fn cut(shown: &str, marks: &str) -> (String, String) {
    let length = shown.chars().count();
    if length <= WIDEST {
        return (shown.to_owned(), marks.to_owned());
    }
    let mark = marks.chars().take_while(|mark| *mark != '^').count();
    let start = mark.saturating_sub(WIDEST / 4).min(length - WIDEST);
    let part = |line: &str| line.chars().skip(start).take(WIDEST).collect::<String>();
    let (before, blank) = if start > 0 { ("…", " ") } else { ("", "") };
    let after = if start + WIDEST < length { "…" } else { "" };
    (format!("{before}{}{after}", part(shown)), format!("{blank}{}", part(marks)))
}

/// What follows `key =` in every line that sets one of `keys`, for a text that cannot be parsed.
///
/// Such a value may run over lines until a quote that is missing. Unless one quoted text ends its line, all that follows
/// is hidden.
pub(crate) fn lines_of_keys(text: &str, keys: &[&str]) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        if let Some((before, after)) = line.split_once('=')
            && keys.contains(&last_word(before))
        {
            let value = start + before.len() + 1;
            if !is_one_text(after.trim()) {
                hidden.push(value..text.len());
                return hidden;
            }
            hidden.push(value..end);
        }
        start = end;
    }
    hidden
}

/// The key of `table.key`, `"key"` or `{ key`.
fn last_word(before: &str) -> &str {
    let word = before.rsplit(['{', ',', '.']).next().unwrap_or(before);
    word.trim().trim_matches(['"', '\''])
}

/// `"…"` and nothing else: a line that ends with the value.
fn is_one_text(value: &str) -> bool {
    value.len() >= 2 && value.matches('"').count() == 2 && value.starts_with('"') && value.ends_with('"')
}

/// The start of the character that `offset` is in, within the text.
fn floor(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
