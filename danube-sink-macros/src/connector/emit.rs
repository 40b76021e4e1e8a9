//! Code from [`CheckedConnector`].

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{GenericArgument, Ident, Path, PathArguments, Type, Visibility, spanned::Spanned};

use super::model::CheckedConnector;
use crate::{
    dependency,
    field::{
        emit::{built, cfg, key_constant, key_name, keys, option, value_name},
        model::{CheckedField, CheckedSetting, Role},
        syntax::ungrouped_type,
    },
};

/// `sample` is what the package brings for `dev`.
pub(crate) fn emit(connector: &CheckedConnector, sample: Option<TokenStream>) -> TokenStream {
    let CheckedConnector { item, section, name, version, dev_hint, about, fields, .. } = connector;
    let sink = dependency::path();
    let ident = &item.ident;
    let constants = key_constants(connector);
    let keys = keys(settings(connector));
    let name = name.as_ref().map_or_else(|| quote!(::core::env!("CARGO_PKG_NAME")), |name| quote!(#name));
    let version = version.as_ref().map_or_else(|| quote!(::core::env!("CARGO_PKG_VERSION")), |name| quote!(#name));
    let sample = sample.map_or_else(|| quote!(__sink::None), |sample| quote!(__sink::Some(#sample)));
    let dev_hint = option(dev_hint.as_ref());
    let mappings = Mappings::among(fields);
    let (mapping_type, mapping_defaults, mapping_field) = (&mappings.ty, &mappings.defaults, &mappings.field);
    let load = load(connector);
    let validate_external = connector.validate_external.as_ref().map(validate_external);
    let main = connector.main.then(|| main(&sink, ident));
    // With a `main`, this is its bound.
    let completed = (!connector.main).then(|| quote!(const _: () = __sink::assert_completed::<#ident>();));
    // Clients and connections, which a connector keeps, have no `Debug`.
    let allowed = (!matches!(item.vis, Visibility::Inherited)).then(|| quote!(#[allow(missing_debug_implementations)]));
    quote! {
        #allowed
        #item

        const _: () = {
            use #sink::__private as __sink;

            #(#constants)*
            const __MAPPING: __sink::MappingKeys<#mapping_type> = __sink::mapping_keys::<#mapping_type>();
            const _: () = __sink::assert_variables_differ(&<#ident as __sink::GeneratedConnector>::INFO);
            #completed

            #[automatically_derived]
            impl __sink::GeneratedConnector for #ident {
                const INFO: __sink::ConnectorInfo = __sink::ConnectorInfo {
                    name: #name,
                    version: #version,
                    about: #about,
                    section: #section,
                    sample: #sample,
                    dev_hint: #dev_hint,
                    keys: #keys,
                    mapping_keys: __MAPPING.specs,
                    mapping_defaults: &[#(#mapping_defaults),*],
                };

                #load

                #validate_external

                fn mapping_settings(&self) -> __sink::Vec<__sink::MappingSettings> {
                    self.#mapping_field.settings()
                }
            }
        };

        #main
    }
}

/// The constants of each setting.
pub(crate) fn key_constants(connector: &CheckedConnector) -> impl Iterator<Item = TokenStream> {
    settings(connector).map(|(field, setting)| key_constant(field, setting, &connector.item.ident))
}

fn settings(connector: &CheckedConnector) -> impl Iterator<Item = (&CheckedField, &CheckedSetting)> {
    connector.fields.iter().filter_map(|field| Some((field, field.setting()?)))
}

/// The field with the topic mappings.
struct Mappings {
    field: TokenStream,
    ty: TokenStream,
    /// Pairs of a common key and its default.
    defaults: Vec<TokenStream>,
}

impl Mappings {
    fn among(fields: &[CheckedField]) -> Self {
        let found = fields.iter().find_map(|field| match &field.role {
            Role::TopicMappings { defaults } => Some((field, defaults)),
            _ => None,
        });
        let Some((field, defaults)) = found else {
            return Self { field: quote!(), ty: quote!(()), defaults: Vec::new() };
        };
        let name = &field.name;
        let defaults = defaults.iter().map(|(key, value)| quote!((#key, #value))).collect();
        Self { field: quote!(#name), ty: mapping_type(&field.ty), defaults }
    }
}

/// Every key is converted before the first invalid one ends the function, so that each error is reported.
fn load(connector: &CheckedConnector) -> TokenStream {
    let section = Ident::new("section", Span::mixed_site());
    let mut read = Vec::new();
    let mut build = Vec::new();
    for field in &connector.fields {
        let CheckedField { name, ty, role, .. } = field;
        let (value, cfg) = (value_name(name), cfg(field));
        let call = match role {
            Role::State => {
                build.push(quote!(#cfg #name: <#ty as __sink::State>::start()));
                continue;
            }
            Role::TopicMappings { .. } => quote!(#section.topic_mappings(&__MAPPING)),
            Role::Setting(_) => {
                let key = key_name(name);
                quote!(#section.get(&#key))
            }
        };
        read.push(quote!(#cfg let #value: __sink::Option<#ty> = #call;));
        build.push(quote!(#cfg #name: #value?));
    }
    let built = built(&section, &build, connector.validate.as_ref());
    quote! {
        fn load(#section: &mut __sink::KeyReader<'_>) -> __sink::Option<Self> {
            #(#read)*
            #built
        }
    }
}

/// `path` is the author's check.
fn validate_external(path: &Path) -> TokenStream {
    let checked = quote_spanned!(path.span()=> __sink::check(self, #path));
    quote! {
        fn validate_external(&self) -> __sink::Result<(), __sink::Diagnostics> {
            #checked
        }
    }
}

/// `T` of `TopicMappings<T>`.
fn mapping_type(ty: &Type) -> TokenStream {
    let Type::Path(path) = ungrouped_type(ty) else { return quote!(()) };
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
