//! The words for a key that is too much or too little: the same at start and while a connector is built.

use crate::{
    generated::SettingInfo,
    shape::{Shape, Text, suggest},
};

pub(crate) const fn unknown_key(key: &str, table: &str) -> Text {
    Text::new("unknown key `").with(key).with("` in ").with(table)
}

/// What to do about an unknown key, of which nothing else is known.
pub(crate) const fn instead(key: &str, known: &[&str]) -> Text {
    match suggest::closest(key, known) {
        Some(close) => Text::new("did you mean `").with(close).with("`?"),
        None => Text::new("remove it; the keys here are ").with_words(known, "and"),
    }
}

pub(crate) const fn missing_key(key: &str, table: &str) -> Text {
    Text::new("missing key `").with(key).with("` in ").with(table)
}

/// What to do about a missing key of the author's.
pub(crate) const fn add_key(info: &SettingInfo) -> Text {
    let add = match info.shape {
        Shape::Table(_) => Text::new("add a table `").with(info.key).with("`"),
        _ => Text::new("add `").with(info.key).with(" = …`"),
    };
    if info.help.is_empty() { add } else { add.with(": ").with(first_line(info.help)) }
}

/// The first line, without the full stops at its end.
const fn first_line(text: &str) -> &str {
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() && bytes[end] != b'\n' {
        end += 1;
    }
    while end > 0 && matches!(bytes[end - 1], b'.' | b'\r') {
        end -= 1;
    }
    text.split_at(end).0
}
