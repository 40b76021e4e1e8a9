//! `range = …`, `length = …` and `one_of = […]`: the constraints of a setting, and within `items(…)` those of its items.

use danube_sink_config::schema::{Constraint, ValueRef};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, ExprRange, RangeLimits};

use super::{
    arguments::{Arguments, Grammar},
    literal::{Literal, value_tokens},
};
use crate::diagnostics::Diagnostics;

/// The error of a constraint, and the help.
type Wrong = (&'static str, &'static str);

type Read = fn(&Expr) -> Result<Constraint, Wrong>;

/// The arguments, and how their values are read.
const ALL: [(&str, Read); 3] = [("range", range), ("length", length), ("one_of", one_of)];

const ITEMS: Grammar<'_> =
    Grammar { attribute: "items(…)", known: &["range", "length", "one_of"], lists: &[], refused: &[] };

/// The constraints among some arguments, each with its place.
pub(super) fn read(arguments: &Arguments, diagnostics: &mut Diagnostics) -> Vec<(Constraint, TokenStream)> {
    let mut constraints = Vec::new();
    for (name, read) in ALL {
        let Some(value) = arguments.value(name, "…", diagnostics) else { continue };
        match read(value) {
            Ok(constraint) => constraints.push((constraint, value.to_token_stream())),
            Err((message, help)) => diagnostics.push(value, message, help),
        }
    }
    constraints
}

/// The constraints within `items(…)`.
pub(super) fn read_items(arguments: &Arguments, diagnostics: &mut Diagnostics) -> Vec<(Constraint, TokenStream)> {
    let Some(argument) = arguments.get("items") else { return Vec::new() };
    match &argument.list {
        Some(list) if !list.tokens.is_empty() => Arguments::read(list.tokens.clone(), &ITEMS, diagnostics)
            .map(|arguments| read(&arguments, diagnostics))
            .unwrap_or_default(),
        _ => {
            let message = "`items` takes its constraints in parentheses";
            diagnostics.push(&argument.name, message, "write `items(range = 1..=10)`, or `length` or `one_of` in it");
            Vec::new()
        }
    }
}

fn range(value: &Expr) -> Result<Constraint, Wrong> {
    let wrong = (
        "a range is two literals with `..` or `..=` between them",
        "write `1..=100`, `0.0..1.0`, `\"1s\"..=\"5m\"` or `\"1KiB\"..`",
    );
    let Expr::Range(range) = value else { return Err(wrong) };
    let (from, to, below) = ends(range).ok_or(wrong)?;
    if from.is_none() && to.is_none() {
        return Err(("a range without bounds allows every value", "remove it, or write `1..=100`"));
    }
    let shown = |end: &Literal| match end {
        Literal::String(string) => string.clone(),
        number => number.to_toml(),
    };
    let words = match (from.as_ref().map(shown), to.as_ref().map(shown)) {
        (Some(from), Some(to)) if below => format!("from {from} to less than {to}"),
        (Some(from), Some(to)) => format!("from {from} to {to}"),
        (Some(from), None) => format!("of at least {from}"),
        (None, to) => format!("of {} {}", if below { "less than" } else { "at most" }, to.unwrap_or_default()),
    };
    let value = |end: Literal| kept(end).as_ref();
    Ok(Constraint::Range { from: from.map(value), to: to.map(value), below, words: kept(words) })
}

fn length(value: &Expr) -> Result<Constraint, Wrong> {
    let wrong = ("the bounds of a length are integers", "write `1..=64`, `1..` or `..=64`");
    let Expr::Range(range) = value else { return Err(wrong) };
    let count = |end: Option<Literal>, otherwise: usize| match end {
        None => Ok(otherwise),
        Some(Literal::Integer(number)) => usize::try_from(number).map_err(|_| wrong),
        Some(_) => Err(wrong),
    };
    let (from, to, below) = ends(range).ok_or(wrong)?;
    if from.is_none() && to.is_none() {
        return Err(("a range without bounds allows every value", "remove it, or write `1..=64`"));
    }
    let (min, max) = (count(from, 0)?, count(to, usize::MAX)?);
    match max.checked_sub(usize::from(below)) {
        Some(max) if min <= max => Ok(Constraint::Length { min, max }),
        _ => Err(("the range is empty", "write the smaller bound first")),
    }
}

fn one_of(value: &Expr) -> Result<Constraint, Wrong> {
    let Some(Literal::Array(values)) = Literal::read(value) else {
        return Err(("`one_of` is an array of strings or integers", "write `one_of = [\"a\", \"b\"]`"));
    };
    let values: Vec<ValueRef<'static>> = values.into_iter().map(|value| kept(value).as_ref()).collect();
    Ok(Constraint::OneOf(kept(values)))
}

/// The two ends, and whether the range excludes the last.
fn ends(range: &ExprRange) -> Option<(Option<Literal>, Option<Literal>, bool)> {
    let end = |end: Option<&Expr>| end.map_or(Some(None), |end| Literal::read(end).map(Some));
    let below = range.end.is_some() && matches!(range.limits, RangeLimits::HalfOpen(_));
    Some((end(range.start.as_deref())?, end(range.end.as_deref())?, below))
}

/// The constraint as code.
pub(crate) fn tokens(constraint: &Constraint) -> TokenStream {
    match constraint {
        Constraint::Range { from, to, below, words } => {
            let end = |end: &Option<ValueRef<'static>>| match end {
                Some(value) => {
                    let value = value_tokens(value);
                    quote!(__sink::Some(#value))
                }
                None => quote!(__sink::None),
            };
            let (from, to) = (end(from), end(to));
            quote!(__sink::Constraint::Range { from: #from, to: #to, below: #below, words: #words })
        }
        Constraint::Length { min, max } => {
            let max = if *max == usize::MAX { quote!(::core::primitive::usize::MAX) } else { unsuffixed(*max) };
            let min = unsuffixed(*min);
            quote!(__sink::Constraint::Length { min: #min, max: #max })
        }
        Constraint::OneOf(values) => {
            let values = values.iter().map(value_tokens);
            quote!(__sink::Constraint::OneOf(&[#(#values),*]))
        }
    }
}

fn unsuffixed(number: usize) -> TokenStream {
    let number = proc_macro2::Literal::usize_unsuffixed(number);
    quote!(#number)
}

/// Keeps a value for the constants of a constraint. The process of a macro ends soon.
fn kept<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
