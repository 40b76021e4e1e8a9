//! What the values of the common keys must be.

use url::Url;

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
    if matches!(key.shape, Shape::ServiceUrl) {
        service_url(text).map_err(|message| value.mistake(message, "write a URL such as `http://localhost:6650`"))?;
    }
    value.fits(&key.shape)?;
    Ok(text.to_owned())
}

/// Whether a client can connect to it. The message does not repeat the text.
pub(crate) fn service_url(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    match url.scheme() {
        "http" | "https" => {}
        _ => return Err("a broker is reached by `http` or `https`".to_owned()),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("the URL names no host".to_owned());
    }
    Ok(())
}
