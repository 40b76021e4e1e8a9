//! Which item a macro was put on, and which module expands it.

use proc_macro2::TokenStream;
use syn::{Data, DeriveInput, Item};

use crate::{connector, enums, implementation, table};

pub(crate) fn sink_connector(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Struct(item)) => connector::expand(arguments, item),
        Ok(Item::Impl(item)) => implementation::expand(arguments, item),
        Ok(other) => connector::refuse(other),
        // Half-typed code: the compiler reports its error, and editors still see it.
        Err(_) => item,
    }
}

pub(crate) fn topic_mapping(item: TokenStream) -> TokenStream {
    derive(item, |item| table::expand(item, table::Kind::Mapping))
}

pub(crate) fn setting(item: TokenStream) -> TokenStream {
    derive(item, |item| match &item.data {
        Data::Enum(data) => enums::expand(item, data),
        Data::Struct(_) | Data::Union(_) => table::expand(item, table::Kind::Setting),
    })
}

fn derive(item: TokenStream, expand: impl FnOnce(&DeriveInput) -> TokenStream) -> TokenStream {
    match syn::parse2::<DeriveInput>(item) {
        Ok(item) => expand(&item),
        Err(error) => error.to_compile_error(),
    }
}
