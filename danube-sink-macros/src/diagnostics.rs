//! The errors of an item, each with its place and its remedy.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;

/// Collects errors, so that no check stops at the first one.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    found: Vec<syn::Error>,
}

impl Diagnostics {
    /// An error at `place`. `help` is the remedy.
    pub(crate) fn push(&mut self, place: impl ToTokens, message: impl Display, help: impl Display) {
        self.found.push(syn::Error::new_spanned(place, format!("{message}\nhelp: {help}")));
    }

    /// An error of the parser, which has its place.
    pub(crate) fn syntax(&mut self, error: &syn::Error, help: impl Display) {
        self.found.push(syn::Error::new(error.span(), format!("{error}\nhelp: {help}")));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The errors as code that does not compile.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.found.iter().map(syn::Error::to_compile_error).collect()
    }
}
