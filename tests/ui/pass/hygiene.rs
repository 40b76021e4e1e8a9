//! Nothing of the expansion depends on what is in scope, or is in the way of it.
#![deny(warnings, missing_docs, unused_qualifications)]
#![no_implicit_prelude]
#![allow(dead_code)]

// The expansion of `async_trait` names it.
use ::std::boxed::Box;

struct Option;
struct String;
struct Result;
struct Vec;
struct Some;
struct None;
struct Ok;
struct Err;
struct Default;
struct Self_;
mod core {}
mod std {}
mod danube_sink {}

#[::danube_sink::sink_connector(main = false, validate = Self::agrees)]
struct Sink {
    section: ::std::option::Option<u8>,
    #[setting(default = "a", one_of = ["a", "b"], validate = good)]
    value_0: ::std::string::String,
    #[setting(range = 1..=5)]
    info: u8,
    #[setting(range = ..0.5)]
    connector: ::std::option::Option<f64>,
    #[setting(length = 1.., default = [1])]
    list: ::std::vec::Vec<Alias>,
    #[setting(default = 5, range = 1..=10)]
    alias: Alias,
    #[setting(default = "one")]
    value: Word,
    table: Table,
    #[setting(default)]
    of_type: u8,
    #[setting(default(value = 2))]
    other_table: OtherTable,
    #[setting(default = [1], items(range = 1..=5))]
    items: ::std::vec::Vec<u8>,
    #[setting(env = "VARIABLE", example = 5)]
    #[cfg(all())]
    variable: u8,
    #[setting(secret)]
    name: ::std::option::Option<::danube_sink::Secret>,
    #[topic_mappings(batch_size = 5)]
    topics: ::danube_sink::TopicMappings<Target>,
    #[state]
    state: usize,
}

type Alias = u8;

impl Sink {
    fn agrees(&self) -> ::std::result::Result<(), ::std::string::String> {
        ::std::result::Result::Ok(())
    }
}

impl Target {
    fn fits(&self) -> ::std::result::Result<(), ::std::string::String> {
        ::std::result::Result::Ok(())
    }
}

fn good(_: &::std::string::String) -> ::std::result::Result<(), ::std::string::String> {
    ::std::result::Result::Ok(())
}

#[derive(::danube_sink::Setting)]
enum Word {
    #[default]
    One,
    Some,
}

#[derive(::danube_sink::Setting)]
struct Table {
    #[setting(default = 1, env = "TABLE")]
    table: u8,
    #[setting(secret)]
    secret: ::std::option::Option<::danube_sink::Secret>,
    value: ::std::option::Option<u8>,
}

#[derive(::danube_sink::Setting)]
struct OtherTable {
    value: u8,
}

#[derive(::danube_sink::TopicMapping)]
#[setting(validate = Self::fits)]
struct Target {
    built: u8,
    #[setting(secret)]
    settings: ::danube_sink::Secret,
    table: ::std::string::String,
    value_0: u8,
}

#[::danube_sink::sink_connector]
impl ::danube_sink::SinkConnector for Sink {
    async fn initialize(&mut self, _: ::danube_sink::ConnectorConfig) -> ::danube_sink::ConnectorResult<()> {
        ::std::result::Result::Ok(())
    }

    async fn process_batch(
        &mut self,
        _: ::std::vec::Vec<::danube_sink::SinkRecord>,
    ) -> ::danube_sink::ConnectorResult<()> {
        ::std::result::Result::Ok(())
    }
}

fn main() {}
