#[allow(dead_code)]
struct Sink {
    number: u8,
    topics: TopicMappings,
}
::core::compile_error! {
    "unknown argument of `#[sink_connector]`\nhelp: did you mean `section`?"
}
const _: () = {
    use ::danube_sink::__private as __sink;
    const __KEY_NUMBER: __sink::Key<u8> = __sink::key::<
        u8,
    >(__sink::KeySpec {
        default: __sink::KeyDefault::Literal("5"),
        ..__sink::KeySpec::new("number")
    });
    const _: () = __sink::assert_source(&__KEY_NUMBER.spec, false);
    const _: () = __sink::assert_fits(
        "default",
        &__KEY_NUMBER.spec.value_type,
        &__sink::ValueRef::Integer(5),
    );
    #[automatically_derived]
    impl __sink::GeneratedConnector for Sink {
        const INFO: __sink::ConnectorInfo = __sink::ConnectorInfo::EMPTY;
        fn load(_: &mut __sink::KeyReader<'_>) -> __sink::Option<Self> {
            __sink::None
        }
        fn mapping_settings(&self) -> __sink::Vec<__sink::MappingSettings> {
            __sink::Vec::new()
        }
    }
};
fn main() {}
#[::danube_sink::__private::async_trait]
impl SinkConnector for Sink {
    async fn initialize(
        &mut self,
        _: ::danube_sink::ConnectorConfig,
    ) -> ::danube_sink::ConnectorResult<()> {
        ::core::unreachable!()
    }
    async fn consumer_configs(
        &self,
    ) -> ::danube_sink::ConnectorResult<::std::vec::Vec<::danube_sink::ConsumerConfig>> {
        ::core::unreachable!()
    }
    async fn process(
        &mut self,
        _: ::danube_sink::SinkRecord,
    ) -> ::danube_sink::ConnectorResult<()> {
        ::core::unreachable!()
    }
}
#[automatically_derived]
impl ::danube_sink::__private::CompletedImpl for Sink {}
::core::compile_error! {
    "`SinkConnector` has no method `initialise`\nhelp: did you mean `initialize`?"
}
::core::compile_error! {
    "the connector has neither `process_batch` nor `process`\nhelp: add `async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()>`, which writes one batch and returns `Ok` when the target has it"
}
