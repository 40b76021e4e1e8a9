#[setting(validate = Self::check)]
struct Login {
    #[setting(default = "admin", env = "LOGIN_USER")]
    user: String,
    #[setting(secret)]
    password: Option<Secret>,
}
const _: () = {
    use ::danube_sink::__private as __sink;
    const __KEY_USER: __sink::Key<String> = __sink::key::<
        String,
    >(__sink::KeySpec {
        default: __sink::KeyDefault::Literal("\"admin\""),
        source: __sink::ValueSource::FileOrVariable("LOGIN_USER"),
        ..__sink::KeySpec::new("user")
    });
    const _: () = __sink::assert_source(&__KEY_USER.spec, false);
    const _: () = __sink::assert_fits(
        "default",
        &__KEY_USER.spec.value_type,
        &__sink::ValueRef::String("admin"),
    );
    const __KEY_PASSWORD: __sink::Key<Option<Secret>> = __sink::key::<
        Option<Secret>,
    >(__sink::KeySpec {
        source: __sink::ValueSource::Secret(__sink::None),
        ..__sink::KeySpec::new("password")
    });
    const _: () = __sink::assert_source(&__KEY_PASSWORD.spec, false);
    #[automatically_derived]
    impl __sink::Setting for Login {
        const VALUE_TYPE: __sink::ValueType = __sink::ValueType::Table(
            &[
                __KEY_USER.spec,
                __KEY_PASSWORD.spec,
                __sink::variable_key(
                    "password_env",
                    "Variable that holds `password`",
                    "\"PASSWORD\"",
                ),
            ],
        );
        const DEFAULT: __sink::KeyDefault = __sink::default_of_table(&Self::VALUE_TYPE);
        fn read(value: &__sink::Value) -> __sink::Result<Self, __sink::Diagnostics> {
            __sink::table(
                value,
                Self::VALUE_TYPE.keys(),
                |table| {
                    let user_value: __sink::Option<String> = table.get(&__KEY_USER);
                    let password_value: __sink::Option<Option<Secret>> = table
                        .get(&__KEY_PASSWORD);
                    let built = Self {
                        user: user_value?,
                        password: password_value?,
                    };
                    table.validated(__sink::check(&built, Self::check));
                    __sink::Some(built)
                },
            )
        }
        fn default_if_missing() -> __sink::Option<Self> {
            __sink::empty_table()
        }
    }
};
