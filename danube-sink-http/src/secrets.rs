//! Secrets, taken out of what others say.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use danube_sink::Secret;

/// A shorter part of a secret is in too many words to hide it.
const PART: usize = 3;

/// What no message may hold, however it is escaped.
#[derive(Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Each secret, in base64, and its parts between the signs that escapes change.
    pub(crate) fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let mut forms = Vec::new();
        for secret in secrets.into_iter().map(Secret::expose).filter(|secret| !secret.is_empty()) {
            forms.extend([
                secret.to_owned(),
                BASE64_STANDARD_NO_PAD.encode(secret),
                BASE64_URL_SAFE_NO_PAD.encode(secret),
            ]);
            let parts = secret.split(|letter: char| !letter.is_ascii_alphanumeric());
            forms.extend(parts.filter(|part| part.len() >= PART).map(str::to_owned));
        }
        // A part does not hide the whole in pieces.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        Self(forms)
    }

    pub(crate) fn hidden_in(&self, text: &str) -> String {
        self.0.iter().fold(
            text.to_owned(),
            |text, form| if text.contains(&**form) { text.replace(&**form, "***") } else { text },
        )
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
