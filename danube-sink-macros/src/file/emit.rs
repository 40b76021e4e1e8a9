//! A value of the file → a constant that compares it with the shape of its key.

use danube_sink_config::{
    built::Owner,
    shape::{
        Scalar,
        given::{Given, Place, Settings, Step},
    },
};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;

/// The constant; `sink` is the path of the framework. Its error stands at `span`, and consists of the mistake.
pub(super) fn constant(
    sink: &TokenStream,
    connector: &Ident,
    span: Span,
    owner: Owner,
    settings: &Settings<'_>,
    value: &Given<'_>,
) -> TokenStream {
    let keys = match owner {
        Owner::Connector => quote!(of_connector),
        Owner::Mapping => quote!(of_mapping),
    };
    let (settings, value) = (table(settings), given(value));
    quote_spanned! {span=>
        const _: () = {
            use #sink::__private::{self as __sink, given};

            given::check(given::#keys::<#connector>(), &#settings, &#value);
        };
    }
}

/// The build depends on the file.
pub(super) fn tracked(path: &str) -> TokenStream {
    quote!(
        const _: &[::core::primitive::u8] = ::core::include_bytes!(#path);
    )
}

fn table(settings: &Settings<'_>) -> TokenStream {
    let Settings { title, known, missing } = settings;
    let missing = missing.iter().map(|(key, message, help)| quote!((#key, #message, #help)));
    quote!(given::Settings { title: #title, known: &[#(#known),*], missing: &[#(#missing),*] })
}

fn given(value: &Given<'_>) -> TokenStream {
    let Given { way, scalar: of, keys, elsewhere, key_place, place: at } = value;
    let way = way.iter().map(|step| match step {
        Step::Key(key) => quote!(given::Step::Key(#key)),
        Step::Item => quote!(given::Step::Item),
    });
    let (scalar, elsewhere) = (scalar(of), option(*elsewhere));
    let (key_place, place) = (place(key_place), place(at));
    quote! {
        given::Given {
            way: &[#(#way),*],
            scalar: #scalar,
            keys: &[#(#keys),*],
            elsewhere: #elsewhere,
            key_place: #key_place,
            place: #place,
        }
    }
}

fn scalar(scalar: &Scalar<'_>) -> TokenStream {
    let value = match scalar {
        Scalar::Text(text) => quote!(Text(#text)),
        Scalar::Whole(number) => {
            let number = Literal::i128_unsuffixed(*number);
            quote!(Whole(#number))
        }
        Scalar::Real(number) => {
            let bits = number.to_bits();
            quote!(Real(::core::primitive::f64::from_bits(#bits)))
        }
        Scalar::Truth(truth) => quote!(Truth(#truth)),
        Scalar::Date => quote!(Date),
        Scalar::List(count) => quote!(List(#count)),
        Scalar::Table(count) => quote!(Table(#count)),
    };
    quote!(__sink::Scalar::#value)
}

fn option(text: Option<&str>) -> TokenStream {
    match text {
        Some(text) => quote!(__sink::Some(#text)),
        None => quote!(__sink::None),
    }
}

fn place(place: &Place<'_>) -> TokenStream {
    let Place { at, lines } = place;
    quote!(given::Place { at: #at, lines: #lines })
}
