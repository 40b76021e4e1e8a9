//! Code from [`CheckedConnector`].

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{GenericArgument, Ident, LitStr, PathArguments, Type};

use super::model::CheckedConnector;
use crate::field::{
    emit::{key_constant, key_name, option},
    model::{CheckedField, CheckedSetting, Role},
};

pub(crate) fn emit(connector: &CheckedConnector) -> TokenStream {
    let CheckedConnector { item, section, config, dev_hint, about, fields, .. } = connector;
    let name = &item.ident;
    let settings: Vec<&CheckedSetting> = fields.iter().filter_map(CheckedField::setting).collect();
    let constants = settings.iter().enumerate().map(|(index, setting)| key_constant(index, setting));
    let keys = (0..settings.len()).map(key_name);
    let config = option(config.as_ref().map(LitStr::value).as_ref());
    let dev_hint = option(dev_hint.as_ref());
    let mappings = fields.iter().find(|field| matches!(field.role, Role::TopicMappings));
    let mapping_type = mappings.map(|field| mapping_type(&field.ty));
    let mappings = mappings.map(|field| &field.name);
    let load = load(fields);
    let main = connector.main.then(|| main(name));
    quote! {
        #item

        const _: () = {
            #(#constants)*

            #[automatically_derived]
            impl ::danube_sink::__private::GeneratedConnector for #name {
                type Mapping = #mapping_type;

                const INFO: ::danube_sink::__private::ConnectorInfo = ::danube_sink::__private::ConnectorInfo {
                    name: ::core::env!("CARGO_PKG_NAME"),
                    version: ::core::env!("CARGO_PKG_VERSION"),
                    about: #about,
                    section: #section,
                    config_file: #config,
                    crate_folder: ::core::env!("CARGO_MANIFEST_DIR"),
                    dev_hint: #dev_hint,
                    settings: &[#(#keys.info),*],
                };

                #load

                fn mapping_settings(&self) -> ::std::vec::Vec<::danube_sink::config::MappingSettings> {
                    self.#mappings.settings()
                }
            }
        };

        #main
    }
}

/// Every setting is read before the first that is wrong ends the function, so that all mistakes are found.
fn load(fields: &[CheckedField]) -> TokenStream {
    let section = Ident::new("section", Span::mixed_site());
    let mut index = 0_usize;
    let mut read = Vec::new();
    let mut build = Vec::new();
    for (number, CheckedField { name, ty, role }) in fields.iter().enumerate() {
        let value = format_ident!("value_{number}", span = Span::mixed_site());
        let call = match role {
            Role::State => {
                build.push(quote!(#name: <#ty as ::core::default::Default>::default()));
                continue;
            }
            Role::TopicMappings => quote!(#section.topic_mappings::<Self>()),
            Role::Setting(setting) => {
                let method = if setting.secret_env.is_some() { quote!(secret) } else { quote!(setting) };
                let key = key_name(index);
                index += 1;
                quote!(#section.#method(&#key))
            }
        };
        read.push(quote!(let #value: ::core::option::Option<#ty> = #call;));
        build.push(quote!(#name: #value?));
    }
    quote! {
        fn load(#section: &mut ::danube_sink::__private::SectionReader<'_>) -> ::core::option::Option<Self> {
            #(#read)*
            ::core::option::Option::Some(Self { #(#build),* })
        }
    }
}

/// `T` of `TopicMappings<T>`.
fn mapping_type(ty: &Type) -> TokenStream {
    let Type::Path(path) = ty else { return quote!(()) };
    let arguments = path.path.segments.last().map(|segment| &segment.arguments);
    match arguments {
        Some(PathArguments::AngleBracketed(arguments)) => match arguments.args.first() {
            Some(GenericArgument::Type(inner)) => quote!(#inner),
            _ => quote!(()),
        },
        _ => quote!(()),
    }
}

fn main(name: &Ident) -> TokenStream {
    quote! {
        fn main() -> ::std::process::ExitCode {
            ::danube_sink::__private::main::<#name>()
        }
    }
}
