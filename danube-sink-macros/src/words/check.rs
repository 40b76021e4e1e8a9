//! Every mistake in an enum whose variants are words.

use danube_sink_config::schema::suggest::same_word;
use quote::ToTokens;
use syn::{DataEnum, DeriveInput, Meta, Variant, ext::IdentExt};

use super::model::{CheckedWords, Word};
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
    refused: &[("default", "the variant that holds without the key is marked", "write `#[default]` on the variant")],
};

pub(crate) fn check(item: &DeriveInput, data: &DataEnum, diagnostics: &mut Diagnostics) -> CheckedWords {
    check_item(item, data, diagnostics);
    let words: Vec<Word> = data.variants.iter().filter_map(|variant| check_variant(variant, diagnostics)).collect();
    check_words_differ(&words, diagnostics);
    CheckedWords {
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
        diagnostics.push(&item.ident, "there is no word to choose", "add variants: each is a word");
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
        let text = snake_case(&variant.ident.unraw().to_string());
        return Some(Word { variant: variant.ident.clone(), text, place: variant.ident.to_token_stream() });
    };
    for another in helpers {
        diagnostics.push(another.path(), "`#[setting]` is given twice", "write its arguments in one attribute");
    }
    let tokens = match &helper.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => Default::default(),
    };
    let arguments = Arguments::read(tokens, &GRAMMAR, diagnostics)?;
    let Some(text) = arguments.text("rename", diagnostics) else {
        if arguments.get("rename").is_none() && diagnostics.is_empty() {
            diagnostics.push(helper.path(), "`#[setting]` says nothing here", "write `#[setting(rename = \"…\")]`");
        }
        return None;
    };
    if text.value().trim().is_empty() {
        diagnostics.push(&text, "the word is empty", "write the word as it stands in the file");
    }
    Some(Word { variant: variant.ident.clone(), text: text.value(), place: text.to_token_stream() })
}

/// A word is read in any case, and with `_`, `-` or nothing between its parts.
fn check_words_differ(words: &[Word], diagnostics: &mut Diagnostics) {
    for (index, word) in words.iter().enumerate() {
        if let Some(other) = words[..index].iter().find(|other| same_word(&other.text, &word.text)) {
            let message = format!("`{}` is read like `{}` of `{}`", word.text, other.text, other.variant);
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
