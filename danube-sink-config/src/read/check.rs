//! What the values of the common keys must be.

use std::net::IpAddr;

use crate::{
    file::value::Value,
    read::keys::Key,
    report::mistake::{Mistake, Mistakes},
    shape::{self, Shape},
};

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

/// An IP address.
pub(crate) fn address(key: &Key, value: &Value) -> Result<IpAddr, Mistake> {
    let help = |wrong: Mistake| Mistake { help: format!("{}{}", wrong.help, key.fallback()), ..wrong };
    value.fits(&key.shape).map_err(help)?;
    value.as_text()?.parse().map_err(|_| help(value.mistake(shape::NO_ADDRESS, shape::AN_ADDRESS)))
}

/// A list of texts, each of the shape that the key's list holds.
pub(crate) fn texts(key: &Key, value: &Value) -> Result<Vec<String>, Mistakes> {
    value.fits(&key.shape)?;
    let (mut texts, mut mistakes) = (Vec::new(), Mistakes::default());
    for item in value.as_list()? {
        let text = item.fits(key.shape.item()).and_then(|()| item.as_text());
        texts.extend(mistakes.keep(text.map(str::to_owned).map_err(Mistakes::from)));
    }
    mistakes.into_result().map(|()| texts)
}
