//! What the values of the common keys must be beyond their types.

use url::Url;

use crate::config::{
    file::value::Value,
    read::keys::{Key, Kind},
    report::mistake::Mistake,
};

/// A whole number in the key's range.
pub(crate) fn number(key: &Key, value: &Value) -> Result<u64, Mistake> {
    let (min, max) = match key.kind {
        Kind::Number { min, max } => (min, max),
        _ => (0, u64::MAX),
    };
    let help = || format!("write a whole number from {min} to {max}{}", key.fallback());
    let number = value.as_whole().map_err(|mistake| Mistake { help: help(), ..mistake })?;
    u64::try_from(number)
        .ok()
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| value.mistake("the number is out of range", help()))
}

/// A text of the key's kind.
pub(crate) fn text(key: &Key, value: &Value) -> Result<String, Mistake> {
    let text = value.as_text()?;
    match key.kind {
        Kind::Topic if !is_topic(text) => Err(value.mistake(
            "not the name of a topic",
            "write `/namespace/name`; each of the two consists of letters, digits, `_` and `-`",
        )),
        Kind::Url => {
            service_url(text)
                .map_err(|message| value.mistake(message, "write a URL such as `http://localhost:6650`"))?;
            Ok(text.to_owned())
        }
        _ if text.trim().is_empty() => {
            Err(value.mistake("the text is empty", format!("write {}{}", key.doc, key.fallback())))
        }
        _ => Ok(text.to_owned()),
    }
}

/// `/namespace/name`.
pub(crate) fn is_topic(text: &str) -> bool {
    let good = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    text.strip_prefix('/').and_then(|rest| rest.split_once('/')).is_some_and(|(space, name)| good(space) && good(name))
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
