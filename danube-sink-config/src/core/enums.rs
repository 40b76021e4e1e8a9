//! Core settings that are one word out of a few.

use crate::setting::string_enums;

string_enums! {
    /// How the consumers of a subscription share its messages.
    SubscriptionType: "subscription type" {
        /// Spreads messages over all consumers, without an order.
        Shared = "Shared",
        /// One consumer, in order.
        Exclusive = "Exclusive",
        /// One consumer, in order. A broker (0.15.1) never makes a standby the active consumer.
        Failover = "Failover",
        /// Messages of one routing key go to the same consumer, in order. A broker (0.15.1) loses those that a killed process had in hand.
        KeyShared = "KeyShared",
    }

    /// The format of payloads without a schema.
    #[derive(Default)]
    PayloadFormat: "payload format" {
        /// JSON if it parses, else a string if it is UTF-8, else bytes. No payload is invalid.
        #[default]
        Auto = "auto",
        /// JSON; any other payload is an invalid record.
        Json = "json",
        /// UTF-8; any other payload is an invalid record.
        Text = "text",
        /// Bytes, which `payload()` encodes as base64.
        Bytes = "bytes",
    }

    /// The policy for a record that cannot be decoded, has the wrong schema, or is rejected by the connector.
    #[derive(Default)]
    OnInvalidRecord: "`on_invalid_record` policy" {
        /// The connector stops, and does not acknowledge the record.
        #[default]
        Stop = "stop",
        /// A copy goes to the mapping's `dead_letter_topic`; the record is acknowledged when the broker has the copy.
        DeadLetter = "dead_letter",
        /// The record is acknowledged, counted, and logged.
        Skip = "skip",
    }

    /// The policy for a batch whose retries are exhausted.
    #[derive(Default)]
    OnRetriesExhausted: "`on_retries_exhausted` policy" {
        /// It is retried every `max_backoff_ms`, until the target accepts it.
        #[default]
        Wait = "wait",
        /// Its records go to the mapping's `dead_letter_topic`.
        DeadLetter = "dead_letter",
        /// The connector stops.
        Stop = "stop",
    }

    /// The policy for a target that refuses many records in a row without one success: the records are then not the cause.
    #[derive(Default)]
    OnMassRefusal: "`on_mass_refusal` policy" {
        /// The records are retried every `max_backoff_ms`, until the target accepts one; `/ready` reports it.
        #[default]
        Wait = "wait",
        /// The connector stops, and acknowledges none of them.
        Stop = "stop",
        /// `on_invalid_record` applies to each record.
        GoOn = "go_on",
    }

    /// When the spool's records are durable, and their messages acknowledged.
    #[derive(Default)]
    SpoolSync: "`sync` policy" {
        /// When the operating system has them: they survive the end of the process, but not a power loss.
        #[default]
        Os = "os",
        /// When the disk has them (fsync): they survive a power loss. Each window of the broker waits for a sync.
        Always = "always",
    }

    /// The format of log lines.
    #[derive(Default)]
    LogFormat: "log format" {
        /// Lines for people.
        #[default]
        Text = "text",
        /// A JSON object a line.
        Json = "json",
    }

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
        /// Text if it is a number, else a big-endian integer of 4 or 8 bytes. Such bytes are invalid if all of them are printable
        /// ASCII: they may be text that is no number, such as `null`.
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
