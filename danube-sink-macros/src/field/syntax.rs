//! Tokens of a field → [`RawField`].

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Attribute, Expr, ExprLit, Field, Fields, Ident, Lit, Meta, Path, Token, Type, ext::IdentExt, punctuated::Punctuated,
};

use super::model::{Helper, RawField, RawHelper};

/// The fields that have names, with their helper attributes.
pub(crate) fn read(fields: &Fields) -> Vec<RawField> {
    fields.iter().filter_map(|field| Some(read_one(field, field.ident.clone()?))).collect()
}

fn read_one(field: &Field, name: Ident) -> RawField {
    RawField {
        name,
        ty: field.ty.clone(),
        help: doc(&field.attrs),
        helpers: field.attrs.iter().filter_map(helper).collect(),
        conditional: field.attrs.iter().flat_map(conditional).collect(),
        cfg: field.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect(),
    }
}

fn helper(attribute: &Attribute) -> Option<RawHelper> {
    let arguments = match &attribute.meta {
        Meta::Path(_) => TokenStream::new(),
        Meta::List(list) => list.tokens.clone(),
        Meta::NameValue(pair) => pair.to_token_stream(),
    };
    Some(RawHelper { kind: kind(attribute.path())?, path: attribute.path().clone(), arguments })
}

/// The helpers in a `#[cfg_attr(…)]`, which the compiler evaluates after an attribute macro.
fn conditional(attribute: &Attribute) -> Vec<(Helper, Path)> {
    if !attribute.path().is_ident("cfg_attr") {
        return Vec::new();
    }
    let parts = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).unwrap_or_default();
    parts.iter().filter_map(|part| Some((kind(part.path())?, part.path().clone()))).collect()
}

fn kind(path: &Path) -> Option<Helper> {
    Helper::ALL.into_iter().find(|helper| path.is_ident(helper.word()))
}

/// Takes the helper attributes away: the compiler does not know them.
pub(crate) fn strip<'f>(fields: impl IntoIterator<Item = &'f mut Field>) {
    for field in fields {
        field.attrs.retain(|attribute| kind(attribute.path()).is_none() && conditional(attribute).is_empty());
    }
}

/// The helper attributes of an item that is no field.
pub(crate) fn helpers_among(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| kind(attribute.path()).is_some())
}

/// `Self` in a path, written out: constants stand beside the impl.
pub(crate) fn without_self(mut path: Path, name: &Ident) -> Path {
    if let Some(first) = path.segments.first_mut().filter(|first| first.ident == "Self") {
        let span = first.ident.span();
        first.ident = name.clone();
        first.ident.set_span(span);
    }
    path
}

/// The doc comment, without the space that follows each `///`.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match ungrouped(pair.value.clone()) {
                Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value()),
                _ => None,
            },
            _ => None,
        })
        .map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned())
        .collect();
    lines.join("\n").trim().to_owned()
}

/// The key of a field: `r#type` is the key `type`.
pub(crate) fn key(name: &Ident) -> String {
    name.unraw().to_string()
}

/// The last word of a type's path: `TopicMappings` of `danube_sink::TopicMappings<T>`.
pub(crate) fn type_word(ty: &Type) -> Option<&Ident> {
    match ungrouped_type(ty) {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

/// The type without the invisible delimiters that an argument of `macro_rules!` has.
pub(crate) fn ungrouped_type(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped_type(&group.elem),
        Type::Paren(group) => ungrouped_type(&group.elem),
        _ => ty,
    }
}

/// As [`ungrouped_type`], of an expression.
pub(crate) fn ungrouped(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungrouped(*group.expr),
        _ => expr,
    }
}
