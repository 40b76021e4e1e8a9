/// Prints the records of each topic.
struct Printer {
    /// What each line begins with.
    prefix: String,
    topics: TopicMappings,
}
const _: () = {
    use ::danube_sink::__private as __sink;
    const __KEY_PREFIX: __sink::Key<String> = __sink::key::<
        String,
    >(__sink::KeySpec {
        doc: "What each line begins with.",
        default: __sink::KeyDefault::Literal("\"got\""),
        ..__sink::KeySpec::new("prefix")
    });
    const _: () = __sink::assert_source(&__KEY_PREFIX.spec, false);
    const _: () = __sink::assert_fits(
        "default",
        &__KEY_PREFIX.spec.value_type,
        &__sink::ValueRef::String("got"),
    );
    const __MAPPING: __sink::MappingKeys<()> = __sink::mapping_keys::<()>();
    const _: () = __sink::assert_variables_differ(
        &<Printer as __sink::GeneratedConnector>::INFO,
    );
    #[automatically_derived]
    impl __sink::GeneratedConnector for Printer {
        const INFO: __sink::ConnectorInfo = __sink::ConnectorInfo {
            name: ::core::env!("CARGO_PKG_NAME"),
            version: ::core::env!("CARGO_PKG_VERSION"),
            about: "Prints the records of each topic.",
            section: "printer",
            sample: __sink::None,
            dev_hint: __sink::None,
            keys: &[__KEY_PREFIX.spec],
            mapping_keys: __MAPPING.specs,
            mapping_defaults: &[],
        };
        fn load(section: &mut __sink::KeyReader<'_>) -> __sink::Option<Self> {
            let prefix_value: __sink::Option<String> = section.get(&__KEY_PREFIX);
            let topics_value: __sink::Option<TopicMappings> = section
                .topic_mappings(&__MAPPING);
            __sink::Some(Self {
                prefix: prefix_value?,
                topics: topics_value?,
            })
        }
        fn mapping_settings(&self) -> __sink::Vec<__sink::MappingSettings> {
            self.topics.settings()
        }
    }
};
fn main() -> ::std::process::ExitCode {
    ::danube_sink::__private::main::<Printer>()
}
#[::danube_sink::__private::async_trait]
impl SinkConnector for Printer {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }
    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        records
            .iter()
            .for_each(|record| println!("{} {}", self.prefix, record.payload()));
        Ok(())
    }
    async fn consumer_configs(
        &self,
    ) -> ::danube_sink::ConnectorResult<::std::vec::Vec<::danube_sink::ConsumerConfig>> {
        ::core::result::Result::Ok(::danube_sink::__private::consumer_configs(self))
    }
    async fn process(
        &mut self,
        record: ::danube_sink::SinkRecord,
    ) -> ::danube_sink::ConnectorResult<()> {
        ::danube_sink::SinkConnector::process_batch(self, ::std::vec![record]).await
    }
}
#[automatically_derived]
impl ::danube_sink::__private::CompletedImpl for Printer {}
