//! `name = value, flag, …`: the arguments of an attribute.

use proc_macro2::TokenStream;
use syn::{
    Expr, ExprLit, Ident, Lit, LitBool, LitStr, Meta, MetaList, MetaNameValue, Path, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
};

use super::syntax::ungrouped;
use crate::{diagnostics::Diagnostics, names};

/// One argument, with or without a value.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) value: Option<Expr>,
    /// What is in parentheses after the name.
    pub(crate) list: Option<MetaList>,
}

/// What an attribute understands.
pub(crate) struct Grammar<'g> {
    /// How messages name it.
    pub(crate) attribute: &'static str,
    pub(crate) known: &'g [&'g str],
    /// Those of them that take further arguments, in parentheses.
    pub(crate) lists: &'g [&'g str],
    /// Words that an author may well try, why they are wrong, and what to write instead.
    pub(crate) refused: &'static [(&'static str, &'static str, &'static str)],
}

/// The arguments of one attribute, known and each given once.
#[derive(Default)]
pub(crate) struct Arguments(Vec<Argument>);

impl Arguments {
    /// Reads them, reporting those that the grammar does not know; `None` if they cannot be read at all.
    pub(crate) fn read(tokens: TokenStream, grammar: &Grammar<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Grammar { attribute, known, lists, refused } = grammar;
        let parser = |input: ParseStream<'_>| Punctuated::<Meta, Token![,]>::parse_terminated_with(input, meta);
        let parsed = match parser.parse2(tokens) {
            Ok(parsed) => parsed,
            Err(error) => {
                let help = format!("the arguments of `{attribute}` are {}", names::alternatives(known));
                diagnostics.syntax(&error, help);
                return None;
            }
        };
        let mut arguments: Vec<Argument> = Vec::new();
        for meta in parsed {
            let Some(name) = meta.path().get_ident().cloned().filter(|name| known.contains(&name.to_string().as_str()))
            else {
                let word = meta.path().get_ident().map(Ident::to_string).unwrap_or_default();
                if let Some((_, message, help)) = refused.iter().find(|(name, ..)| *name == word) {
                    diagnostics.push(meta.path(), message, help);
                    continue;
                }
                let help = match known {
                    [] => format!("write `{attribute}` without arguments"),
                    known => names::remedy(&word, known),
                };
                diagnostics.push(meta.path(), format!("unknown argument of `{attribute}`"), help);
                continue;
            };
            if arguments.iter().any(|other| other.name == name) {
                diagnostics.push(&name, format!("`{name}` is given twice"), "keep one of them");
                continue;
            }
            match meta {
                Meta::Path(_) => arguments.push(Argument { name, value: None, list: None }),
                Meta::NameValue(pair) => {
                    arguments.push(Argument { name, value: Some(ungrouped(pair.value)), list: None });
                }
                Meta::List(list) if lists.contains(&name.to_string().as_str()) => {
                    arguments.push(Argument { name, value: None, list: Some(list) });
                }
                Meta::List(list) => diagnostics.push(
                    &list,
                    format!("`{name}` takes its value after `=`"),
                    format!("write `{name} = …`"),
                ),
            }
        }
        Some(Self(arguments))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Argument> {
        self.0.iter().find(|argument| argument.name == name)
    }

    /// A flag: there or not.
    pub(crate) fn flag(&self, name: &str, diagnostics: &mut Diagnostics) -> Option<&Argument> {
        let argument = self.get(name)?;
        if let Some(value) = &argument.value {
            diagnostics.push(value, format!("`{name}` takes no value"), format!("write `{name}` alone"));
        }
        Some(argument)
    }

    /// A value in double quotes.
    pub(crate) fn string(&self, name: &str, diagnostics: &mut Diagnostics) -> Option<LitStr> {
        let argument = self.get(name)?;
        match &argument.value {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(string), .. })) => return Some(string.clone()),
            Some(other) => diagnostics.push(other, format!("`{name}` is a string"), format!("write `{name} = \"…\"`")),
            None => {
                diagnostics.push(&argument.name, format!("`{name}` needs a value"), format!("write `{name} = \"…\"`"))
            }
        }
        None
    }

    /// What comes behind `=`. `example` is one.
    pub(crate) fn value(&self, name: &str, example: &str, diagnostics: &mut Diagnostics) -> Option<&Expr> {
        let argument = self.get(name)?;
        if argument.value.is_none() {
            diagnostics.push(&argument.name, format!("`{name}` needs a value"), format!("write `{name} = {example}`"));
        }
        argument.value.as_ref()
    }

    /// The path of a function.
    pub(crate) fn path(&self, name: &str, diagnostics: &mut Diagnostics) -> Option<Path> {
        let example = "path::of_a_function";
        match self.value(name, example, diagnostics)? {
            Expr::Path(path) => return Some(path.path.clone()),
            other => {
                diagnostics.push(other, format!("`{name}` names a function"), format!("write `{name} = {example}`"));
            }
        }
        None
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, name: &str, diagnostics: &mut Diagnostics) -> Option<LitBool> {
        let argument = self.get(name)?;
        match &argument.value {
            Some(Expr::Lit(ExprLit { lit: Lit::Bool(boolean), .. })) => return Some(boolean.clone()),
            Some(other) => {
                diagnostics.push(other, format!("`{name}` is `true` or `false`"), format!("write `{name} = false`"))
            }
            None => {
                diagnostics.push(&argument.name, format!("`{name}` needs a value"), format!("write `{name} = false`"))
            }
        }
        None
    }
}

/// One argument. A key of the file, such as `where`, may be a keyword of Rust.
fn meta(input: ParseStream<'_>) -> syn::Result<Meta> {
    if input.peek(Ident) || input.peek2(Token![::]) {
        return input.parse();
    }
    let path = Path::from(input.call(Ident::parse_any)?);
    if input.peek(Token![=]) {
        return Ok(Meta::NameValue(MetaNameValue { path, eq_token: input.parse()?, value: input.parse()? }));
    }
    Ok(Meta::Path(path))
}
