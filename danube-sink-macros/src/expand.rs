//! Which item a macro was put on, and which plan holds for it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Item};

use crate::{connector, diagnostics::Diagnostics, implementation, mapping};

pub(crate) fn sink_connector(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Struct(item)) => connector::expand(arguments, item),
        Ok(Item::Impl(item)) => implementation::expand(arguments, item),
        Ok(other) => {
            let mut diagnostics = Diagnostics::default();
            diagnostics.push(
                &other,
                "`#[sink_connector]` is for a struct and for its `impl SinkConnector`",
                "put it on `struct … { … }`, whose fields are the settings",
            );
            let errors = diagnostics.into_tokens();
            quote!(#other #errors)
        }
        // Half-typed code: the compiler says what is wrong with it, and editors still see it.
        Err(_) => item,
    }
}

pub(crate) fn topic_mapping(item: TokenStream) -> TokenStream {
    match syn::parse2::<DeriveInput>(item) {
        Ok(item) => mapping::expand(&item),
        Err(error) => error.to_compile_error(),
    }
}
