//! A value that stands in an attribute.

use danube_sink_config::shape::{Misfit, Scalar, Shape};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, ExprLit, ExprUnary, Lit, UnOp};

/// A literal, or a list of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Whole(i128),
    /// With its digits.
    Real(f64, String),
    Truth(bool),
    List(Vec<Literal>),
}

impl Literal {
    /// `None` if it is something that must be computed.
    pub(crate) fn read(value: &Expr) -> Option<Self> {
        match value {
            Expr::Lit(ExprLit { lit, .. }) => match lit {
                Lit::Str(text) => Some(Self::Text(text.value())),
                Lit::Int(number) => number.base10_parse().ok().map(Self::Whole),
                Lit::Float(number) => Some(Self::Real(number.base10_parse().ok()?, number.base10_digits().to_owned())),
                Lit::Bool(truth) => Some(Self::Truth(truth.value)),
                _ => None,
            },
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match Self::read(expr)? {
                Self::Whole(number) => number.checked_neg().map(Self::Whole),
                Self::Real(number, digits) => Some(Self::Real(-number, format!("-{digits}"))),
                _ => None,
            },
            Expr::Array(list) => list.elems.iter().map(Self::read).collect::<Option<_>>().map(Self::List),
            Expr::Group(group) => Self::read(&group.expr),
            Expr::Paren(group) => Self::read(&group.expr),
            _ => None,
        }
    }

    pub(crate) fn to_toml(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Whole(number) => number.to_string(),
            Self::Real(_, digits) => digits.clone(),
            Self::Truth(truth) => truth.to_string(),
            Self::List(items) => format!("[{}]", items.iter().map(Self::to_toml).collect::<Vec<_>>().join(", ")),
        }
    }

    pub(crate) fn scalar(&self) -> Scalar<'_> {
        match self {
            Self::Text(text) => Scalar::Text(text),
            Self::Whole(number) => Scalar::Whole(*number),
            Self::Real(number, _) => Scalar::Real(*number),
            Self::Truth(truth) => Scalar::Truth(*truth),
            Self::List(items) => Scalar::List(items.len()),
        }
    }

    /// What is wrong with it, or with the first of its items that does not fit.
    pub(crate) fn misfit(&self, shape: &Shape) -> Option<Misfit> {
        let within = || match self {
            Self::List(items) => items.iter().find_map(|item| item.misfit(shape.item())),
            _ => None,
        };
        shape.misfit(&self.scalar()).or_else(within)
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => quoted.extend(format!("\\u{:04X}", u32::from(char)).chars()),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// The scalar as code.
pub(crate) fn scalar_tokens(scalar: &Scalar<'_>) -> TokenStream {
    match scalar {
        Scalar::Text(text) => quote!(__sink::Scalar::Text(#text)),
        Scalar::Whole(number) => {
            let number = proc_macro2::Literal::i128_unsuffixed(*number);
            quote!(__sink::Scalar::Whole(#number))
        }
        Scalar::Real(number) => {
            let number = proc_macro2::Literal::f64_unsuffixed(*number);
            quote!(__sink::Scalar::Real(#number))
        }
        Scalar::Truth(truth) => quote!(__sink::Scalar::Truth(#truth)),
        Scalar::Date => quote!(__sink::Scalar::Date),
        Scalar::List(count) => quote!(__sink::Scalar::List(#count)),
        Scalar::Table(count) => quote!(__sink::Scalar::Table(#count)),
    }
}
