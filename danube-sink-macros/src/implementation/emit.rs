//! The completed impl, and the one that takes its place after a mistake.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ItemImpl};

use super::model::{CheckedImpl, METHODS, RawImpl};
use crate::diagnostics::Diagnostics;

pub(crate) fn emit(raw: &RawImpl, checked: &CheckedImpl) -> TokenStream {
    let mut methods = Vec::new();
    if checked.needs_consumer_configs {
        methods.push(quote! {
            async fn consumer_configs(
                &self,
            ) -> ::danube_sink::ConnectorResult<::std::vec::Vec<::danube_sink::ConsumerConfig>> {
                ::core::result::Result::Ok(::danube_sink::__private::consumer_configs(self))
            }
        });
    }
    if checked.needs_process {
        methods.push(quote! {
            async fn process(&mut self, record: ::danube_sink::SinkRecord) -> ::danube_sink::ConnectorResult<()> {
                ::danube_sink::SinkConnector::process_batch(self, ::std::vec![record]).await
            }
        });
    }
    with_methods(&raw.item, raw.has_async_trait, &methods)
}

/// The author's methods, so that they are checked too, and stubs for the missing ones.
pub(crate) fn stub(mut raw: RawImpl, diagnostics: Diagnostics) -> TokenStream {
    let errors = diagnostics.into_tokens();
    let of_trait =
        |(_, path, _): &(_, syn::Path, _)| path.segments.last().is_some_and(|last| last.ident == "SinkConnector");
    if !raw.item.trait_.as_ref().is_some_and(of_trait) {
        let item = &raw.item;
        return quote!(#item #errors);
    }
    raw.item.items.retain(|item| match item {
        ImplItem::Fn(method) => {
            method.sig.asyncness.is_some() && METHODS.contains(&method.sig.ident.to_string().as_str())
        }
        _ => true,
    });
    let kept =
        |name: &str| raw.item.items.iter().any(|item| matches!(item, ImplItem::Fn(method) if method.sig.ident == name));
    let mut methods = Vec::new();
    if !kept("initialize") {
        methods.push(quote! {
            async fn initialize(&mut self, _: ::danube_sink::ConnectorConfig) -> ::danube_sink::ConnectorResult<()> {
                ::core::unreachable!()
            }
        });
    }
    if !kept("consumer_configs") {
        methods.push(quote! {
            async fn consumer_configs(
                &self,
            ) -> ::danube_sink::ConnectorResult<::std::vec::Vec<::danube_sink::ConsumerConfig>> {
                ::core::unreachable!()
            }
        });
    }
    if !kept("process") {
        methods.push(quote! {
            async fn process(&mut self, _: ::danube_sink::SinkRecord) -> ::danube_sink::ConnectorResult<()> {
                ::core::unreachable!()
            }
        });
    }
    let item = with_methods(&raw.item, raw.has_async_trait, &methods);
    quote!(#item #errors)
}

fn with_methods(item: &ItemImpl, has_async_trait: bool, methods: &[TokenStream]) -> TokenStream {
    let mut item = item.clone();
    item.items.extend(methods.iter().cloned().map(ImplItem::Verbatim));
    if has_async_trait { quote!(#item) } else { quote!(#[::danube_sink::__private::async_trait] #item) }
}
