//! Compilation of the registry's `.proto` text, and choice of the payload's message.

use std::path::Path;

use prost_reflect::{FileDescriptor, MessageDescriptor};
use protox::{
    Compiler, Error,
    file::{File, FileResolver, GoogleFileResolver},
};

/// File name of the text in errors.
const NAME: &str = "schema.proto";

/// Message name that the registry gives every schema.
const REGISTRY_NAME: &str = "DefaultMessage";

/// Maximum nesting of brackets, since the compiler recurses for each.
const MAX_NESTING: usize = 100;

/// Compiles the text, and finds the message of payloads.
///
/// # Errors
/// The position of the error, or the messages to choose from.
pub(super) fn compile(text: &str, requested: Option<&str>) -> Result<MessageDescriptor, String> {
    check_nesting(text)?;
    let mut compiler = Compiler::with_file_resolver(Text(text.to_owned()));
    compiler.open_file(NAME).map_err(|error| format!("not a .proto text: {}", explain(&error)))?;
    let file = compiler.descriptor_pool().get_file_by_name(NAME).ok_or("not a .proto text")?;
    message(&file, requested)
}

fn message(file: &FileDescriptor, requested: Option<&str>) -> Result<MessageDescriptor, String> {
    let top: Vec<_> = file.messages().collect();
    let names = || top.iter().map(|message| message.full_name().to_owned()).collect::<Vec<_>>().join(", ");
    if let Some(requested) = requested {
        let by_name = || top.iter().find(|message| message.name() == requested).cloned();
        let in_package = || file.parent_pool().get_message_by_name(&format!("{}.{requested}", file.package_name()));
        let found = file.parent_pool().get_message_by_name(requested).or_else(by_name).or_else(in_package);
        return found.ok_or_else(|| format!("`protobuf_message` is {requested}, but the schema has {}", names()));
    }
    if let Some(named) = top.iter().find(|message| message.name() == REGISTRY_NAME) {
        return Ok(named.clone());
    }
    match &top[..] {
        [only] => Ok(only.clone()),
        [] => Err("its .proto text has no message".into()),
        _ => Err(format!("its .proto text has several messages: set `protobuf_message` to one of {}", names())),
    }
}

fn check_nesting(text: &str) -> Result<(), String> {
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'(' | b'<' => depth += 1,
            b'}' | b']' | b')' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err(format!("its .proto text has more than {MAX_NESTING} nested brackets"));
        }
    }
    Ok(())
}

/// Formats an error of protox, with help for imports.
fn explain(error: &Error) -> String {
    match error.file() {
        _ if error.is_file_not_found() => {
            format!("{error}: only files of google/protobuf can be imported; include others in the text itself")
        }
        _ => error.to_string(),
    }
}

/// File resolver of the text itself, and of Google's files for its imports.
struct Text(String);

impl FileResolver for Text {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<File, Error> {
        if name == NAME { File::from_source(name, &self.0) } else { GoogleFileResolver::new().open_file(name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_the_configured_or_the_registrys_or_the_only_one() {
        let name =
            |text: &str, requested: Option<&str>| compile(text, requested).map(|found| found.full_name().to_owned());
        let two = "syntax = 'proto3'; package shop; message A { message In {} } message B {}";
        assert_eq!(name("syntax = 'proto3'; message A {}", None).unwrap(), "A");
        assert_eq!(name(two, Some("B")).unwrap(), "shop.B");
        assert_eq!(name(two, Some("shop.A")).unwrap(), "shop.A");
        assert_eq!(name(two, Some("A.In")).unwrap(), "shop.A.In");
        assert_eq!(name("message A {} message DefaultMessage {}", None).unwrap(), "DefaultMessage");
        assert!(name(two, None).unwrap_err().contains("one of shop.A, shop.B"));
        assert!(name(two, Some("C")).unwrap_err().contains("the schema has shop.A, shop.B"));
        assert!(name("", None).unwrap_err().contains("no message"));
    }

    #[test]
    fn compile_errors_are_reported() {
        let error = |text: &str| compile(text, None).unwrap_err();
        assert!(error("message A { nonsense }").contains("not a .proto text"), "{}", error("message A { nonsense }"));
        let imported = error("syntax = 'proto3'; import 'shop/order.proto'; message A {}");
        assert!(imported.contains("shop/order.proto") && imported.contains("google/protobuf"), "{imported}");
        assert!(error(&"message A {".repeat(100_000)).contains("brackets"));
        assert!(error("syntax = 'proto3'; message A { B b = 1; }").contains("not a .proto text"));
    }
}
