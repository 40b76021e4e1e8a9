//! Options for decoding payloads where their schema leaves a choice.

use super::settings_macro::settings;
use crate::{schema::ValueType, setting::string_enums};

settings! {
    /// Options for decoding payloads where their schema leaves a choice.
    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    DecodeOptions {
        /// Encoding of Avro payloads
        avro_encoding: AvroEncoding = word(AvroEncoding::Auto), in [Mapping];
        /// Avro reader schema, as JSON: values are resolved to it, whatever version they were written with
        avro_reader_schema: Option<String> = none of ValueType::NON_EMPTY_STRING, in [Mapping], example "'{\"type\": \"record\", …}'";
        /// Message type of Protobuf payloads, such as `Order` or `shop.v1.Order`, if the schema has several
        protobuf_message: Option<String> = none of ValueType::NON_EMPTY_STRING, in [Mapping], example "\"shop.v1.Order\"";
        /// Encoding of payloads of the schema type Number
        number_encoding: NumberEncoding = word(NumberEncoding::Auto), in [Mapping];
        /// Whether payloads are validated against their JSON Schema
        validate_json_schema: bool = boolean(false), in [Mapping];
    }
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self::defaults()
    }
}

string_enums! {
    /// The encoding of Avro payloads.
    #[derive(Default)]
    AvroEncoding: "Avro encoding" {
        /// Detected in each payload. One that is valid both as JSON and as a datum is JSON if it is an object that fits a
        /// record; any other such payload is invalid.
        #[default]
        Auto = "auto",
        /// JSON, with unions as Avro writes them (`{"string": "x"}`) or as plain values (`"x"`).
        Json = "json",
        /// A binary datum.
        Datum = "datum",
        /// An Object Container File.
        Container = "container",
    }

    /// The encoding of Number payloads.
    #[derive(Default)]
    NumberEncoding: "number encoding" {
        /// Text if it is a number, else a big-endian integer of 4 or 8 bytes.
        #[default]
        Auto = "auto",
        /// Text, as the Rust connectors send it.
        Text = "text",
        /// A signed big-endian integer of 4 or 8 bytes.
        IntBe = "int_be",
        /// A signed little-endian integer of 4 or 8 bytes.
        IntLe = "int_le",
        /// A big-endian float of 4 or 8 bytes.
        FloatBe = "float_be",
        /// A little-endian float of 4 or 8 bytes.
        FloatLe = "float_le",
    }
}
