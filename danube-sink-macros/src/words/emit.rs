//! Code from [`CheckedWords`].

use proc_macro2::TokenStream;
use quote::quote;

use super::model::CheckedWords;
use crate::dependency;

pub(crate) fn emit(checked: &CheckedWords) -> TokenStream {
    let CheckedWords { name, what, words, default } = checked;
    let sink = dependency::path();
    let texts = words.iter().map(|word| &word.text);
    let variants = words.iter().map(|word| &word.variant);
    let absent = default.as_ref().map(|variant| {
        quote! {
            const OPTIONAL: bool = true;

            fn absent() -> __sink::Option<Self> {
                __sink::Some(Self::#variant)
            }
        }
    });
    quote! {
        const _: () = {
            use #sink::__private as __sink;

            #[automatically_derived]
            impl __sink::Setting for #name {
                const SHAPE: __sink::Shape = __sink::Shape::Word { what: #what, words: &[#(#texts),*] };

                fn read(value: &__sink::Value) -> __sink::Result<Self, __sink::Mistakes> {
                    __sink::word(value, &Self::SHAPE, [#(Self::#variants),*])
                }

                #absent
            }
        };
    }
}
