#[setting(validate = Self::check)]
struct Target {
    /// The table.
    table: String,
    #[setting(secret)]
    token: Secret,
}
const _: () = {
    use ::danube_sink::__private as __sink;
    const __KEY_TABLE: __sink::Key<String> = __sink::key::<
        String,
    >(__sink::KeySpec {
        doc: "The table.",
        ..__sink::KeySpec::new("table")
    });
    const _: () = __sink::assert_source(&__KEY_TABLE.spec, true);
    const __KEY_TOKEN: __sink::Key<Secret> = __sink::key::<
        Secret,
    >(__sink::KeySpec {
        source: __sink::ValueSource::Secret(__sink::None),
        ..__sink::KeySpec::new("token")
    });
    const _: () = __sink::assert_source(&__KEY_TOKEN.spec, true);
    #[automatically_derived]
    impl __sink::TopicMapping for Target {
        const KEYS: &'static [__sink::KeySpec] = &[
            __KEY_TABLE.spec,
            __KEY_TOKEN.spec,
            __sink::variable_key("token_env", "Variable that holds `token`", "\"TOKEN\""),
        ];
        fn read(
            table: &mut __sink::KeyReader<'_>,
            settings: &__sink::MappingSettings,
        ) -> __sink::Option<Self> {
            let table_value: __sink::Option<String> = table.get(&__KEY_TABLE);
            let token_value: __sink::Option<Secret> = table.get(&__KEY_TOKEN);
            let built = Self {
                table: table_value?,
                token: token_value?,
            };
            table.validated(__sink::check_mapping(&built, settings, Self::check));
            __sink::Some(built)
        }
    }
};
