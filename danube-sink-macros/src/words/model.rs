//! What the enum says, checked.

use proc_macro2::TokenStream;
use syn::Ident;

pub(crate) struct CheckedWords {
    pub(crate) name: Ident,
    /// What the words are for, such as `write mode`.
    pub(crate) what: String,
    pub(crate) words: Vec<Word>,
    /// What holds without the key.
    pub(crate) default: Option<Ident>,
}

pub(crate) struct Word {
    pub(crate) variant: Ident,
    pub(crate) text: String,
    /// Where the word is said.
    pub(crate) place: TokenStream,
}
