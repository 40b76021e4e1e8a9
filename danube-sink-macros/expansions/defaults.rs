struct Sink {
    of_type: u16,
    float: f64,
    array: Vec<String>,
    of_keys: Api,
    region: String,
    kind: Option<String>,
    topics: TopicMappings,
}
const _: () = {
    use ::danube_sink::__private as __sink;
    const __KEY_OF_TYPE: __sink::Key<u16> = __sink::or_default::<
        u16,
    >(__sink::key::<u16>(__sink::KeySpec::new("of_type")));
    const _: () = __sink::assert_source(&__KEY_OF_TYPE.spec, false);
    const __KEY_FLOAT: __sink::Key<f64> = __sink::key::<
        f64,
    >(__sink::KeySpec {
        default: __sink::KeyDefault::Literal("1.0"),
        ..__sink::KeySpec::new("float")
    });
    const _: () = __sink::assert_source(&__KEY_FLOAT.spec, false);
    const _: () = __sink::assert_fits(
        "default",
        &__KEY_FLOAT.spec.value_type,
        &__sink::ValueRef::Float(1.0),
    );
    const __KEY_ARRAY: __sink::Key<Vec<String>> = __sink::key::<
        Vec<String>,
    >(__sink::KeySpec {
        default: __sink::KeyDefault::Literal("[\"a\", \"b\"]"),
        ..__sink::KeySpec::new("array")
    });
    const _: () = __sink::assert_source(&__KEY_ARRAY.spec, false);
    const _: () = __sink::assert_fits(
        "default",
        &__KEY_ARRAY.spec.value_type,
        &__sink::ValueRef::Array(2usize),
    );
    const _: () = __sink::assert_fits(
        "default",
        (&__KEY_ARRAY.spec.value_type).item(),
        &__sink::ValueRef::String("a"),
    );
    const _: () = __sink::assert_fits(
        "default",
        (&__KEY_ARRAY.spec.value_type).item(),
        &__sink::ValueRef::String("b"),
    );
    const __KEY_OF_KEYS: __sink::Key<Api> = {
        const __KEY: __sink::Key<Api> = __sink::key::<
            Api,
        >(__sink::KeySpec::new("of_keys"));
        const __KEYS: [__sink::KeySpec; __KEY.spec.value_type.keys().len()] = __sink::with_defaults(
            __KEY.spec.value_type.keys(),
            &[("secret_header", "\"api-key\""), ("retries", "5")],
        );
        __KEY.with_keys(&__KEYS)
    };
    const _: () = __sink::assert_source(&__KEY_OF_KEYS.spec, false);
    const _: () = __sink::assert_table(&__KEY_OF_KEYS.spec.value_type);
    const _: () = __sink::assert_key(&__KEY_OF_KEYS.spec.value_type, "secret_header");
    const _: () = __sink::assert_fits(
        "default",
        &__sink::type_of_key(&__KEY_OF_KEYS.spec.value_type, "secret_header"),
        &__sink::ValueRef::String("api-key"),
    );
    const _: () = __sink::assert_key(&__KEY_OF_KEYS.spec.value_type, "retries");
    const _: () = __sink::assert_fits(
        "default",
        &__sink::type_of_key(&__KEY_OF_KEYS.spec.value_type, "retries"),
        &__sink::ValueRef::Integer(5),
    );
    const __KEY_REGION: __sink::Key<String> = __sink::key::<
        String,
    >(__sink::KeySpec {
        example: __sink::Some("\"eu-central-1\""),
        ..__sink::KeySpec::new("region")
    });
    const _: () = __sink::assert_source(&__KEY_REGION.spec, false);
    const _: () = __sink::assert_fits(
        "example",
        &__KEY_REGION.spec.value_type,
        &__sink::ValueRef::String("eu-central-1"),
    );
    const __KEY_KIND: __sink::Key<Option<String>> = __sink::key::<
        Option<String>,
    >(__sink::KeySpec::new("type"));
    const _: () = __sink::assert_source(&__KEY_KIND.spec, false);
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
            keys: &[
                __KEY_OF_TYPE.spec,
                __KEY_FLOAT.spec,
                __KEY_ARRAY.spec,
                __KEY_OF_KEYS.spec,
                __KEY_REGION.spec,
                __KEY_KIND.spec,
            ],
            mapping_keys: __MAPPING.specs,
            mapping_defaults: &[],
        };
        fn load(section: &mut __sink::KeyReader<'_>) -> __sink::Option<Self> {
            let of_type_value: __sink::Option<u16> = section.get(&__KEY_OF_TYPE);
            let float_value: __sink::Option<f64> = section.get(&__KEY_FLOAT);
            let array_value: __sink::Option<Vec<String>> = section.get(&__KEY_ARRAY);
            let of_keys_value: __sink::Option<Api> = section.get(&__KEY_OF_KEYS);
            let region_value: __sink::Option<String> = section.get(&__KEY_REGION);
            let kind_value: __sink::Option<Option<String>> = section.get(&__KEY_KIND);
            let topics_value: __sink::Option<TopicMappings> = section
                .topic_mappings(&__MAPPING);
            __sink::Some(Self {
                of_type: of_type_value?,
                float: float_value?,
                array: array_value?,
                of_keys: of_keys_value?,
                region: region_value?,
                kind: kind_value?,
                topics: topics_value?,
            })
        }
        fn mapping_settings(&self) -> __sink::Vec<__sink::MappingSettings> {
            self.topics.settings()
        }
    }
};
