//! Code from [`CheckedEnum`].

use proc_macro2::TokenStream;
use quote::quote;

use super::model::CheckedEnum;
use crate::dependency;

pub(crate) fn emit(checked: &CheckedEnum) -> TokenStream {
    let CheckedEnum { name, what, words, default } = checked;
    let sink = dependency::path();
    let spellings = words.iter().map(|word| &word.word);
    let variants = words.iter().map(|word| &word.variant);
    let default_if_missing = default.as_ref().map(|variant| {
        let word = words.iter().find(|word| word.variant == *variant).map(|word| &word.word);
        quote! {
            const DEFAULT: __sink::KeyDefault = __sink::KeyDefault::Str(#word);

            fn default_if_missing() -> __sink::Option<Self> {
                __sink::Some(Self::#variant)
            }
        }
    });
    quote! {
        const _: () = {
            use #sink::__private as __sink;

            #[automatically_derived]
            impl __sink::Setting for #name {
                const VALUE_TYPE: __sink::ValueType = __sink::ValueType::Enum { what: #what, words: &[#(#spellings),*] };

                fn read(value: &__sink::Value) -> __sink::Result<Self, __sink::Diagnostics> {
                    __sink::word(value, &Self::VALUE_TYPE, [#(Self::#variants),*])
                }

                #default_if_missing
            }
        };
    }
}
