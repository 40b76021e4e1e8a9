struct Sink {
    number: u8,
    share: Option<f64>,
    timeout: Duration,
    hosts: Vec<String>,
    word: String,
    items: Vec<u8>,
    topics: TopicMappings,
}
const _: () = {
    use ::danube_sink::__private as __sink;
    const __KEY_NUMBER: __sink::Key<u8> = __sink::key::<
        u8,
    >(__sink::KeySpec::new("number"))
        .constrained(
            0usize,
            __sink::Constraint::Range {
                from: __sink::Some(__sink::ValueRef::Integer(1)),
                to: __sink::Some(__sink::ValueRef::Integer(9)),
                below: false,
                words: "from 1 to 9",
            },
        );
    const _: () = __sink::assert_source(&__KEY_NUMBER.spec, false);
    const _: () = __sink::assert_constraint(__KEY_NUMBER.invalid, 0usize);
    const __KEY_SHARE: __sink::Key<Option<f64>> = __sink::key::<
        Option<f64>,
    >(__sink::KeySpec::new("share"))
        .constrained(
            0usize,
            __sink::Constraint::Range {
                from: __sink::None,
                to: __sink::Some(__sink::ValueRef::Float(0.5)),
                below: true,
                words: "of less than 0.5",
            },
        );
    const _: () = __sink::assert_source(&__KEY_SHARE.spec, false);
    const _: () = __sink::assert_constraint(__KEY_SHARE.invalid, 0usize);
    const __KEY_TIMEOUT: __sink::Key<Duration> = __sink::key::<
        Duration,
    >(__sink::KeySpec::new("timeout"))
        .constrained(
            0usize,
            __sink::Constraint::Range {
                from: __sink::Some(__sink::ValueRef::String("1s")),
                to: __sink::Some(__sink::ValueRef::String("1m")),
                below: true,
                words: "from 1s to less than 1m",
            },
        );
    const _: () = __sink::assert_source(&__KEY_TIMEOUT.spec, false);
    const _: () = __sink::assert_constraint(__KEY_TIMEOUT.invalid, 0usize);
    const __KEY_HOSTS: __sink::Key<Vec<String>> = __sink::key::<
        Vec<String>,
    >(__sink::KeySpec::new("hosts"))
        .constrained(
            0usize,
            __sink::Constraint::Length {
                min: 1,
                max: ::core::primitive::usize::MAX,
            },
        );
    const _: () = __sink::assert_source(&__KEY_HOSTS.spec, false);
    const _: () = __sink::assert_constraint(__KEY_HOSTS.invalid, 0usize);
    const __KEY_WORD: __sink::Key<String> = __sink::key::<
        String,
    >(__sink::KeySpec::new("word"))
        .constrained(
            0usize,
            __sink::Constraint::OneOf(
                &[__sink::ValueRef::String("a"), __sink::ValueRef::String("b")],
            ),
        )
        .checked(|value: &String| __sink::check(value, check));
    const _: () = __sink::assert_source(&__KEY_WORD.spec, false);
    const _: () = __sink::assert_constraint(__KEY_WORD.invalid, 0usize);
    const __KEY_ITEMS: __sink::Key<Vec<u8>> = {
        const __KEY: __sink::Key<Vec<u8>> = __sink::key::<
            Vec<u8>,
        >(__sink::KeySpec::new("items"))
            .constrained(
                0usize,
                __sink::Constraint::Length {
                    min: 0,
                    max: 3,
                },
            );
        const __ITEMS: __sink::Key<Vec<u8>> = __KEY
            .items()
            .constrained(
                1usize,
                __sink::Constraint::Range {
                    from: __sink::Some(__sink::ValueRef::Integer(1)),
                    to: __sink::Some(__sink::ValueRef::Integer(10)),
                    below: false,
                    words: "from 1 to 10",
                },
            );
        __KEY.with_items(1usize, &__ITEMS)
    };
    const _: () = __sink::assert_source(&__KEY_ITEMS.spec, false);
    const _: () = __sink::assert_constraint(__KEY_ITEMS.invalid, 0usize);
    const _: () = __sink::assert_constraint(__KEY_ITEMS.invalid, 1usize);
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
                __KEY_NUMBER.spec,
                __KEY_SHARE.spec,
                __KEY_TIMEOUT.spec,
                __KEY_HOSTS.spec,
                __KEY_WORD.spec,
                __KEY_ITEMS.spec,
            ],
            mapping_keys: __MAPPING.specs,
            mapping_defaults: &[],
        };
        fn load(section: &mut __sink::KeyReader<'_>) -> __sink::Option<Self> {
            let number_value: __sink::Option<u8> = section.get(&__KEY_NUMBER);
            let share_value: __sink::Option<Option<f64>> = section.get(&__KEY_SHARE);
            let timeout_value: __sink::Option<Duration> = section.get(&__KEY_TIMEOUT);
            let hosts_value: __sink::Option<Vec<String>> = section.get(&__KEY_HOSTS);
            let word_value: __sink::Option<String> = section.get(&__KEY_WORD);
            let items_value: __sink::Option<Vec<u8>> = section.get(&__KEY_ITEMS);
            let topics_value: __sink::Option<TopicMappings> = section
                .topic_mappings(&__MAPPING);
            __sink::Some(Self {
                number: number_value?,
                share: share_value?,
                timeout: timeout_value?,
                hosts: hosts_value?,
                word: word_value?,
                items: items_value?,
                topics: topics_value?,
            })
        }
        fn mapping_settings(&self) -> __sink::Vec<__sink::MappingSettings> {
            self.topics.settings()
        }
    }
};
