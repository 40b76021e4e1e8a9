//! The settings that are one word out of a few.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    file::value::Value,
    report::mistake::Mistakes,
    report::suggest,
    setting::Setting,
    settings::{OnInvalidRecord, OnRetriesExhausted, PayloadFormat, SubscriptionType},
};
use crate::schema::{AvroEncoding, NumberEncoding};

macro_rules! words {
    ($($type:ident: $what:literal { $($variant:ident = $word:literal),+ $(,)? })+) => {$(
        impl $type {
            const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word of the configuration.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The published files write the same words in several ways: `KeyShared`, `Key_Shared`, `key-shared`.
            fn from_word(text: &str) -> Option<Self> {
                let plain = |word: &str| word.replace(['_', '-'], "").to_ascii_lowercase();
                let text = plain(text);
                [$(Self::$variant),+].into_iter().find(|word| plain(word.as_str()) == text)
            }

            fn help(text: &str) -> String {
                match suggest::closest(text, Self::WORDS.iter().copied()) {
                    Some(word) => format!("did you mean `{word}`? It is one of {}", suggest::alternatives(Self::WORDS)),
                    None => format!("write {}", suggest::alternatives(Self::WORDS)),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Setting for $type {
            fn read(value: &Value) -> Result<Self, Mistakes> {
                let text = value.as_text()?;
                let unknown = || value.mistake(concat!("unknown ", $what), Self::help(text)).into();
                Self::from_word(text).ok_or_else(unknown)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::from_word(&text)
                    .ok_or_else(|| D::Error::custom(format!("unknown {} `{text}`: {}", $what, Self::help(&text))))
            }
        }
    )+};
}

words! {
    SubscriptionType: "subscription type" {
        Shared = "Shared", Exclusive = "Exclusive", Failover = "Failover", KeyShared = "KeyShared",
    }
    PayloadFormat: "payload format" { Auto = "auto", Json = "json", Text = "text", Bytes = "bytes" }
    AvroEncoding: "Avro encoding" { Auto = "auto", Json = "json", Datum = "datum", Container = "container" }
    NumberEncoding: "number encoding" {
        Auto = "auto", Text = "text", IntBe = "int_be", IntLe = "int_le", FloatBe = "float_be", FloatLe = "float_le",
    }
    OnInvalidRecord: "way for invalid records" { Stop = "stop", DeadLetter = "dead_letter", Skip = "skip" }
    OnRetriesExhausted: "way out of retries" { Wait = "wait", DeadLetter = "dead_letter", Stop = "stop" }
}
