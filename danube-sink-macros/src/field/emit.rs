//! Code from [`CheckedSetting`]. It is in a block in which `__sink` is the module of `danube-sink` for generated code.

use danube_sink_config::schema::Constraint;
use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Ident, Path, ext::IdentExt, spanned::Spanned};

use super::{
    constraint,
    literal::{Literal, value_tokens},
    model::{CheckedField, CheckedSetting, KeyOfTable, Owner, SettingDefault, Source},
    setting::variable_key,
    syntax::{self, without_self},
};

/// The `#[cfg(…)]` attributes of a field, which all of its code has.
pub(crate) fn cfg(field: &CheckedField) -> TokenStream {
    let cfg = &field.cfg;
    quote!(#(#cfg)*)
}

/// The name of the constant that declares the key of a field.
pub(crate) fn key_name(field: &Ident) -> Ident {
    format_ident!("__KEY_{}", field.unraw().to_string().to_uppercase())
}

/// The name of the variable with the value of a field.
pub(crate) fn value_name(field: &Ident) -> Ident {
    // A name that is neither a keyword nor one of the reader's.
    format_ident!("{}_value", field.unraw(), span = Span::mixed_site())
}

/// `const __KEY_URL: Key<…> = …;`, and the claims on its type that the compiler has to check. `owner` is the struct.
pub(crate) fn key_constant(field: &CheckedField, setting: &CheckedSetting, owner: &Ident) -> TokenStream {
    let CheckedSetting { ty, default, example, constraints, items, .. } = setting;
    let name = key_name(&field.name);
    let key = key(setting, owner);
    let key = quote!(const #name: __sink::Key<#ty> = #key;);
    let is_many = matches!(setting.owner, Owner::Mapping);
    let mut claims = vec![claim(&ty.to_token_stream(), "assert_source", quote!(&#name.spec, #is_many))];
    for (number, (_, place)) in constraints.iter().chain(items).enumerate() {
        claims.push(claim(place, "assert_constraint", quote!(#name.invalid, #number)));
    }
    let value_type = quote!(&#name.spec.value_type);
    match default {
        SettingDefault::None | SettingDefault::OfType => {}
        SettingDefault::Literal(literal, place) => fits("default", &value_type, literal, place, &mut claims),
        SettingDefault::Keys { keys, place } => {
            claims.push(claim(place, "assert_table", value_type.clone()));
            for KeyOfTable { key, literal, place } in keys {
                let name = syntax::key(key);
                claims.push(claim(&key.to_token_stream(), "assert_key", quote!(#value_type, #name)));
                let value_type = quote!(&__sink::type_of_key(#value_type, #name));
                fits("default", &value_type, literal, place, &mut claims);
            }
        }
    }
    if let Some((literal, place)) = example {
        fits("example", &value_type, literal, place, &mut claims);
    }
    let cfg = cfg(field);
    quote!(#cfg #key #(#cfg #claims)*)
}

/// The key with its constraints, default and check.
fn key(setting: &CheckedSetting, owner: &Ident) -> TokenStream {
    let CheckedSetting { ty, default, constraints, items, .. } = setting;
    let spec = spec(setting);
    let mut key = quote!(__sink::key::<#ty>(#spec));
    let mut parts = TokenStream::new();
    if let SettingDefault::OfType = default {
        key = quote!(__sink::or_default::<#ty>(#key));
    }
    let constrained = |(number, (constraint, _)): (usize, &(Constraint, TokenStream))| {
        let constraint = constraint::tokens(constraint);
        quote!(.constrained(#number, #constraint))
    };
    let first_of_items = constraints.len();
    let mut numbered = constraints.iter().chain(items).enumerate().map(constrained);
    let of_key: TokenStream = numbered.by_ref().take(first_of_items).collect();
    key = quote!(#key #of_key);
    if !items.is_empty() {
        parts = quote!(const __ITEMS: __sink::Key<#ty> = __KEY.items() #(#numbered)*;);
    }
    let mut with_parts = (!items.is_empty()).then(|| quote!(.with_items(#first_of_items, &__ITEMS)));
    if let SettingDefault::Keys { keys, .. } = default {
        let keys = keys.iter().map(|KeyOfTable { key, literal, .. }| {
            let (key, literal) = (syntax::key(key), literal.to_toml());
            quote!((#key, #literal))
        });
        parts.extend(quote! {
            const __KEYS: [__sink::KeySpec; __KEY.spec.value_type.keys().len()] =
                __sink::with_defaults(__KEY.spec.value_type.keys(), &[#(#keys),*]);
        });
        with_parts = Some(quote!(#with_parts .with_keys(&__KEYS)));
    }
    let check = check(setting, owner);
    match with_parts {
        None => quote!(#key #check),
        Some(with_parts) => quote!({
            const __KEY: __sink::Key<#ty> = #key;
            #parts
            __KEY #with_parts #check
        }),
    }
}

/// The declaration of a key.
fn spec(setting: &CheckedSetting) -> TokenStream {
    let CheckedSetting { key, help, default, example, source, .. } = setting;
    let mut parts = Vec::new();
    if !help.is_empty() {
        parts.push(quote!(doc: #help));
    }
    if let SettingDefault::Literal(literal, _) = default {
        let literal = literal.to_toml();
        parts.push(quote!(default: __sink::KeyDefault::Literal(#literal)));
    }
    if let Some((literal, _)) = example {
        let literal = literal.to_toml();
        parts.push(quote!(example: __sink::Some(#literal)));
    }
    match source {
        Source::File => {}
        Source::Variable(name) => parts.push(quote!(source: __sink::ValueSource::FileOrVariable(#name))),
        Source::Secret(name) => {
            let name = option(name.as_ref());
            parts.push(quote!(source: __sink::ValueSource::Secret(#name)));
        }
    }
    let spec = quote!(__sink::KeySpec::new(#key));
    if parts.is_empty() { spec } else { quote!(__sink::KeySpec { #(#parts,)* ..#spec }) }
}

/// The keys of a table or mapping as an array: of each field, and of the variable of each secret.
pub(crate) fn keys<'f>(fields: impl Iterator<Item = (&'f CheckedField, &'f CheckedSetting)>) -> TokenStream {
    let keys = fields.map(|(field, setting)| {
        let (cfg, name) = (cfg(field), key_name(&field.name));
        let variable = match (&setting.source, setting.owner) {
            (Source::Secret(_), Owner::Table | Owner::Mapping) => {
                let key = variable_key(&setting.key);
                let doc = format!("Variable that holds `{}`", setting.key);
                let example = format!("\"{}\"", setting.key.to_uppercase().replace('-', "_"));
                Some(quote!(#cfg __sink::variable_key(#key, #doc, #example),))
            }
            _ => None,
        };
        quote!(#cfg #name.spec, #variable)
    });
    quote!(&[#(#keys)*])
}

/// The struct of its fields, validated as a whole if `validate` names a check. `reader` has converted them.
pub(crate) fn built(reader: &Ident, fields: &[TokenStream], validate: Option<&Path>) -> TokenStream {
    let built = quote!(Self { #(#fields),* });
    let Some(path) = validate else { return quote!(__sink::Some(#built)) };
    let name = Ident::new("built", Span::mixed_site());
    let checked = quote_spanned!(path.span()=> __sink::check(&#name, #path));
    quote! {
        let #name = #built;
        #reader.validated(#checked);
        __sink::Some(#name)
    }
}

/// As [`built`], for a topic mapping, whose check may see its common settings too.
pub(crate) fn built_mapping(
    (reader, settings): (&Ident, &Ident),
    fields: &[TokenStream],
    validate: &Path,
) -> TokenStream {
    let built = quote!(Self { #(#fields),* });
    let name = Ident::new("built", Span::mixed_site());
    let checked = quote_spanned!(validate.span()=> __sink::check_mapping(&#name, #settings, #validate));
    quote! {
        let #name = #built;
        #reader.validated(#checked);
        __sink::Some(#name)
    }
}

/// `.checked(|value| …)`.
fn check(setting: &CheckedSetting, owner: &Ident) -> Option<TokenStream> {
    let path = without_self(setting.validate.clone()?, owner);
    let (ty, value) = (&setting.ty, Ident::new("value", Span::mixed_site()));
    let call = quote_spanned!(path.span()=> __sink::check(#value, #path));
    Some(quote!(.checked(|#value: &#ty| #call)))
}

/// Claims that a literal fits the type, and each of its items the type of the items. `what` is the literal's name in messages.
fn fits(what: &str, value_type: &TokenStream, literal: &Literal, place: &TokenStream, claims: &mut Vec<TokenStream>) {
    let value = value_tokens(&literal.as_ref());
    claims.push(claim(place, "assert_fits", quote!(#what, #value_type, &#value)));
    if let Literal::Array(items) = literal {
        let item = quote!((#value_type).item());
        items.iter().for_each(|literal| fits(what, &item, literal, place, claims));
    }
}

/// A constant that calls a function, which stops the compiler at `place` if the claim does not hold.
fn claim(place: &TokenStream, function: &str, arguments: TokenStream) -> TokenStream {
    // The compiler shows the call from its first token to its last.
    let mut spans = place.clone().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    let last = spans.last().unwrap_or(first);
    let function = Ident::new(function, first);
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
    arguments.set_span(last);
    quote_spanned!(first=> const _: () = __sink::#function #arguments;)
}

/// `Some("…")` or `None`.
pub(crate) fn option(string: Option<&String>) -> TokenStream {
    match string {
        Some(string) => quote!(__sink::Some(#string)),
        None => quote!(__sink::None),
    }
}
