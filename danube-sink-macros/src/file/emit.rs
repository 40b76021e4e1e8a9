//! A value of the file → constants that validate it against the declaration of its key.

use danube_sink_config::{
    compile_time::{FileLocation, FileTable, FileValue, PathSegment, StructKind, file_value::MAX_MISSING},
    schema::ValueRef,
};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;

use super::read::File;

/// The constants; `sink` is the path of the framework. Their errors are at `span`.
pub(super) fn constants(
    sink: &TokenStream,
    connector: &Ident,
    span: Span,
    kind: StructKind,
    table: &FileTable<'_>,
    value: &FileValue<'_>,
) -> TokenStream {
    let keys = match kind {
        StructKind::Connector => quote!(keys),
        StructKind::Mapping => quote!(mapping_keys),
    };
    let missing = if let ValueRef::Table(_) = value.value { MAX_MISSING } else { 0 };
    let numbers = 0..=missing;
    let (table, value) = (file_table(table), file_value(value));
    quote_spanned! {span=>
        const _: () = {
            use #sink::__private::{self as __sink, file_value};

            const KEYS: &[__sink::KeySpec] = <#connector as __sink::GeneratedConnector>::INFO.#keys;
            const TABLE: file_value::FileTable<'_> = #table;
            const VALUE: file_value::FileValue<'_> = #value;
            #(const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, #numbers);)*
        };
    }
}

/// The file and the records for `dev`. The build depends on them.
pub(super) fn sample(name: &str, file: &File) -> TokenStream {
    let File { path, records, .. } = file;
    let records = records.iter().map(|(topic, path)| quote!((#topic, ::core::include_str!(#path))));
    quote!(__sink::Sample { file: #name, text: ::core::include_str!(#path), records: &[#(#records),*] })
}

fn file_table(table: &FileTable<'_>) -> TokenStream {
    let FileTable { title, known } = table;
    quote!(file_value::FileTable { title: #title, known: &[#(#known),*] })
}

fn file_value(value: &FileValue<'_>) -> TokenStream {
    let FileValue { path, value, keys, misplaced, key_location, location } = value;
    let path = path.iter().map(|segment| match segment {
        PathSegment::Key(key) => quote!(file_value::PathSegment::Key(#key)),
        PathSegment::Item => quote!(file_value::PathSegment::Item),
    });
    let (value, misplaced) = (value_ref(value), option(*misplaced));
    let (key_location, location) = (file_location(key_location), file_location(location));
    quote! {
        file_value::FileValue {
            path: &[#(#path),*],
            value: #value,
            keys: &[#(#keys),*],
            misplaced: #misplaced,
            key_location: #key_location,
            location: #location,
        }
    }
}

fn value_ref(value: &ValueRef<'_>) -> TokenStream {
    let value = match value {
        ValueRef::String(string) => quote!(String(#string)),
        ValueRef::Integer(number) => {
            let number = Literal::i128_unsuffixed(*number);
            quote!(Integer(#number))
        }
        ValueRef::Float(number) => {
            let bits = number.to_bits();
            quote!(Float(::core::primitive::f64::from_bits(#bits)))
        }
        ValueRef::Bool(boolean) => quote!(Bool(#boolean)),
        ValueRef::Datetime => quote!(Datetime),
        ValueRef::Array(count) => quote!(Array(#count)),
        ValueRef::Table(count) => quote!(Table(#count)),
    };
    quote!(__sink::ValueRef::#value)
}

fn option(string: Option<&str>) -> TokenStream {
    match string {
        Some(string) => quote!(__sink::Some(#string)),
        None => quote!(__sink::None),
    }
}

fn file_location(location: &FileLocation<'_>) -> TokenStream {
    let FileLocation { prefix, excerpt, redacted_excerpt } = location;
    quote! {
        file_value::FileLocation { prefix: #prefix, excerpt: #excerpt, redacted_excerpt: #redacted_excerpt }
    }
}
