use super::*;
use crate::{
    record::SinkRecord,
    schema::{DecodeOptions, Decoder},
};

fn decoder(schema_type: SchemaType, version: u32, definition: &str) -> Decoder {
    let info = SchemaInfo {
        subject: "orders".to_owned(),
        version,
        schema_type,
        definition: definition.to_owned(),
        fingerprint: String::new(),
    };
    Decoder::new(info, &DecodeOptions::default())
}

/// Each column as `name: kind`, with a `?` if it may be null.
fn columns(schema_type: SchemaType, definition: &str) -> Vec<String> {
    let decoder = decoder(schema_type, 1, definition);
    let table = decoder.table_schema().unwrap().unwrap_or_else(|reason| panic!("{reason}"));
    table.columns().iter().map(|column| format!("{}: {}", column.name, shown(&column.kind, column.nullable))).collect()
}

fn shown(kind: &ColumnKind, nullable: bool) -> String {
    let kind = match kind {
        ColumnKind::List { of, nullable } => format!("[{}]", shown(of, *nullable)),
        ColumnKind::Map { of, nullable } => format!("{{{}}}", shown(of, *nullable)),
        ColumnKind::Struct(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|field| format!("{} {}", field.name, shown(&field.kind, field.nullable))).collect();
            format!("({})", fields.join(", "))
        }
        ColumnKind::Decimal { precision, scale } => format!("Decimal({precision}, {scale})"),
        ColumnKind::Timestamp { unit, zoned } => format!("Timestamp({unit}, {zoned})"),
        ColumnKind::Time(unit) => format!("Time({unit})"),
        kind => format!("{kind:?}"),
    };
    if nullable { format!("{kind}?") } else { kind }
}

#[test]
fn a_json_schema_has_a_column_for_each_property() {
    let definition = r##"{
        "type": "object", "required": ["id", "at", "lines", "kind"],
        "$defs": { "line": { "type": "object", "properties": { "sku": { "type": "string" } }, "required": ["sku"] },
                   "tree": { "type": "object", "properties": { "next": { "$ref": "#/$defs/tree" } } } },
        "properties": {
            "id": { "type": "integer", "description": "the order" }, "total": { "type": ["number", "null"] },
            "big": { "type": "integer", "minimum": 0, "maximum": 18446744073709551615 },
            "at": { "type": "string", "format": "date-time" }, "day": { "type": "string", "format": "date" }, "clock": { "type": "string", "format": "time" },
            "lines": { "type": "array", "items": { "$ref": "#/$defs/line" } }, "kind": { "enum": ["a", "b"] },
            "tags": { "type": "object", "additionalProperties": { "type": "boolean" } },
            "maybe": { "anyOf": [{ "type": "null" }, { "type": "string", "format": "uuid" }] },
            "any": {}, "either": { "oneOf": [{ "type": "string" }, { "type": "integer" }] }
        }
    }"##;
    let expected = [
        "id: Int64",
        "total: Float64?",
        "big: UInt64?",
        "at: Timestamp(microseconds, true)",
        "day: Date?",
        "clock: String?",
        "lines: [(sku String)]",
        "kind: String",
        "tags: {Bool}?",
        "maybe: Uuid?",
        "any: Json?",
        "either: Json?",
    ];
    assert_eq!(columns(SchemaType::JsonSchema, definition), expected);
    let decoder = decoder(SchemaType::JsonSchema, 1, definition);
    let table = decoder.table_schema().unwrap().unwrap();
    let id = table.columns().iter().find(|column| column.name == "id").unwrap();
    assert_eq!((id.doc.as_deref(), table.subject(), table.version()), (Some("the order"), "orders", 1));
}

#[test]
fn a_schema_that_contains_itself_ends_in_json() {
    let tree = r##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##;
    assert!(columns(SchemaType::JsonSchema, tree)[0].contains("Json?"));
}

/// How many columns there are, with those inside of others.
fn count(columns: &[SchemaColumn]) -> usize {
    fn inside(kind: &ColumnKind) -> usize {
        match kind {
            ColumnKind::Struct(columns) => count(columns),
            ColumnKind::List { of, .. } | ColumnKind::Map { of, .. } => inside(of),
            _ => 0,
        }
    }
    columns.iter().map(|column| 1 + inside(&column.kind)).sum()
}

fn counted(schema_type: SchemaType, definition: &str) -> usize {
    count(decoder(schema_type, 1, definition).table_schema().unwrap().unwrap().columns())
}

