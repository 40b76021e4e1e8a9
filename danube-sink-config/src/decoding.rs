//! What a topic mapping says about reading payloads, beyond what their schemas say.

/// How payloads are read where their schema leaves it open.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct DecodeOptions {
    /// `avro_encoding`: how Avro payloads are encoded.
    pub avro_encoding: AvroEncoding,
    /// `avro_reader_schema`: the Avro schema, as JSON text, that values are handed over in, whatever version they were written with.
    pub avro_reader_schema: Option<String>,
    /// `protobuf_message`: the message of a `.proto` text that payloads are, such as `Order` or `shop.v1.Order`.
    pub protobuf_message: Option<String>,
    /// `number_encoding`: how Number payloads are encoded.
    pub number_encoding: NumberEncoding,
    /// `validate_json_schema`: whether payloads with a JSON Schema are checked against it.
    pub validate_json_schema: bool,
}

/// How Avro payloads are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AvroEncoding {
    /// Each payload tells. What reads both as JSON and as a datum is JSON if it is an object that fits a record; any
    /// other such payload is invalid.
    #[default]
    Auto,
    /// JSON, with unions as Avro writes them (`{"string": "x"}`) or as plain values (`"x"`).
    Json,
    /// A binary datum and nothing else.
    Datum,
    /// An Object Container File.
    Container,
}

/// How Number payloads are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NumberEncoding {
    /// Text where it is a number, else a big-endian integer of 4 or 8 bytes.
    #[default]
    Auto,
    /// Text, as the Rust connectors send it.
    Text,
    /// A signed big-endian integer of 4 or 8 bytes.
    IntBe,
    /// A signed little-endian integer of 4 or 8 bytes.
    IntLe,
    /// A big-endian floating point number of 4 or 8 bytes.
    FloatBe,
    /// A little-endian floating point number of 4 or 8 bytes.
    FloatLe,
}
