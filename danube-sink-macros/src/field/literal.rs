//! Literals in attributes.

use danube_sink_config::{
    private::quoted,
    schema::{ValueRef, ValueType, Violation},
};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, ExprLit, ExprUnary, Lit, UnOp};

/// A literal, or an array of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    String(String),
    Integer(i128),
    Float(f64),
    Bool(bool),
    Array(Vec<Literal>),
}

impl Literal {
    /// `None` for an expression that must be computed.
    pub(crate) fn read(value: &Expr) -> Option<Self> {
        match value {
            Expr::Lit(ExprLit { lit, .. }) => match lit {
                Lit::Str(string) => Some(Self::String(string.value())),
                Lit::Int(number) => number.base10_parse().ok().map(Self::Integer),
                // One that is too large is infinite, and no literal of Rust.
                Lit::Float(number) => {
                    number.base10_parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Float)
                }
                Lit::Bool(boolean) => Some(Self::Bool(boolean.value)),
                _ => None,
            },
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match Self::read(expr)? {
                Self::Integer(number) => number.checked_neg().map(Self::Integer),
                Self::Float(number) => Some(Self::Float(-number)),
                _ => None,
            },
            Expr::Array(array) => array.elems.iter().map(Self::read).collect::<Option<_>>().map(Self::Array),
            Expr::Group(group) => Self::read(&group.expr),
            Expr::Paren(group) => Self::read(&group.expr),
            _ => None,
        }
    }

    pub(crate) fn to_toml(&self) -> String {
        match self {
            Self::String(string) => quoted(string),
            Self::Integer(number) => number.to_string(),
            // As TOML wants it, with a digit on both sides of the point.
            Self::Float(number) => format!("{number:?}"),
            Self::Bool(boolean) => boolean.to_string(),
            Self::Array(items) => format!("[{}]", items.iter().map(Self::to_toml).collect::<Vec<_>>().join(", ")),
        }
    }

    pub(crate) fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::String(string) => ValueRef::String(string),
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Float(number) => ValueRef::Float(*number),
            Self::Bool(boolean) => ValueRef::Bool(*boolean),
            Self::Array(items) => ValueRef::Array(items.len()),
        }
    }

    /// The violation of it, or of its first invalid item.
    pub(crate) fn violation(&self, value_type: &ValueType) -> Option<Violation> {
        let within = || match self {
            Self::Array(items) => items.iter().find_map(|item| item.violation(value_type.item())),
            _ => None,
        };
        value_type.violation(&self.as_ref()).or_else(within)
    }
}

/// The value as code.
pub(crate) fn value_tokens(value: &ValueRef<'_>) -> TokenStream {
    match value {
        ValueRef::String(string) => quote!(__sink::ValueRef::String(#string)),
        ValueRef::Integer(number) => {
            let number = proc_macro2::Literal::i128_unsuffixed(*number);
            quote!(__sink::ValueRef::Integer(#number))
        }
        ValueRef::Float(number) => {
            let number = proc_macro2::Literal::f64_unsuffixed(*number);
            quote!(__sink::ValueRef::Float(#number))
        }
        ValueRef::Bool(boolean) => quote!(__sink::ValueRef::Bool(#boolean)),
        ValueRef::Datetime => quote!(__sink::ValueRef::Datetime),
        ValueRef::Array(count) => quote!(__sink::ValueRef::Array(#count)),
        ValueRef::Table(count) => quote!(__sink::ValueRef::Table(#count)),
    }
}
