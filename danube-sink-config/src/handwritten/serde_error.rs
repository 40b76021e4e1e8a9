//! Serde's messages, with a remedy.

use std::ops::Range;

use crate::{report::mistake::Mistake, shape::suggest};

/// A mistake that serde found in the author's own struct.
pub(super) fn mistake(message: &str, span: Option<Range<usize>>) -> Mistake {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (message, help) = match (message.split_once(", expected "), quoted.as_slice()) {
        (Some((what, expected)), [word, candidates @ ..]) if what.starts_with("unknown ") => {
            let help = match suggest::closest(word, candidates) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("expected {expected}"),
            };
            (what, help)
        }
        (Some((what, expected)), _) => (what, format!("write {expected}")),
        (None, [field, ..]) if message.starts_with("missing field") => (message, format!("add `{field} = …` here")),
        _ => (message, "correct what the message names; the struct's field says what it takes".to_owned()),
    };
    Mistake::new(message, help).at(span)
}
