//! From the `.proto` text of the registry to the message that payloads are.

use std::path::Path;

use prost_reflect::{FileDescriptor, MessageDescriptor};
use protox::{
    Compiler, Error,
    file::{File, FileResolver, GoogleFileResolver},
};

/// What the text is called in errors.
const NAME: &str = "schema.proto";

/// What the registry calls the message of every schema.
const REGISTRY_NAME: &str = "DefaultMessage";

/// Brackets within brackets: the compiler goes down one call for each.
const MAX_NESTING: usize = 100;

/// # Errors
/// Where the text is wrong, or which messages it may be.
pub(super) fn compile(text: &str, wanted: Option<&str>) -> Result<MessageDescriptor, String> {
    check_nesting(text)?;
    let mut compiler = Compiler::with_file_resolver(Text(text.to_owned()));
    compiler.open_file(NAME).map_err(|error| format!("not a .proto text: {}", explain(&error)))?;
    let file = compiler.descriptor_pool().get_file_by_name(NAME).ok_or("not a .proto text")?;
    message(&file, wanted)
}

fn message(file: &FileDescriptor, wanted: Option<&str>) -> Result<MessageDescriptor, String> {
    let top: Vec<_> = file.messages().collect();
    let names = || top.iter().map(|message| message.full_name().to_owned()).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = wanted {
        let by_name = || top.iter().find(|message| message.name() == wanted).cloned();
        let in_package = || file.parent_pool().get_message_by_name(&format!("{}.{wanted}", file.package_name()));
        let found = file.parent_pool().get_message_by_name(wanted).or_else(by_name).or_else(in_package);
        return found.ok_or_else(|| format!("`protobuf_message` is {wanted}, and the schema has {}", names()));
    }
    if let Some(named) = top.iter().find(|message| message.name() == REGISTRY_NAME) {
        return Ok(named.clone());
    }
    match &top[..] {
        [only] => Ok(only.clone()),
        [] => Err("its .proto text has no message".into()),
        _ => Err(format!("its .proto text has several messages: say with `protobuf_message` which of {}", names())),
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
            return Err(format!("its .proto text has more than {MAX_NESTING} brackets in each other"));
        }
    }
    Ok(())
}

/// protox's own text is one line without the place.
fn explain(error: &Error) -> String {
    match error.file() {
        _ if error.is_file_not_found() => {
            format!("{error}: only the files of google/protobuf can be imported, put the rest into the text itself")
        }
        _ => error.to_string(),
    }
}

/// The text itself, and Google's files for its imports.
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
    fn the_message_is_the_named_or_the_registrys_or_the_only_one() {
        let name = |text: &str, wanted: Option<&str>| compile(text, wanted).map(|found| found.full_name().to_owned());
        let two = "syntax = 'proto3'; package shop; message A { message In {} } message B {}";
        assert_eq!(name("syntax = 'proto3'; message A {}", None).unwrap(), "A");
        assert_eq!(name(two, Some("B")).unwrap(), "shop.B");
        assert_eq!(name(two, Some("shop.A")).unwrap(), "shop.A");
        assert_eq!(name(two, Some("A.In")).unwrap(), "shop.A.In");
        assert_eq!(name("message A {} message DefaultMessage {}", None).unwrap(), "DefaultMessage");
        assert!(name(two, None).unwrap_err().contains("which of shop.A, shop.B"));
        assert!(name(two, Some("C")).unwrap_err().contains("the schema has shop.A, shop.B"));
        assert!(name("", None).unwrap_err().contains("no message"));
    }

    #[test]
    fn what_does_not_compile_is_told() {
        let told = |text: &str| compile(text, None).unwrap_err();
        assert!(told("message A { nonsense }").contains("not a .proto text"), "{}", told("message A { nonsense }"));
        let imported = told("syntax = 'proto3'; import 'shop/order.proto'; message A {}");
        assert!(imported.contains("shop/order.proto") && imported.contains("google/protobuf"), "{imported}");
        assert!(told(&"message A {".repeat(100_000)).contains("brackets"));
        assert!(told("syntax = 'proto3'; message A { B b = 1; }").contains("not a .proto text"));
    }
}
