//! The completed impl, and the one that replaces it after an error.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ItemImpl};

use super::{
    model::{CheckedImpl, RawImpl},
    signature,
};
use crate::{dependency, diagnostics::Diagnostics};

pub(crate) fn emit(raw: &RawImpl, checked: &CheckedImpl) -> TokenStream {
    let sink = dependency::path();
    let mut methods = Vec::new();
    if checked.needs_consumer_configs {
        methods.push(quote! {
            async fn consumer_configs(
                &self,
            ) -> #sink::ConnectorResult<::std::vec::Vec<#sink::ConsumerConfig>> {
                ::core::result::Result::Ok(#sink::__private::consumer_configs(self))
            }
        });
    }
    if checked.needs_process {
        methods.push(quote! {
            async fn process(&mut self, record: #sink::SinkRecord) -> #sink::ConnectorResult<()> {
                #sink::SinkConnector::process_batch(self, ::std::vec![record]).await
            }
        });
    }
    with_methods(&raw.item, raw.has_async_trait, &methods)
}

/// The author's methods, so that they are checked too, and stubs for the missing ones.
pub(crate) fn stub(mut raw: RawImpl, diagnostics: Diagnostics) -> TokenStream {
    let sink = dependency::path();
    let errors = diagnostics.into_tokens();
    let of_trait =
        |(_, path, _): &(_, syn::Path, _)| path.segments.last().is_some_and(|last| last.ident == "SinkConnector");
    if !raw.item.trait_.as_ref().is_some_and(of_trait) {
        let item = &raw.item;
        return quote!(#item #errors);
    }
    raw.item.items.retain(|item| match item {
        ImplItem::Fn(method) => !signature::is_wrong(method),
        _ => true,
    });
    let kept =
        |name: &str| raw.item.items.iter().any(|item| matches!(item, ImplItem::Fn(method) if method.sig.ident == name));
    let mut methods = Vec::new();
    if !kept("initialize") {
        methods.push(quote! {
            async fn initialize(&mut self, _: #sink::ConnectorConfig) -> #sink::ConnectorResult<()> {
                ::core::unreachable!()
            }
        });
    }
    if !kept("consumer_configs") {
        methods.push(quote! {
            async fn consumer_configs(
                &self,
            ) -> #sink::ConnectorResult<::std::vec::Vec<#sink::ConsumerConfig>> {
                ::core::unreachable!()
            }
        });
    }
    if !kept("process") {
        methods.push(quote! {
            async fn process(&mut self, _: #sink::SinkRecord) -> #sink::ConnectorResult<()> {
                ::core::unreachable!()
            }
        });
    }
    let item = with_methods(&raw.item, raw.has_async_trait, &methods);
    quote!(#item #errors)
}

fn with_methods(item: &ItemImpl, has_async_trait: bool, methods: &[TokenStream]) -> TokenStream {
    let sink = dependency::path();
    let mut item = item.clone();
    item.items.extend(methods.iter().cloned().map(ImplItem::Verbatim));
    let async_trait = (!has_async_trait).then(|| quote!(#[#sink::__private::async_trait]));
    let (of_impl, _, bounds) = item.generics.split_for_impl();
    let ty = &item.self_ty;
    let cfg = item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    quote! {
        #async_trait
        #item

        #(#cfg)*
        #[automatically_derived]
        impl #of_impl #sink::__private::CompletedImpl for #ty #bounds {}
    }
}
