//! The enum, checked.

use proc_macro2::TokenStream;
use syn::Ident;

pub(crate) struct CheckedEnum {
    pub(crate) name: Ident,
    /// The name of the choice in messages, such as `write mode`.
    pub(crate) what: String,
    pub(crate) words: Vec<Word>,
    /// The default.
    pub(crate) default: Option<Ident>,
}

pub(crate) struct Word {
    pub(crate) variant: Ident,
    pub(crate) word: String,
    /// The place of the word.
    pub(crate) place: TokenStream,
}
