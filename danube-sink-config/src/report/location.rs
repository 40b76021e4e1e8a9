//! A location in a configuration file, and the excerpt that shows it.

use std::{ops::Range, path::Path};

const REDACTED: &str = "***";

/// The most characters of a line that an excerpt shows.
const MAX_WIDTH: usize = 160;

/// A configuration file, as reports show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceFile<'a> {
    pub(crate) path: &'a Path,
    pub(crate) text: &'a str,
    /// Bytes that no report may show.
    pub(crate) redacted: &'a [Range<usize>],
}

/// A location in a file: `connector.toml:7:1`, the line, and the marks below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
    /// `connector.toml:7:1: `, which begins a message.
    pub(crate) prefix: String,
    /// The line, and the marks below it.
    pub(crate) excerpt: String,
}

impl SourceFile<'_> {
    pub(crate) fn locate(&self, span: &Range<usize>) -> Location {
        let text = self.text;
        let start = text.floor_char_boundary(span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let line = text[..line_start].matches('\n').count() + 1;
        let column = text[line_start..start].chars().count() + 1;
        let (shown, marks) = self.excerpt(line_start..line_end, &(start..span.end.max(start)));
        let gutter = format!("{line:>4}");
        let blank = " ".repeat(gutter.len());
        Location {
            line,
            column,
            prefix: format!("{}:{line}:{column}: ", self.path.display()),
            excerpt: format!("{gutter} | {shown}\n{blank} | {marks}"),
        }
    }

    /// The line without what is redacted, and the marks below it.
    fn excerpt(&self, line: Range<usize>, span: &Range<usize>) -> (String, String) {
        let mut shown = String::new();
        let mut marks = String::new();
        let mut in_redacted = false;
        for (offset, char) in self.text[line.clone()].char_indices() {
            let at = line.start + offset;
            let mark = if span.contains(&at) { '^' } else { ' ' };
            if self.redacted.iter().any(|part| part.contains(&at)) {
                if !in_redacted {
                    shown.push_str(REDACTED);
                    marks.extend([mark; REDACTED.len()]);
                }
                in_redacted = true;
            } else {
                in_redacted = false;
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
        shorten(shown.trim_end(), marks.trim_end())
    }
}

/// The part around the first mark, if the line is longer than [`MAX_WIDTH`].
fn shorten(shown: &str, marks: &str) -> (String, String) {
    let length = shown.chars().count();
    if length <= MAX_WIDTH {
        return (shown.to_owned(), marks.to_owned());
    }
    let mark = marks.chars().take_while(|mark| *mark != '^').count();
    let start = mark.saturating_sub(MAX_WIDTH / 4).min(length - MAX_WIDTH);
    let part = |line: &str| line.chars().skip(start).take(MAX_WIDTH).collect::<String>();
    let (before, blank) = if start > 0 { ("…", " ") } else { ("", "") };
    let after = if start + MAX_WIDTH < length { "…" } else { "" };
    (format!("{before}{}{after}", part(shown)), format!("{blank}{}", part(marks)))
}
