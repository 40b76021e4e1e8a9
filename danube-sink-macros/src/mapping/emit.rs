//! Code from [`CheckedMapping`], and the stub that takes its place after a mistake.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{DeriveInput, Ident};

use super::model::CheckedMapping;
use crate::{
    diagnostics::Diagnostics,
    field::emit::{key_constant, key_name},
};

pub(crate) fn emit(mapping: &CheckedMapping) -> TokenStream {
    let name = &mapping.name;
    let reader = Ident::new("mapping", Span::mixed_site());
    let constants = mapping.settings().enumerate().map(|(index, (_, setting))| key_constant(index, setting));
    let keys = (0..mapping.settings().count()).map(key_name);
    let mut read = Vec::new();
    let mut build = Vec::new();
    for (index, (field, _)) in mapping.settings().enumerate() {
        let (name, ty) = (&field.name, &field.ty);
        let value = format_ident!("value_{index}", span = Span::mixed_site());
        let key = key_name(index);
        read.push(quote!(let #value: ::core::option::Option<#ty> = #reader.setting(&#key);));
        build.push(quote!(#name: #value?));
    }
    quote! {
        const _: () = {
            #(#constants)*

            #[automatically_derived]
            impl ::danube_sink::config::TopicMapping for #name {
                const SETTINGS: &'static [::danube_sink::__private::SettingInfo] = &[#(#keys.info),*];

                fn read(#reader: &mut ::danube_sink::__private::MappingReader<'_>) -> ::core::option::Option<Self> {
                    #(#read)*
                    ::core::option::Option::Some(Self { #(#build),* })
                }
            }
        };
    }
}

/// The mistakes, and an impl so that nobody misses it.
pub(crate) fn stub(item: &DeriveInput, diagnostics: Diagnostics) -> TokenStream {
    let name = &item.ident;
    let errors = diagnostics.into_tokens();
    let (of_impl, of_type, bounds) = item.generics.split_for_impl();
    quote! {
        #errors

        #[automatically_derived]
        impl #of_impl ::danube_sink::config::TopicMapping for #name #of_type #bounds {
            const SETTINGS: &'static [::danube_sink::__private::SettingInfo] = &[];

            fn read(_: &mut ::danube_sink::__private::MappingReader<'_>) -> ::core::option::Option<Self> {
                ::core::option::Option::None
            }
        }
    }
}
