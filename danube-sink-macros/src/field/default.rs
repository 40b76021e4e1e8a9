//! `default`, `default = …` and `default(key = …)`.

use quote::ToTokens;
use syn::{MetaNameValue, Token, punctuated::Punctuated};

use super::{
    arguments::{Argument, Arguments},
    literal::Literal,
    model::{KeyOfTable, SettingDefault},
};
use crate::diagnostics::Diagnostics;

/// The help for an expression that is no literal.
pub(super) const LITERAL: &str =
    "write a string, a number, `true`, `false` or an array of them; a duration is a string such as `\"10s\"`";

pub(super) fn read(arguments: &Arguments, diagnostics: &mut Diagnostics) -> SettingDefault {
    match arguments.get("default") {
        None => SettingDefault::None,
        Some(Argument { value: Some(value), .. }) => match Literal::read(value) {
            Some(literal) => SettingDefault::Literal(literal, value.to_token_stream()),
            None => {
                diagnostics.push(value, "a default is a literal", LITERAL);
                SettingDefault::None
            }
        },
        Some(Argument { list: Some(list), name, .. }) => {
            match list.parse_args_with(Punctuated::<MetaNameValue, Token![,]>::parse_terminated) {
                Ok(pairs) if !pairs.is_empty() => SettingDefault::Keys {
                    keys: pairs.iter().filter_map(|pair| key_of_table(pair, diagnostics)).collect(),
                    place: name.to_token_stream(),
                },
                _ => {
                    diagnostics.push(
                        list,
                        "`default` takes its value after `=`",
                        "write `default = …`; or `default(key = …, …)` for keys of a table",
                    );
                    SettingDefault::None
                }
            }
        }
        Some(_) => SettingDefault::OfType,
    }
}

fn key_of_table(pair: &MetaNameValue, diagnostics: &mut Diagnostics) -> Option<KeyOfTable> {
    let Some(key) = pair.path.get_ident() else {
        diagnostics.push(&pair.path, "not the name of a key", "write the key of the table: `default(key = …)`");
        return None;
    };
    let literal = Literal::read(&pair.value);
    if literal.is_none() {
        diagnostics.push(&pair.value, "a default is a literal", LITERAL);
    }
    Some(KeyOfTable { key: key.clone(), literal: literal?, place: pair.value.to_token_stream() })
}
