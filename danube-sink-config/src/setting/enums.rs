//! Settings that are one word out of a few.

/// Declares enums whose variants are words of the configuration.
macro_rules! string_enums {
    ($(
        $(#[$meta:meta])*
        $name:ident: $what:literal { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)? }
    )+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl $name {
            /// The word in the configuration.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub(crate) fn from_word(text: &str) -> Option<Self> {
                [$(Self::$variant),+].into_iter().find(|word| $crate::schema::suggest::same_word(word.as_str(), text))
            }
        }

        /// The word in the configuration.
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::Setting for $name {
            const VALUE_TYPE: $crate::schema::ValueType =
                $crate::schema::ValueType::Enum { what: $what, words: &[$($word),+] };

            fn read(value: &$crate::Value) -> Result<Self, $crate::Diagnostics> {
                value.validate(&Self::VALUE_TYPE)?;
                Self::from_word(value.as_str()?)
                    .ok_or_else(|| value.diagnostic(concat!("unknown ", $what), "write another word").into())
            }
        }

        #[cfg(feature = "runtime")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let value = $crate::Value::from(toml::Value::String(text));
                <Self as $crate::Setting>::read(&value)
                    .map_err(|wrong| serde::de::Error::custom($crate::ConfigError::in_one_line(wrong)))
            }
        }
    )+};
}

pub(crate) use string_enums;
