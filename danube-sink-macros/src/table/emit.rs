//! Code from [`CheckedTable`], and the stub that replaces it after an error.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{DeriveInput, Ident};

use super::model::{CheckedTable, Kind};
use crate::{
    dependency,
    diagnostics::Diagnostics,
    field::emit::{built, built_mapping, key_constant, key_name, keys, value_name},
};

pub(crate) fn emit(checked: &CheckedTable) -> TokenStream {
    let name = &checked.name;
    let sink = dependency::path();
    let constants = key_constants(checked);
    let keys = keys(checked.settings());
    let table = Ident::new("table", Span::mixed_site());
    let settings = Ident::new("settings", Span::mixed_site());
    let read = read(checked, &table, &settings);
    let item = match checked.kind {
        Kind::Mapping => quote! {
            impl __sink::TopicMapping for #name {
                const KEYS: &'static [__sink::KeySpec] = #keys;

                fn read(
                    #table: &mut __sink::KeyReader<'_>,
                    #settings: &__sink::MappingSettings,
                ) -> __sink::Option<Self> {
                    #read
                }
            }
        },
        Kind::Setting => quote! {
            impl __sink::Setting for #name {
                const VALUE_TYPE: __sink::ValueType = __sink::ValueType::Table(#keys);
                const DEFAULT: __sink::KeyDefault = __sink::default_of_table(&Self::VALUE_TYPE);

                fn read(value: &__sink::Value) -> __sink::Result<Self, __sink::Diagnostics> {
                    __sink::table(value, Self::VALUE_TYPE.keys(), |#table| {
                        #read
                    })
                }

                fn default_if_missing() -> __sink::Option<Self> {
                    __sink::empty_table()
                }
            }
        },
    };
    quote! {
        const _: () = {
            use #sink::__private as __sink;

            #(#constants)*

            #[automatically_derived]
            #item
        };
    }
}

/// The constants of each setting.
pub(crate) fn key_constants(checked: &CheckedTable) -> impl Iterator<Item = TokenStream> {
    checked.settings().map(|(field, setting)| key_constant(field, setting, &checked.name))
}

/// Every key is converted before the first invalid one ends the function.
fn read(checked: &CheckedTable, table: &Ident, settings: &Ident) -> TokenStream {
    let mut read = Vec::new();
    let mut build = Vec::new();
    for (field, _) in checked.settings() {
        let (name, ty) = (&field.name, &field.ty);
        let (value, key) = (value_name(name), key_name(name));
        read.push(quote!(let #value: __sink::Option<#ty> = #table.get(&#key);));
        build.push(quote!(#name: #value?));
    }
    let built = match (checked.kind, checked.validate.as_ref()) {
        (Kind::Mapping, Some(path)) => built_mapping((table, settings), &build, path),
        (_, validate) => built(table, &build, validate),
    };
    quote! {
        #(#read)*
        #built
    }
}

/// The errors, the constants of the valid fields, and an impl, so that its absence is no further error.
pub(crate) fn stub(item: &DeriveInput, kind: Kind, constants: &[TokenStream], diagnostics: Diagnostics) -> TokenStream {
    let name = &item.ident;
    let sink = dependency::path();
    let errors = diagnostics.into_tokens();
    let (of_impl, of_type, bounds) = item.generics.split_for_impl();
    let (of_trait, body) = match kind {
        Kind::Mapping => (
            quote!(TopicMapping),
            quote! {
                const KEYS: &'static [__sink::KeySpec] = &[];

                fn read(_: &mut __sink::KeyReader<'_>, _: &__sink::MappingSettings) -> __sink::Option<Self> {
                    __sink::None
                }
            },
        ),
        Kind::Setting => (
            quote!(Setting),
            quote! {
                fn read(_: &__sink::Value) -> __sink::Result<Self, __sink::Diagnostics> {
                    ::core::unreachable!()
                }
            },
        ),
    };
    quote! {
        #errors

        const _: () = {
            use #sink::__private as __sink;

            #(#constants)*

            #[automatically_derived]
            impl #of_impl __sink::#of_trait for #name #of_type #bounds {
                #body
            }
        };
    }
}
