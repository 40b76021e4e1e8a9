//! The macros of `danube-sink`, which re-exports them. Each is read, checked and written in files of those names:
//! tokens → `Raw…` (`syntax`) → `Checked…` (`check`, which finds every error) → code (`emit`, or `fallback` after one).
//!
//! Their documentation is in `danube-sink/src/grammar.rs`, where its examples compile. The code that they write is in
//! `expansions/`, one file for each part of the grammar, beside its input in `expansions/inputs/`. After a change, renew it with
//! `BLESS=1 cargo test -p danube-sink-macros`, and read the differences.

#![warn(missing_docs)]

mod connector;
mod dependency;
mod diagnostics;
mod enums;
mod expand;
mod field;
mod file;
mod implementation;
mod names;
mod table;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// See `danube_sink::sink_connector`.
#[proc_macro_attribute]
pub fn sink_connector(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::sink_connector(arguments.into(), item.into()).into()
}

/// See `danube_sink::TopicMapping`.
#[proc_macro_derive(TopicMapping, attributes(setting, state, topic_mappings))]
pub fn topic_mapping(item: TokenStream) -> TokenStream {
    expand::topic_mapping(item.into()).into()
}

/// See `danube_sink::Setting`.
#[proc_macro_derive(Setting, attributes(setting, state, topic_mappings, default))]
pub fn setting(item: TokenStream) -> TokenStream {
    expand::setting(item.into()).into()
}
