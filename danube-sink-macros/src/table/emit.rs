//! Code from [`CheckedTable`], and the stub that takes its place after a mistake.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{DeriveInput, Ident};

use super::model::{CheckedTable, Kind};
use crate::{
    dependency,
    diagnostics::Diagnostics,
    field::emit::{built, key_constant, key_name},
};

pub(crate) fn emit(checked: &CheckedTable) -> TokenStream {
    let name = &checked.name;
    let sink = dependency::path();
    let constants = checked.settings().enumerate().map(|(index, (_, setting))| key_constant(index, setting, name));
    let keys = (0..checked.settings().count()).map(key_name);
    let keys = quote!(&[#(#keys.info),*]);
    let table = Ident::new("table", Span::mixed_site());
    let read = read(checked, &table);
    let item = match checked.kind {
        Kind::Mapping => quote! {
            impl __sink::TopicMapping for #name {
                const SETTINGS: &'static [__sink::SettingInfo] = #keys;

                fn read(#table: &mut __sink::MappingReader<'_>) -> __sink::Option<Self> {
                    #read
                }
            }
        },
        Kind::Setting => quote! {
            impl __sink::Setting for #name {
                const SHAPE: __sink::Shape = __sink::Shape::Table(#keys);
                const OPTIONAL: bool = __sink::needs_no_key(&Self::SHAPE);

                fn read(value: &__sink::Value) -> __sink::Result<Self, __sink::Mistakes> {
                    __sink::table(value, |#table| {
                        #read
                    })
                }

                fn absent() -> __sink::Option<Self> {
                    __sink::absent_table()
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

/// Every key is read before the first that is wrong ends the function.
fn read(checked: &CheckedTable, table: &Ident) -> TokenStream {
    let mut read = Vec::new();
    let mut build = Vec::new();
    for (index, (field, _)) in checked.settings().enumerate() {
        let (name, ty) = (&field.name, &field.ty);
        let value = format_ident!("value_{index}", span = Span::mixed_site());
        let key = key_name(index);
        read.push(quote!(let #value: __sink::Option<#ty> = #table.setting(&#key);));
        build.push(quote!(#name: #value?));
    }
    let built = built(table, &build, checked.validate.as_ref());
    quote! {
        #(#read)*
        #built
    }
}

/// The mistakes, and an impl so that nobody misses it.
pub(crate) fn stub(item: &DeriveInput, kind: Kind, diagnostics: Diagnostics) -> TokenStream {
    let name = &item.ident;
    let sink = dependency::path();
    let errors = diagnostics.into_tokens();
    let (of_impl, of_type, bounds) = item.generics.split_for_impl();
    let (of_trait, body) = match kind {
        Kind::Mapping => (
            quote!(TopicMapping),
            quote! {
                const SETTINGS: &'static [__sink::SettingInfo] = &[];

                fn read(_: &mut __sink::MappingReader<'_>) -> __sink::Option<Self> {
                    __sink::None
                }
            },
        ),
        Kind::Setting => (
            quote!(Setting),
            quote! {
                fn read(_: &__sink::Value) -> __sink::Result<Self, __sink::Mistakes> {
                    ::core::unreachable!()
                }
            },
        ),
    };
    quote! {
        #errors

        const _: () = {
            use #sink::__private as __sink;

            #[automatically_derived]
            impl #of_impl __sink::#of_trait for #name #of_type #bounds {
                #body
            }
        };
    }
}
