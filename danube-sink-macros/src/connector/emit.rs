//! Code from [`CheckedConnector`].

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{GenericArgument, Ident, LitStr, PathArguments, Type};

use super::model::CheckedConnector;
use crate::{
    dependency,
    field::{
        emit::{built, key_constant, key_name, option},
        model::{CheckedField, CheckedSetting, Role},
    },
};

pub(crate) fn emit(connector: &CheckedConnector) -> TokenStream {
    let CheckedConnector { item, section, config, name, version, dev_hint, about, fields, .. } = connector;
    let sink = dependency::path();
    let ident = &item.ident;
    let settings: Vec<&CheckedSetting> = fields.iter().filter_map(CheckedField::setting).collect();
    let constants = settings.iter().enumerate().map(|(index, setting)| key_constant(index, setting, ident));
    let keys = (0..settings.len()).map(key_name);
    let name = name.as_ref().map_or_else(|| quote!(::core::env!("CARGO_PKG_NAME")), |name| quote!(#name));
    let version = version.as_ref().map_or_else(|| quote!(::core::env!("CARGO_PKG_VERSION")), |name| quote!(#name));
    let config = option(config.as_ref().map(LitStr::value).as_ref());
    let dev_hint = option(dev_hint.as_ref());
    let mappings = Mappings::among(fields);
    let (mapping_type, mapping_defaults, mapping_field) = (&mappings.ty, &mappings.defaults, &mappings.field);
    let load = load(connector);
    let main = connector.main.then(|| main(&sink, ident));
    quote! {
        #item

        const _: () = {
            use #sink::__private as __sink;

            #(#constants)*

            #[automatically_derived]
            impl __sink::GeneratedConnector for #ident {
                type Mapping = #mapping_type;

                const INFO: __sink::ConnectorInfo = __sink::ConnectorInfo {
                    name: #name,
                    version: #version,
                    about: #about,
                    section: #section,
                    config_file: #config,
                    crate_folder: ::core::env!("CARGO_MANIFEST_DIR"),
                    dev_hint: #dev_hint,
                    settings: &[#(#keys.info),*],
                };
                #mapping_defaults

                #load

                fn mapping_settings(&self) -> __sink::Vec<__sink::MappingSettings> {
                    self.#mapping_field.settings()
                }
            }
        };

        #main
    }
}

/// What the one field with the topic mappings says.
struct Mappings {
    field: TokenStream,
    ty: TokenStream,
    /// `const MAPPING_DEFAULTS …`, if there are any.
    defaults: Option<TokenStream>,
}

impl Mappings {
    fn among(fields: &[CheckedField]) -> Self {
        let found = fields.iter().find_map(|field| match &field.role {
            Role::TopicMappings { defaults } => Some((field, defaults)),
            _ => None,
        });
        let Some((field, defaults)) = found else { return Self { field: quote!(), ty: quote!(()), defaults: None } };
        let name = &field.name;
        let pairs = defaults.iter().map(|(key, value)| quote!((#key, #value)));
        let defaults = (!defaults.is_empty())
            .then(|| quote!(const MAPPING_DEFAULTS: &'static [(&'static str, &'static str)] = &[#(#pairs),*];));
        Self { field: quote!(#name), ty: mapping_type(&field.ty), defaults }
    }
}

/// Every setting is read before the first that is wrong ends the function, so that all mistakes are found.
fn load(connector: &CheckedConnector) -> TokenStream {
    let section = Ident::new("section", Span::mixed_site());
    let mut index = 0_usize;
    let mut read = Vec::new();
    let mut build = Vec::new();
    for (number, CheckedField { name, ty, role }) in connector.fields.iter().enumerate() {
        let value = format_ident!("value_{number}", span = Span::mixed_site());
        let call = match role {
            Role::State => {
                build.push(quote!(#name: <#ty as __sink::State>::start()));
                continue;
            }
            Role::TopicMappings { .. } => quote!(#section.topic_mappings::<Self>()),
            Role::Setting(setting) => {
                let method = if setting.secret_env.is_some() { quote!(secret) } else { quote!(setting) };
                let key = key_name(index);
                index += 1;
                quote!(#section.#method(&#key))
            }
        };
        read.push(quote!(let #value: __sink::Option<#ty> = #call;));
        build.push(quote!(#name: #value?));
    }
    let built = built(&section, &build, connector.validate.as_ref());
    quote! {
        fn load(#section: &mut __sink::SectionReader<'_>) -> __sink::Option<Self> {
            #(#read)*
            #built
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

fn main(sink: &TokenStream, name: &Ident) -> TokenStream {
    quote! {
        fn main() -> ::std::process::ExitCode {
            #sink::__private::main::<#name>()
        }
    }
}
