/// Every argument of a connector.
struct Store {
    topics: TopicMappings<Target>,
    count: usize,
}
const _: () = {
    use ::danube_sink::__private as __sink;
    const __MAPPING: __sink::MappingKeys<Target> = __sink::mapping_keys::<Target>();
    const _: () = __sink::assert_variables_differ(
        &<Store as __sink::GeneratedConnector>::INFO,
    );
    const _: () = __sink::assert_completed::<Store>();
    #[automatically_derived]
    impl __sink::GeneratedConnector for Store {
        const INFO: __sink::ConnectorInfo = __sink::ConnectorInfo {
            name: "store-sink",
            version: "1.2.3",
            about: "Every argument of a connector.",
            section: "store",
            sample: __sink::None,
            dev_hint: __sink::Some("look there"),
            keys: &[],
            mapping_keys: __MAPPING.specs,
            mapping_defaults: &[
                ("subscription_type", "\"Exclusive\""),
                ("batch_size", "500"),
            ],
        };
        fn load(section: &mut __sink::KeyReader<'_>) -> __sink::Option<Self> {
            let topics_value: __sink::Option<TopicMappings<Target>> = section
                .topic_mappings(&__MAPPING);
            let built = Self {
                topics: topics_value?,
                count: <usize as __sink::State>::start(),
            };
            section.validated(__sink::check(&built, Self::agrees));
            __sink::Some(built)
        }
        fn validate_external(&self) -> __sink::Result<(), __sink::Diagnostics> {
            __sink::check(self, Self::has_its_files)
        }
        fn mapping_settings(&self) -> __sink::Vec<__sink::MappingSettings> {
            self.topics.settings()
        }
    }
};
