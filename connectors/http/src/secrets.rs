//! Masks secrets in the texts of responses.

use std::sync::Arc;

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use danube_sink::Secret;

/// The shortest part of a secret that is masked: a shorter one is in too many words.
const PART: usize = 3;

/// The forms of secrets that no message may contain, however they are escaped.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<[String]>);

impl Secrets {
    /// Each secret as it is, in base64, and its parts between the characters that escapes change.
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
        Self::sorted(forms)
    }

    /// These, and one more.
    pub(crate) fn and(&self, secret: &Secret) -> Self {
        Self::sorted(self.0.iter().chain(&*Self::new([secret]).0).cloned().collect())
    }

    fn sorted(mut forms: Vec<String>) -> Self {
        // Longer forms first: masking a part would keep the whole from being found.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        Self(forms.into())
    }

    /// Replaces every form of a secret by `***`.
    pub(crate) fn mask(&self, text: &str) -> String {
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
