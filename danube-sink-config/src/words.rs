//! The settings that are one word out of a few.

use std::fmt;

use super::{
    decoding::{AvroEncoding, NumberEncoding},
    file::value::Value,
    metadata::Metadata,
    report::mistake::Mistakes,
    setting::Setting,
    settings::{LogFormat, OnInvalidRecord, OnMassRefusal, OnRetriesExhausted, PayloadFormat, SubscriptionType},
    shape::{Shape, suggest},
};

macro_rules! words {
    ($($type:ident: $what:literal { $($variant:ident = $word:literal),+ $(,)? })+) => {$(
        impl $type {
            /// The word of the configuration.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub(crate) fn from_word(text: &str) -> Option<Self> {
                [$(Self::$variant),+].into_iter().find(|word| suggest::same_word(word.as_str(), text))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Setting for $type {
            const SHAPE: Shape = Shape::Word { what: $what, words: &[$($word),+] };

            fn read(value: &Value) -> Result<Self, Mistakes> {
                value.fits(&Self::SHAPE)?;
                Self::from_word(value.as_text()?)
                    .ok_or_else(|| value.mistake(concat!("unknown ", $what), "write another word").into())
            }
        }
    )+};
}

words! {
    SubscriptionType: "subscription type" {
        Shared = "Shared", Exclusive = "Exclusive", Failover = "Failover", KeyShared = "KeyShared",
    }
    Metadata: "metadata" {
        Topic = "topic", Partition = "partition", Offset = "offset", PublishTime = "publish_time", Producer = "producer",
        Key = "key", Id = "id",
    }
    PayloadFormat: "payload format" { Auto = "auto", Json = "json", Text = "text", Bytes = "bytes" }
    AvroEncoding: "Avro encoding" { Auto = "auto", Json = "json", Datum = "datum", Container = "container" }
    NumberEncoding: "number encoding" {
        Auto = "auto", Text = "text", IntBe = "int_be", IntLe = "int_le", FloatBe = "float_be", FloatLe = "float_le",
    }
    OnInvalidRecord: "way for invalid records" { Stop = "stop", DeadLetter = "dead_letter", Skip = "skip" }
    OnMassRefusal: "`on_mass_refusal` policy" { Wait = "wait", Stop = "stop", GoOn = "go_on" }
    LogFormat: "log format" { Text = "text", Json = "json" }
    OnRetriesExhausted: "way out of retries" { Wait = "wait", DeadLetter = "dead_letter", Stop = "stop" }
}
