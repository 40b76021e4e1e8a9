//! What is emitted after a mistake: the struct, a stub of all that others may ask of it, and the mistakes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ItemStruct, parse_quote};

use super::model::RawConnector;
use crate::diagnostics::Diagnostics;

/// Enough of a connector for the rest of the program to be checked as if nothing were wrong here.
pub(crate) struct Stub {
    item: ItemStruct,
    main: bool,
}

impl Stub {
    pub(crate) fn of(raw: &RawConnector) -> Self {
        Self { item: raw.item.clone(), main: raw.main.as_ref().is_none_or(|main| main.value) }
    }

    pub(crate) fn emit(self, diagnostics: Diagnostics) -> TokenStream {
        let Self { item, main } = self;
        let errors = diagnostics.into_tokens();
        let name = &item.ident;
        let mut generics = item.generics.clone();
        // Where it has parameters, nobody knows yet whether it is a connector; where it has none, somebody must.
        if !generics.params.is_empty() {
            generics.make_where_clause().predicates.push(parse_quote!(Self: ::danube_sink::SinkConnector + 'static));
        }
        let (of_impl, of_type, bounds) = generics.split_for_impl();
        let main = main.then(|| {
            quote!(
                fn main() {}
            )
        });
        quote! {
            // Nobody builds it now, so that its fields look unused.
            #[allow(dead_code)]
            #item

            #errors

            #[automatically_derived]
            impl #of_impl ::danube_sink::__private::GeneratedConnector for #name #of_type #bounds {
                type Mapping = ();

            const INFO: ::danube_sink::__private::ConnectorInfo = ::danube_sink::__private::ConnectorInfo {
                    name: "",
                    version: "",
                    about: "",
                    section: "",
                    config_file: ::core::option::Option::None,
                    crate_folder: "",
                    dev_hint: ::core::option::Option::None,
                    settings: &[],
                };

                fn load(_: &mut ::danube_sink::__private::SectionReader<'_>) -> ::core::option::Option<Self> {
                    ::core::option::Option::None
                }

                fn mapping_settings(&self) -> ::std::vec::Vec<::danube_sink::config::MappingSettings> {
                    ::std::vec::Vec::new()
                }
            }

            #main
        }
    }
}
