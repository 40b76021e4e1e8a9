//! The code that the macros write, one file for each part of the grammar: `expansions/inputs/NAME.rs` expands to
//! `expansions/NAME.rs`.

use std::{env, fs, path::Path};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Item, Meta};

use crate::expand;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn each_input_expands_to_the_code_in_its_file() {
    let folder = Path::new(PACKAGE).join("expansions");
    let mut differing = Vec::new();
    for entry in fs::read_dir(folder.join("inputs")).unwrap() {
        let input = entry.unwrap().path();
        if input.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let items = syn::parse_file(&fs::read_to_string(&input).unwrap()).unwrap().items;
        let expanded: TokenStream = items.into_iter().map(expanded).collect();
        // The path of an included file is that of this machine.
        let expanded = prettyplease::unparse(&syn::parse2(expanded).unwrap()).replace(PACKAGE, "$PACKAGE");
        let golden = folder.join(input.file_name().unwrap());
        if env::var_os("BLESS").is_some() {
            fs::write(&golden, &expanded).unwrap();
        }
        if fs::read_to_string(&golden).unwrap_or_default() != expanded {
            differing.push(golden);
        }
    }
    assert!(
        differing.is_empty(),
        "run `BLESS=1 cargo test -p danube-sink-macros` and read what has changed in {differing:?}"
    );
}

/// The compiler knows whether a type is the trait's error under another name.
#[test]
fn only_a_result_of_certainly_another_error_is_refused() {
    let is_refused = |result: &str| {
        let result: TokenStream = result.parse().unwrap();
        let item = quote!(
            impl SinkConnector for Sink {
                async fn initialize(&mut self, _: ConnectorConfig) -> #result {
                    Ok(())
                }
                async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
                    Ok(())
                }
            }
        );
        expand::sink_connector(TokenStream::new(), item).to_string().contains("compile_error")
    };
    for error in ["ConnectorError", "danube_sink::ConnectorError", "SinkError", "Error", "crate::Error"] {
        assert!(!is_refused(&format!("Result<(), {error}>")), "{error}");
    }
    for error in ["String", "Box<dyn Error>", "&'static str", "()", "io::Error", "std::io::Error"] {
        assert!(is_refused(&format!("Result<(), {error}>")), "{error}");
    }
}

/// An item as the compiler has it after the macros.
fn expanded(mut item: Item) -> TokenStream {
    let attributes = match &mut item {
        Item::Struct(item) => &mut item.attrs,
        Item::Enum(item) => &mut item.attrs,
        Item::Impl(item) => &mut item.attrs,
        other => return other.to_token_stream(),
    };
    if let Some(arguments) = remove(attributes, "sink_connector") {
        return expand::sink_connector(arguments, item.to_token_stream());
    }
    let derived = remove(attributes, "derive").unwrap().to_string();
    let item = item.to_token_stream();
    let code =
        if derived == "TopicMapping" { expand::topic_mapping(item.clone()) } else { expand::setting(item.clone()) };
    quote!(#item #code)
}

/// Removes an attribute, and returns its arguments.
fn remove(attributes: &mut Vec<Attribute>, name: &str) -> Option<TokenStream> {
    let index = attributes.iter().position(|attribute| attribute.path().is_ident(name))?;
    Some(match attributes.remove(index).meta {
        Meta::List(list) => list.tokens,
        _ => TokenStream::new(),
    })
}
