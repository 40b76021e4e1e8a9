//! What the values of the common keys must be.

use crate::{file::value::Value, read::keys::Key, report::mistake::Mistake, shape::Shape};

/// A whole number in the key's range.
pub(crate) fn number(key: &Key, value: &Value) -> Result<u64, Mistake> {
    let help = |wrong: Mistake| {
        let Shape::Whole { min, max } = key.shape else { return wrong };
        Mistake { help: format!("write a whole number from {min} to {max}{}", key.fallback()), ..wrong }
    };
    value.fits(&key.shape).map_err(help)?;
    let number = value.as_whole()?;
    u64::try_from(number).map_err(|_| value.mistake("the number is out of range", key.doc))
}

/// A text of the key's shape.
pub(crate) fn text(key: &Key, value: &Value) -> Result<String, Mistake> {
    let text = value.as_text()?;
    if text.trim().is_empty() {
        return Err(value.mistake("the text is empty", format!("write {}{}", key.doc, key.fallback())));
    }
    value.fits(&key.shape)?;
    Ok(text.to_owned())
}
