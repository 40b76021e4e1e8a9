enum WriteMode {
    #[default]
    Append,
    #[setting(rename = "replace")]
    DropAndCreate,
}
const _: () = {
    use ::danube_sink::__private as __sink;
    #[automatically_derived]
    impl __sink::Setting for WriteMode {
        const VALUE_TYPE: __sink::ValueType = __sink::ValueType::Enum {
            what: "write mode",
            words: &["append", "replace"],
        };
        fn read(value: &__sink::Value) -> __sink::Result<Self, __sink::Diagnostics> {
            __sink::word(value, &Self::VALUE_TYPE, [Self::Append, Self::DropAndCreate])
        }
        const DEFAULT: __sink::KeyDefault = __sink::KeyDefault::Str("append");
        fn default_if_missing() -> __sink::Option<Self> {
            __sink::Some(Self::Append)
        }
    }
};
