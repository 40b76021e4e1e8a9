struct Sink {
    #[cfg(unix)]
    number: u8,
    #[cfg(unix)]
    count: usize,
    topics: TopicMappings,
}
const _: () = {
    use ::danube_sink::__private as __sink;
    #[cfg(unix)]
    const __KEY_NUMBER: __sink::Key<u8> = __sink::key::<
        u8,
    >(__sink::KeySpec {
            default: __sink::KeyDefault::Literal("5"),
            ..__sink::KeySpec::new("number")
        })
        .constrained(
            0usize,
            __sink::Constraint::Range {
                from: __sink::Some(__sink::ValueRef::Integer(1)),
                to: __sink::Some(__sink::ValueRef::Integer(9)),
                below: false,
                words: "from 1 to 9",
            },
        );
    #[cfg(unix)]
    const _: () = __sink::assert_source(&__KEY_NUMBER.spec, false);
    #[cfg(unix)]
    const _: () = __sink::assert_constraint(__KEY_NUMBER.invalid, 0usize);
    #[cfg(unix)]
    const _: () = __sink::assert_fits(
        "default",
        &__KEY_NUMBER.spec.value_type,
        &__sink::ValueRef::Integer(5),
    );
    const __MAPPING: __sink::MappingKeys<()> = __sink::mapping_keys::<()>();
    const _: () = __sink::assert_variables_differ(
        &<Sink as __sink::GeneratedConnector>::INFO,
    );
    const _: () = __sink::assert_completed::<Sink>();
    #[automatically_derived]
    impl __sink::GeneratedConnector for Sink {
        const INFO: __sink::ConnectorInfo = __sink::ConnectorInfo {
            name: ::core::env!("CARGO_PKG_NAME"),
            version: ::core::env!("CARGO_PKG_VERSION"),
            about: "",
            section: "sink",
            sample: __sink::None,
            dev_hint: __sink::None,
            keys: &[#[cfg(unix)] __KEY_NUMBER.spec],
            mapping_keys: __MAPPING.specs,
            mapping_defaults: &[],
        };
        fn load(section: &mut __sink::KeyReader<'_>) -> __sink::Option<Self> {
            #[cfg(unix)]
            let number_value: __sink::Option<u8> = section.get(&__KEY_NUMBER);
            let topics_value: __sink::Option<TopicMappings> = section
                .topic_mappings(&__MAPPING);
            __sink::Some(Self {
                #[cfg(unix)]
                number: number_value?,
                #[cfg(unix)]
                count: <usize as __sink::State>::start(),
                topics: topics_value?,
            })
        }
        fn mapping_settings(&self) -> __sink::Vec<__sink::MappingSettings> {
            self.topics.settings()
        }
    }
};