#[cfg(any(feature = "avro", feature = "protobuf"))]
const LEVELS: usize = 40;
const SELF_REFERENCES: usize = 10;

#[test]
fn a_schema_whose_types_contain_each_other_has_a_bounded_number_of_columns() {
    let node: Vec<_> = (0..SELF_REFERENCES).map(|name| format!(r##""n{name}":{{"$ref":"#/$defs/node"}}"##)).collect();
    let node = format!(
        r##"{{"$ref":"#/$defs/node","$defs":{{"node":{{"type":"object","properties":{{{}}}}}}}}}"##,
        node.join(",")
    );
    assert!(counted(SchemaType::JsonSchema, &node) < 10_000);
    #[cfg(feature = "avro")]
    {
        let record = (0..LEVELS).fold(r#""int""#.to_owned(), |inner, level| {
            let again = if level == 0 { inner.clone() } else { format!(r#""L{}""#, level - 1) };
            format!(
                r#"{{"type":"record","name":"L{level}","fields":[{{"name":"a","type":{inner}}},{{"name":"b","type":{again}}}]}}"#
            )
        });
        assert!(counted(SchemaType::Avro, &record) < 10_000);
    }
    #[cfg(feature = "protobuf")]
    {
        let messages = (1..LEVELS).map(|level| {
            let inner = level - 1;
            format!("message L{level} {{ L{inner} a = 1; L{inner} b = 2; }}")
        });
        let messages: String = messages.collect();
        let message = format!(
            "syntax = 'proto3'; message DefaultMessage {{ L{} a = 1; }} message L0 {{ int32 a = 1; }} {messages}",
            LEVELS - 1
        );
        assert!(counted(SchemaType::Protobuf, &message) < 10_000);
    }
}

#[test]
fn a_json_schema_has_the_columns_of_all_schemas_that_apply_to_it() {
    let properties = r#""id":{"type":"integer"},"email":{"type":"string"}"#;
    let sorted = |definition: &str| {
        let mut columns = columns(SchemaType::JsonSchema, definition);
        columns.sort_unstable();
        columns
    };
    for definition in [
        format!(
            r#"{{"type":"object","properties":{{{properties}}},"anyOf":[{{"required":["email"]}},{{"required":["id"]}}]}}"#
        ),
        r##"{"$defs":{"base":{"type":"object","properties":{"id":{"type":"integer"}}}},
            "allOf":[{"$ref":"#/$defs/base"}],"properties":{"email":{"type":"string"}}}"##
            .to_owned(),
        r##"{"$defs":{"base":{"type":"object","properties":{"id":{"type":"integer"}}}},
            "$ref":"#/$defs/base","properties":{"email":{"type":"string"}}}"##
            .to_owned(),
        r#"{"allOf":[{"properties":{"id":{"type":"integer"}}},{"properties":{"email":{"type":"string"}}}]}"#.to_owned(),
        format!(r#"{{"type":"object","oneOf":[{{"properties":{{{properties}}}}}]}}"#),
    ] {
        assert_eq!(sorted(&definition), ["email: String?", "id: Int64?"], "{definition}");
    }
    let both = r##"{"$defs":{"base":{"type":"object","properties":{"id":{"type":["integer","null"]},"at":{"type":"string"}},"required":["id"]}},
        "allOf":[{"$ref":"#/$defs/base"}],"properties":{"id":{"type":"integer"},"at":{"format":"date"}},"required":["at"]}"##;
    assert_eq!(sorted(both), ["at: Date", "id: Int64"], "of one property in several schemas");
    let entity = r##"{"$defs":{"entity":{"type":"object","properties":{"id":{"type":"integer"}}},
            "user":{"allOf":[{"$ref":"#/$defs/entity"}],"properties":{"name":{"type":"string"}}}},
        "allOf":[{"$ref":"#/$defs/entity"}],"properties":{"user":{"$ref":"#/$defs/user"}}}"##;
    assert!(
        sorted(entity)[1].contains("id Int64?") && sorted(entity)[1].contains("name String?"),
        "{:?}",
        sorted(entity)
    );
    for endless in [r##"{"$ref":"#"}"##, r##"{"allOf":[{"$ref":"#"}]}"##, r##"{"anyOf":[{"$ref":"#"}]}"##] {
        assert!(decoder(SchemaType::JsonSchema, 1, endless).table_schema().unwrap().is_err(), "{endless}");
    }
    let list = r##"{"properties":{"a":{"$ref":"#/$defs/list"}},"$defs":{"list":{"type":"array","items":{"$ref":"#/$defs/list"}}}}"##;
    assert_eq!(sorted(list), ["a: [Json]?"]);
}

