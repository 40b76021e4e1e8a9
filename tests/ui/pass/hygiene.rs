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
struct Self_;
mod core {}
mod std {}

#[::danube_sink::sink_connector(main = false)]
struct Sink {
    section: ::std::option::Option<u8>,
    value_0: ::std::string::String,
    info: u8,
    #[topic_mappings]
    topics: ::danube_sink::TopicMappings<Target>,
}

#[derive(::danube_sink::TopicMapping)]
struct Target {
    mapping: ::std::string::String,
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
