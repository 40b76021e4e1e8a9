//! Every error in an enum whose variants are words.

use danube_sink_config::schema::suggest::same_word;
use quote::ToTokens;
use syn::{DataEnum, DeriveInput, Meta, Variant, ext::IdentExt};

use super::model::{CheckedEnum, Word};
use crate::{
    diagnostics::Diagnostics,
    field::{
        arguments::{Arguments, Grammar},
        syntax,
    },
    names::snake_case,
};

const GRAMMAR: Grammar<'_> = Grammar {
    attribute: "#[setting]",
    known: &["rename"],
    lists: &[],
    refused: &[("default", "the default is one of the variants", "write `#[default]` on the variant")],
};

pub(crate) fn check(item: &DeriveInput, data: &DataEnum, diagnostics: &mut Diagnostics) -> CheckedEnum {
    check_item(item, data, diagnostics);
    let words: Vec<Word> = data.variants.iter().filter_map(|variant| check_variant(variant, diagnostics)).collect();
    check_words_differ(&words, diagnostics);
    CheckedEnum {
        name: item.ident.clone(),
        what: snake_case(&item.ident.unraw().to_string()).replace('_', " "),
        words,
        default: check_one_default(data, diagnostics),
    }
}

fn check_item(item: &DeriveInput, data: &DataEnum, diagnostics: &mut Diagnostics) {
    if !item.generics.params.is_empty() {
        diagnostics.push(&item.generics.params, "an enum of words has no generic parameters", "remove them");
    }
    if let Some(attribute) = syntax::helpers_among(&item.attrs).next() {
        diagnostics.push(
            attribute,
            "an enum of words has its attributes on its variants",
            "write `#[setting(rename = \"…\")]` on a variant",
        );
    }
    if data.variants.is_empty() {
        diagnostics.push(&item.ident, "the enum has no variants", "add variants: each is a word of the file");
    }
}

fn check_variant(variant: &Variant, diagnostics: &mut Diagnostics) -> Option<Word> {
    if !variant.fields.is_empty() {
        diagnostics.push(
            &variant.fields,
            "a variant that is a word of the file has no fields",
            "remove them, and make what they say keys of their own: a struct that derives `Setting` is a table of keys",
        );
        return None;
    }
    let mut helpers = variant.attrs.iter().filter(|attribute| attribute.path().is_ident("setting"));
    let Some(helper) = helpers.next() else {
        let word = snake_case(&variant.ident.unraw().to_string());
        return Some(Word { variant: variant.ident.clone(), word, place: variant.ident.to_token_stream() });
    };
    for another in helpers {
        diagnostics.push(another.path(), "`#[setting]` is given twice", "write its arguments in one attribute");
    }
    let tokens = match &helper.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => Default::default(),
    };
    let arguments = Arguments::read(tokens, &GRAMMAR, diagnostics)?;
    let Some(word) = arguments.string("rename", diagnostics) else {
        if arguments.get("rename").is_none() && diagnostics.is_empty() {
            diagnostics.push(helper.path(), "`#[setting]` has no argument", "write `#[setting(rename = \"…\")]`");
        }
        return None;
    };
    if word.value().trim().is_empty() {
        diagnostics.push(&word, "the word is empty", "write the word as the file has it");
    }
    Some(Word { variant: variant.ident.clone(), word: word.value(), place: word.to_token_stream() })
}

/// A word is read in any case, and with `_`, `-` or nothing between its parts.
fn check_words_differ(words: &[Word], diagnostics: &mut Diagnostics) {
    for (index, word) in words.iter().enumerate() {
        if let Some(other) = words[..index].iter().find(|other| same_word(&other.word, &word.word)) {
            let message = format!("`{}` is read like `{}` of `{}`", word.word, other.word, other.variant);
            diagnostics.push(&word.place, message, "choose words that differ in more than case, `_` and `-`");
        }
    }
}

fn check_one_default(data: &DataEnum, diagnostics: &mut Diagnostics) -> Option<syn::Ident> {
    let marked = |variant: &&Variant| variant.attrs.iter().any(|attribute| attribute.path().is_ident("default"));
    let mut marked = data.variants.iter().filter(marked);
    let first = marked.next()?;
    for another in marked {
        diagnostics.push(&another.ident, "another variant is the `#[default]`", "keep one of the two attributes");
    }
    Some(first.ident.clone())
}
