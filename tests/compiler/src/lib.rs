//! How cargo called the compiler for a test, so that the test can compile more crates with the same dependencies.

use std::env;

use proc_macro::TokenStream;

/// The command line, as `[&str; _]`, that compiles a crate with the dependencies of the crate in which it stands.
///
/// Only cargo knows which of a dependency's builds in the target folder has the right features.
#[proc_macro]
pub fn command(_: TokenStream) -> TokenStream {
    let compiler = env::current_exe().unwrap_or_default();
    let mut command = vec![compiler.to_string_lossy().into_owned()];
    let mut arguments = env::args();
    while let Some(argument) = arguments.next() {
        if argument.starts_with("--edition=") {
            command.push(argument);
        } else if ["--extern", "--target", "-L"].contains(&argument.as_str()) {
            command.push(argument);
            command.extend(arguments.next());
        }
    }
    // The debug format of a list of texts is that of Rust's literals.
    format!("{command:?}").parse().unwrap_or_default()
}
