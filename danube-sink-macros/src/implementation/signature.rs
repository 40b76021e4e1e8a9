//! Whether a method has the signature of the trait, as far as its tokens show: types may have other names.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{FnArg, GenericArgument, ImplItemFn, PathArguments, ReturnType, Type};

use super::model::{METHODS, Method};
use crate::{
    diagnostics::Diagnostics,
    field::syntax::{type_word, ungrouped_type},
};

/// Reports the first error of a method.
pub(super) fn check(method: &Method, written: &ImplItemFn, diagnostics: &mut Diagnostics) {
    let help = format!("write `{}`", method.signature);
    if let Some((place, message)) = error(method, written) {
        diagnostics.push(place, message, help);
    }
}

/// Whether a stub replaces it, because the compiler would only repeat the error.
pub(super) fn is_wrong(written: &ImplItemFn) -> bool {
    Method::of(&written.sig.ident).is_none_or(|method| error(method, written).is_some())
}

fn error(method: &Method, written: &ImplItemFn) -> Option<(TokenStream, String)> {
    let (signature, name) = (&written.sig, method.name);
    let at = |place: &dyn ToTokens| place.to_token_stream();
    if signature.asyncness.is_none() {
        return Some((at(&signature.fn_token), format!("`{name}` is an async method")));
    }
    if !signature.generics.params.is_empty() {
        return Some((at(&signature.generics.params), format!("`{name}` has no generic parameters")));
    }
    let mut inputs = signature.inputs.iter();
    match inputs.next() {
        Some(FnArg::Receiver(receiver)) if receiver.reference.is_none() => {
            return Some((at(receiver), format!("`{name}` borrows the connector")));
        }
        Some(FnArg::Receiver(receiver)) if receiver.mutability.is_some() != method.mutable => {
            let wanted = if method.mutable { "&mut self" } else { "&self" };
            return Some((at(receiver), format!("`{name}` takes `{wanted}`")));
        }
        Some(FnArg::Receiver(_)) => {}
        _ => return Some((at(&signature.ident), format!("`{name}` is a method of the connector"))),
    }
    match (method.argument, inputs.next()) {
        (Some(wanted), Some(FnArg::Typed(argument))) if is_another(&argument.ty, wanted) => {
            return Some((at(&argument.ty), format!("`{name}` takes another argument")));
        }
        (Some(_), None) => return Some((at(&signature.ident), format!("`{name}` lacks its argument"))),
        (None, Some(extra)) => return Some((at(extra), format!("`{name}` has no argument"))),
        _ => {}
    }
    if let Some(extra) = inputs.next() {
        return Some((at(extra), format!("`{name}` has one argument")));
    }
    match &signature.output {
        ReturnType::Default => Some((at(&signature.ident), format!("`{name}` returns a `ConnectorResult`"))),
        ReturnType::Type(_, ty) if is_another_result(ty) => {
            Some((at(ty), format!("`{name}` returns a `ConnectorResult`")))
        }
        ReturnType::Type(..) => None,
    }
}

/// A type that is no path, or the argument of another method.
fn is_another(ty: &Type, wanted: &str) -> bool {
    let Some(word) = type_word(ty) else { return true };
    word != wanted && METHODS.iter().any(|method| method.argument.is_some_and(|other| word == other))
}

/// A type that is no path, or a `Result` with what is certainly another error. An alias hides its error type, and the trait's
/// may be imported under another name.
fn is_another_result(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return !matches!(ty, Type::Group(_)) };
    let arguments = path.path.segments.last().map(|last| &last.arguments);
    let Some(PathArguments::AngleBracketed(arguments)) = arguments else { return false };
    matches!(arguments.args.get(1), Some(GenericArgument::Type(error)) if is_another_error(error))
}

fn is_another_error(ty: &Type) -> bool {
    let Type::Path(error) = ungrouped_type(ty) else { return true };
    let mut words = error.path.segments.iter().rev().map(|segment| &segment.ident);
    match (words.next(), words.next()) {
        (Some(word), _) if ["String", "str", "Box"].iter().any(|other| word == other) => true,
        (Some(word), Some(module)) => word == "Error" && module == "io",
        _ => false,
    }
}
