struct Sink {
    url: Url,
    token: Secret,
    key: Option<Secret>,
    topics: TopicMappings,
}
const _: () = {
    use ::danube_sink::__private as __sink;
    const __KEY_URL: __sink::Key<Url> = __sink::key::<
        Url,
    >(__sink::KeySpec {
        source: __sink::ValueSource::FileOrVariable("SINK_URL"),
        ..__sink::KeySpec::new("url")
    });
    const _: () = __sink::assert_source(&__KEY_URL.spec, false);
    const __KEY_TOKEN: __sink::Key<Secret> = __sink::key::<
        Secret,
    >(__sink::KeySpec {
        source: __sink::ValueSource::Secret(__sink::Some("STORE_TOKEN")),
        ..__sink::KeySpec::new("token")
    });
    const _: () = __sink::assert_source(&__KEY_TOKEN.spec, false);
    const __KEY_KEY: __sink::Key<Option<Secret>> = __sink::key::<
        Option<Secret>,
    >(__sink::KeySpec {
        source: __sink::ValueSource::Secret(__sink::Some("OTHER_KEY")),
        ..__sink::KeySpec::new("key")
    });
    const _: () = __sink::assert_source(&__KEY_KEY.spec, false);
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
            section: "store",
            sample: __sink::None,
            dev_hint: __sink::None,
            keys: &[__KEY_URL.spec, __KEY_TOKEN.spec, __KEY_KEY.spec],
            mapping_keys: __MAPPING.specs,
            mapping_defaults: &[],
        };
        fn load(section: &mut __sink::KeyReader<'_>) -> __sink::Option<Self> {
            let url_value: __sink::Option<Url> = section.get(&__KEY_URL);
            let token_value: __sink::Option<Secret> = section.get(&__KEY_TOKEN);
            let key_value: __sink::Option<Option<Secret>> = section.get(&__KEY_KEY);
            let topics_value: __sink::Option<TopicMappings> = section
                .topic_mappings(&__MAPPING);
            __sink::Some(Self {
                url: url_value?,
                token: token_value?,
                key: key_value?,
                topics: topics_value?,
            })
        }
        fn mapping_settings(&self) -> __sink::Vec<__sink::MappingSettings> {
            self.topics.settings()
        }
    }
};
