//! What is emitted after an error: the item, a stub of what other code needs of it, the claims on its valid fields, and the
//! errors.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Generics, Ident, parse_quote};

use super::model::RawConnector;
use crate::{dependency, diagnostics::Diagnostics};

/// Enough of a connector for the rest of the program to be checked as if nothing were wrong here.
pub(crate) struct Stub {
    item: TokenStream,
    name: Ident,
    generics: Generics,
    main: bool,
}

impl Stub {
    pub(crate) fn of(raw: &RawConnector) -> Self {
        let main = raw.main.as_ref().is_none_or(|main| main.value);
        Self::of_item(&raw.item, raw.ident(), raw.generics(), main)
    }

    /// For an item that cannot be a connector at all.
    pub(crate) fn of_item(item: &impl ToTokens, name: &Ident, generics: &Generics, main: bool) -> Self {
        Self { item: item.to_token_stream(), name: name.clone(), generics: generics.clone(), main }
    }

    /// `constants` are those of the valid fields.
    pub(crate) fn emit(self, constants: &[TokenStream], diagnostics: Diagnostics) -> TokenStream {
        let Self { item, name, mut generics, main } = self;
        let sink = dependency::path();
        let errors = diagnostics.into_tokens();
        // With parameters, it may turn out to be no connector at all.
        if !generics.params.is_empty() {
            generics.make_where_clause().predicates.push(parse_quote!(Self: #sink::SinkConnector + 'static));
        }
        let (of_impl, of_type, bounds) = generics.split_for_impl();
        let main = main.then(|| {
            quote!(
                fn main() {}
            )
        });
        quote! {
            // No code builds it now, so that its fields look unused.
            #[allow(dead_code)]
            #item

            #errors

            const _: () = {
                use #sink::__private as __sink;

                #(#constants)*

                #[automatically_derived]
                impl #of_impl __sink::GeneratedConnector for #name #of_type #bounds {
                    const INFO: __sink::ConnectorInfo = __sink::ConnectorInfo::EMPTY;

                    fn load(_: &mut __sink::KeyReader<'_>) -> __sink::Option<Self> {
                        __sink::None
                    }

                    fn mapping_settings(&self) -> __sink::Vec<__sink::MappingSettings> {
                        __sink::Vec::new()
                    }
                }
            };

            #main
        }
    }
}
