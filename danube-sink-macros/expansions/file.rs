struct Sink {
    port: u16,
    token: Secret,
    topics: TopicMappings<Target>,
}
const _: () = {
    use ::danube_sink::__private as __sink;
    const __KEY_PORT: __sink::Key<u16> = __sink::key::<
        u16,
    >(__sink::KeySpec::new("port"));
    const _: () = __sink::assert_source(&__KEY_PORT.spec, false);
    const __KEY_TOKEN: __sink::Key<Secret> = __sink::key::<
        Secret,
    >(__sink::KeySpec {
        source: __sink::ValueSource::Secret(__sink::Some("SINK_TOKEN")),
        ..__sink::KeySpec::new("token")
    });
    const _: () = __sink::assert_source(&__KEY_TOKEN.spec, false);
    const __MAPPING: __sink::MappingKeys<Target> = __sink::mapping_keys::<Target>();
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
            sample: __sink::Some(__sink::Sample {
                file: "expansions/inputs/file.toml",
                text: ::core::include_str!(
                    "$PACKAGE/expansions/inputs/file.toml"
                ),
                records: &[],
            }),
            dev_hint: __sink::None,
            keys: &[__KEY_PORT.spec, __KEY_TOKEN.spec],
            mapping_keys: __MAPPING.specs,
            mapping_defaults: &[],
        };
        fn load(section: &mut __sink::KeyReader<'_>) -> __sink::Option<Self> {
            let port_value: __sink::Option<u16> = section.get(&__KEY_PORT);
            let token_value: __sink::Option<Secret> = section.get(&__KEY_TOKEN);
            let topics_value: __sink::Option<TopicMappings<Target>> = section
                .topic_mappings(&__MAPPING);
            __sink::Some(Self {
                port: port_value?,
                token: token_value?,
                topics: topics_value?,
            })
        }
        fn mapping_settings(&self) -> __sink::Vec<__sink::MappingSettings> {
            self.topics.settings()
        }
    }
};
::core::compile_error! {
    "expansions/inputs/file.toml:4:1: `token` is a secret and must not be in the file\n   4 | token = ***\n     | ^^^^^\nhelp: remove it, and set the variable SINK_TOKEN, or SINK_TOKEN_FILE to the path of a file with it"
}
const _: () = {
    use ::danube_sink::__private::{self as __sink, file_value};
    const KEYS: &[__sink::KeySpec] = <Sink as __sink::GeneratedConnector>::INFO.keys;
    const TABLE: file_value::FileTable<'_> = file_value::FileTable {
        title: "`[sink]`",
        known: &["topic_mappings", "routes"],
    };
    const VALUE: file_value::FileValue<'_> = file_value::FileValue {
        path: &[],
        value: __sink::ValueRef::Table(1usize),
        keys: &["port"],
        misplaced: __sink::None,
        key_location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:2:1: ",
            excerpt: "   2 | [sink]\n     | ^^^^^^",
            redacted_excerpt: "   2 | [sink]\n     | ^^^^^^",
        },
        location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:2:1: ",
            excerpt: "   2 | [sink]\n     | ^^^^^^",
            redacted_excerpt: "   2 | [sink]\n     | ^^^^^^",
        },
    };
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 0usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 1usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 2usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 3usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 4usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 5usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 6usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 7usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 8usize);
};
const _: () = {
    use ::danube_sink::__private::{self as __sink, file_value};
    const KEYS: &[__sink::KeySpec] = <Sink as __sink::GeneratedConnector>::INFO.keys;
    const TABLE: file_value::FileTable<'_> = file_value::FileTable {
        title: "`[sink]`",
        known: &["topic_mappings", "routes"],
    };
    const VALUE: file_value::FileValue<'_> = file_value::FileValue {
        path: &[file_value::PathSegment::Key("port")],
        value: __sink::ValueRef::Integer(80),
        keys: &[],
        misplaced: __sink::None,
        key_location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:3:1: ",
            excerpt: "   3 | port = 80\n     | ^^^^",
            redacted_excerpt: "   3 | port = ***\n     | ^^^^",
        },
        location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:3:8: ",
            excerpt: "   3 | port = 80\n     |        ^^",
            redacted_excerpt: "   3 | port = ***\n     |        ^^^",
        },
    };
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 0usize);
};
const _: () = {
    use ::danube_sink::__private::{self as __sink, file_value};
    const KEYS: &[__sink::KeySpec] = <Sink as __sink::GeneratedConnector>::INFO
        .mapping_keys;
    const TABLE: file_value::FileTable<'_> = file_value::FileTable {
        title: "`[[sink.topic_mappings]]`",
        known: &[
            "topic",
            "from",
            "subscription",
            "subscription_type",
            "consumer_name",
            "expected_schema_subject",
            "batch_size",
            "batch_bytes",
            "flush_interval_ms",
            "batch_timeout_ms",
            "ack_timeout_ms",
            "max_unacked_messages",
            "create_topics",
            "partitions",
            "sole_consumer",
            "single_writer",
            "where",
            "payload_format",
            "expected_schema_version",
            "min_schema_version",
            "show_payload_in_errors",
            "on_invalid_record",
            "dead_letter_topic",
            "on_mass_refusal",
            "avro_encoding",
            "avro_reader_schema",
            "protobuf_message",
            "number_encoding",
            "validate_json_schema",
        ],
    };
    const VALUE: file_value::FileValue<'_> = file_value::FileValue {
        path: &[],
        value: __sink::ValueRef::Table(2usize),
        keys: &["table", "columns"],
        misplaced: __sink::None,
        key_location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:5:1: ",
            excerpt: "   5 | [[sink.topic_mappings]]\n     | ^^^^^^^^^^^^^^^^^^^^^^^",
            redacted_excerpt: "   5 | [[sink.topic_mappings]]\n     | ^^^^^^^^^^^^^^^^^^^^^^^",
        },
        location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:5:1: ",
            excerpt: "   5 | [[sink.topic_mappings]]\n     | ^^^^^^^^^^^^^^^^^^^^^^^",
            redacted_excerpt: "   5 | [[sink.topic_mappings]]\n     | ^^^^^^^^^^^^^^^^^^^^^^^",
        },
    };
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 0usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 1usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 2usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 3usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 4usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 5usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 6usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 7usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 8usize);
};
const _: () = {
    use ::danube_sink::__private::{self as __sink, file_value};
    const KEYS: &[__sink::KeySpec] = <Sink as __sink::GeneratedConnector>::INFO
        .mapping_keys;
    const TABLE: file_value::FileTable<'_> = file_value::FileTable {
        title: "`[[sink.topic_mappings]]`",
        known: &[
            "topic",
            "from",
            "subscription",
            "subscription_type",
            "consumer_name",
            "expected_schema_subject",
            "batch_size",
            "batch_bytes",
            "flush_interval_ms",
            "batch_timeout_ms",
            "ack_timeout_ms",
            "max_unacked_messages",
            "create_topics",
            "partitions",
            "sole_consumer",
            "single_writer",
            "where",
            "payload_format",
            "expected_schema_version",
            "min_schema_version",
            "show_payload_in_errors",
            "on_invalid_record",
            "dead_letter_topic",
            "on_mass_refusal",
            "avro_encoding",
            "avro_reader_schema",
            "protobuf_message",
            "number_encoding",
            "validate_json_schema",
        ],
    };
    const VALUE: file_value::FileValue<'_> = file_value::FileValue {
        path: &[file_value::PathSegment::Key("table")],
        value: __sink::ValueRef::String("a"),
        keys: &[],
        misplaced: __sink::None,
        key_location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:7:1: ",
            excerpt: "   7 | table = \"a\"\n     | ^^^^^",
            redacted_excerpt: "   7 | table = ***\n     | ^^^^^",
        },
        location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:7:9: ",
            excerpt: "   7 | table = \"a\"\n     |         ^^^",
            redacted_excerpt: "   7 | table = ***\n     |         ^^^",
        },
    };
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 0usize);
};
const _: () = {
    use ::danube_sink::__private::{self as __sink, file_value};
    const KEYS: &[__sink::KeySpec] = <Sink as __sink::GeneratedConnector>::INFO
        .mapping_keys;
    const TABLE: file_value::FileTable<'_> = file_value::FileTable {
        title: "`[[sink.topic_mappings]]`",
        known: &[
            "topic",
            "from",
            "subscription",
            "subscription_type",
            "consumer_name",
            "expected_schema_subject",
            "batch_size",
            "batch_bytes",
            "flush_interval_ms",
            "batch_timeout_ms",
            "ack_timeout_ms",
            "max_unacked_messages",
            "create_topics",
            "partitions",
            "sole_consumer",
            "single_writer",
            "where",
            "payload_format",
            "expected_schema_version",
            "min_schema_version",
            "show_payload_in_errors",
            "on_invalid_record",
            "dead_letter_topic",
            "on_mass_refusal",
            "avro_encoding",
            "avro_reader_schema",
            "protobuf_message",
            "number_encoding",
            "validate_json_schema",
        ],
    };
    const VALUE: file_value::FileValue<'_> = file_value::FileValue {
        path: &[file_value::PathSegment::Key("columns")],
        value: __sink::ValueRef::Table(1usize),
        keys: &["id"],
        misplaced: __sink::None,
        key_location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:8:1: ",
            excerpt: "   8 | columns = { id = [\"/id\"] }\n     | ^^^^^^^",
            redacted_excerpt: "   8 | columns = { id = [***] }\n     | ^^^^^^^",
        },
        location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:8:11: ",
            excerpt: "   8 | columns = { id = [\"/id\"] }\n     |           ^^^^^^^^^^^^^^^^",
            redacted_excerpt: "   8 | columns = { id = [***] }\n     |           ^^^^^^^^^^^^^^",
        },
    };
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 0usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 1usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 2usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 3usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 4usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 5usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 6usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 7usize);
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 8usize);
};
const _: () = {
    use ::danube_sink::__private::{self as __sink, file_value};
    const KEYS: &[__sink::KeySpec] = <Sink as __sink::GeneratedConnector>::INFO
        .mapping_keys;
    const TABLE: file_value::FileTable<'_> = file_value::FileTable {
        title: "`[[sink.topic_mappings]]`",
        known: &[
            "topic",
            "from",
            "subscription",
            "subscription_type",
            "consumer_name",
            "expected_schema_subject",
            "batch_size",
            "batch_bytes",
            "flush_interval_ms",
            "batch_timeout_ms",
            "ack_timeout_ms",
            "max_unacked_messages",
            "create_topics",
            "partitions",
            "sole_consumer",
            "single_writer",
            "where",
            "payload_format",
            "expected_schema_version",
            "min_schema_version",
            "show_payload_in_errors",
            "on_invalid_record",
            "dead_letter_topic",
            "on_mass_refusal",
            "avro_encoding",
            "avro_reader_schema",
            "protobuf_message",
            "number_encoding",
            "validate_json_schema",
        ],
    };
    const VALUE: file_value::FileValue<'_> = file_value::FileValue {
        path: &[
            file_value::PathSegment::Key("columns"),
            file_value::PathSegment::Key("id"),
        ],
        value: __sink::ValueRef::Array(1usize),
        keys: &[],
        misplaced: __sink::None,
        key_location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:8:13: ",
            excerpt: "   8 | columns = { id = [\"/id\"] }\n     |             ^^",
            redacted_excerpt: "   8 | columns = { id = [***] }\n     |             ^^",
        },
        location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:8:18: ",
            excerpt: "   8 | columns = { id = [\"/id\"] }\n     |                  ^^^^^^^",
            redacted_excerpt: "   8 | columns = { id = [***] }\n     |                  ^^^^^",
        },
    };
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 0usize);
};
const _: () = {
    use ::danube_sink::__private::{self as __sink, file_value};
    const KEYS: &[__sink::KeySpec] = <Sink as __sink::GeneratedConnector>::INFO
        .mapping_keys;
    const TABLE: file_value::FileTable<'_> = file_value::FileTable {
        title: "`[[sink.topic_mappings]]`",
        known: &[
            "topic",
            "from",
            "subscription",
            "subscription_type",
            "consumer_name",
            "expected_schema_subject",
            "batch_size",
            "batch_bytes",
            "flush_interval_ms",
            "batch_timeout_ms",
            "ack_timeout_ms",
            "max_unacked_messages",
            "create_topics",
            "partitions",
            "sole_consumer",
            "single_writer",
            "where",
            "payload_format",
            "expected_schema_version",
            "min_schema_version",
            "show_payload_in_errors",
            "on_invalid_record",
            "dead_letter_topic",
            "on_mass_refusal",
            "avro_encoding",
            "avro_reader_schema",
            "protobuf_message",
            "number_encoding",
            "validate_json_schema",
        ],
    };
    const VALUE: file_value::FileValue<'_> = file_value::FileValue {
        path: &[
            file_value::PathSegment::Key("columns"),
            file_value::PathSegment::Key("id"),
            file_value::PathSegment::Item,
        ],
        value: __sink::ValueRef::String("/id"),
        keys: &[],
        misplaced: __sink::None,
        key_location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:8:19: ",
            excerpt: "   8 | columns = { id = [\"/id\"] }\n     |                   ^^^^^",
            redacted_excerpt: "   8 | columns = { id = [***] }\n     |                   ^^^",
        },
        location: file_value::FileLocation {
            prefix: "expansions/inputs/file.toml:8:19: ",
            excerpt: "   8 | columns = { id = [\"/id\"] }\n     |                   ^^^^^",
            redacted_excerpt: "   8 | columns = { id = [***] }\n     |                   ^^^",
        },
    };
    const _: () = file_value::assert_valid(KEYS, &TABLE, &VALUE, 0usize);
};