#[cfg(feature = "avro")]
#[test]
fn an_avro_schema_has_a_column_for_each_field() {
    let definition = r#"{"type":"record","name":"Order","fields":[
        {"name":"id","type":"long","doc":"the order"}, {"name":"small","type":"int"}, {"name":"rate","type":"float"},
        {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}},
        {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
        {"name":"local","type":["null",{"type":"long","logicalType":"local-timestamp-micros"}]},
        {"name":"day","type":{"type":"int","logicalType":"date"}}, {"name":"clock","type":{"type":"int","logicalType":"time-millis"}},
        {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["A"]}}, {"name":"raw","type":"bytes"},
        {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"sku","type":["null","string"]}]}}},
        {"name":"tags","type":{"type":"map","values":"boolean"}}, {"name":"either","type":["null","string","long"]},
        {"name":"parent","type":["null","Order"]}]}"#;
    let expected = [
        "id: Int64",
        "small: Int32",
        "rate: Float32",
        "price: Decimal(10, 2)",
        "at: Timestamp(milliseconds, true)",
        "local: Timestamp(microseconds, false)?",
        "day: Date",
        "clock: Time(milliseconds)",
        "kind: String",
        "raw: Bytes",
        "lines: [(sku String?)]",
        "tags: {Bool}",
        "either: Json?",
        "parent: Json?",
    ];
    assert_eq!(columns(SchemaType::Avro, definition), expected);
    let decoder = decoder(SchemaType::Avro, 1, definition);
    assert_eq!(decoder.table_schema().unwrap().unwrap().columns()[0].doc.as_deref(), Some("the order"));
}

#[cfg(feature = "protobuf")]
#[test]
fn a_protobuf_message_has_a_column_for_each_field() {
    let definition = r#"syntax = "proto3";
        import "google/protobuf/timestamp.proto";
        import "google/protobuf/wrappers.proto";
        message Order {
            optional string note = 2; int64 id = 1; google.protobuf.Timestamp at = 3; repeated Line lines = 4;
            map<string, uint32> counts = 5; google.protobuf.DoubleValue rate = 6; Order parent = 7; fixed64 big = 8;
            message Line { string sku = 1; }
        }"#;
    let expected = [
        "note: String?",
        "id: Int64",
        "at: Timestamp(nanoseconds, true)?",
        "lines: [(sku String)]",
        "counts: {Int64}",
        "rate: Float64?",
        "parent: Json?",
        "big: UInt64",
    ];
    assert_eq!(columns(SchemaType::Protobuf, definition), expected);
}

#[test]
fn a_schema_without_fields_has_no_columns() {
    for (schema_type, definition) in [
        (SchemaType::String, ""),
        (SchemaType::JsonSchema, r#"{"type":"string"}"#),
        (SchemaType::JsonSchema, r#"{"type":"object"}"#),
        (SchemaType::JsonSchema, "no JSON"),
        #[cfg(feature = "avro")]
        (SchemaType::Avro, r#""long""#),
    ] {
        let decoder = decoder(schema_type, 1, definition);
        assert!(decoder.table_schema().unwrap().is_err(), "{definition}");
    }
    assert!(SinkRecord::builder("/default/t").build().table_schema().is_none());
}

#[test]
fn new_columns_are_those_of_the_latest_schema_that_the_table_lacks() {
    let schema = |kind: &str| {
        format!(r#"{{"type":"object","properties":{{"id":{{"type":"integer"}},"new":{{"type":"{kind}"}}}}}}"#)
    };
    let record = |version, kind| {
        let decoder = decoder(SchemaType::JsonSchema, version, &schema(kind));
        SinkRecord::builder("/default/t").payload("{}").decoder(decoder).build()
    };
    let records = [record(2, "integer"), record(3, "string"), SinkRecord::builder("/default/t").payload("{}").build()];
    let has = |name: &str| name == "id";
    let added = OnNewField::Add.columns_to_add(&records, has);
    assert_eq!((added.len(), added[0].name.as_str(), &added[0].kind), (1, "new", &ColumnKind::String));
    assert!(OnNewField::Reject.columns_to_add(&records, has).is_empty());
    assert!(OnNewField::Add.columns_to_add(&records, |_| true).is_empty());
}
