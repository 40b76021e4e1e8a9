//! Names with dots, quotation marks, capital letters and keywords.

use super::{Bench, ConnectorError, SinkConnector, TOPIC, configured, records, report, start};

/// Names that would be split, folded, truncated or misread without quotation marks.
const HOSTILE: [&str; 20] = [
    "a.b",
    "payload.v",
    ".",
    "a.",
    "\"",
    "a\"b",
    "\"a\".\"b\"",
    "select",
    "excluded",
    "held",
    "rows",
    "deleted",
    "place",
    "t0",
    "V0",
    "with space ",
    "{brace} $1 %s ?",
    "it's",
    "Ünï\u{301}©ödé\n",
    "sixty-three bytes sixty-three bytes sixty-three bytes sixty-thr",
];

fn sql(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// As a TOML string.
fn toml(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[tokio::test]
async fn columns_tables_schemas_and_types_have_any_name() {
    let bench = Bench::new("CREATE TABLE r (n int)", "table = 'r'\ncolumns = { n = '/n' }").await;
    for (number, name) in HOSTILE.iter().enumerate() {
        assert!(name.len() <= 63, "{name}");
        let other = HOSTILE[(number + 7) % HOSTILE.len()];
        let third = HOSTILE[(number + 13) % HOSTILE.len()];
        let (schema, table, key, value) = (sql(&format!("{number}{name}")[..]), sql(other), sql(name), sql(third));
        let schema = if name.len() > 60 { sql(name) } else { schema };
        bench
            .sql
            .batch_execute(&format!(
                "CREATE SCHEMA {schema}; CREATE TYPE {schema}.{value} AS ENUM ('sad', 'happy');
                 CREATE DOMAIN {schema}.\"d.{number}\" AS {schema}.{value}[];
                 CREATE TABLE {schema}.{table} ({key} int, {value} {schema}.{value}, \"x.y\" {schema}.{value}[], \
                     \"the domain\" {schema}.\"d.{number}\", PRIMARY KEY ({key}))"
            ))
            .await
            .unwrap();
        let mapping = format!(
            "mode = 'cdc'\noperation = '/op'\nkey = [{}]\ntable = {}\n\
             columns = {{ {} = '/k', {} = '/v', 'x.y' = '/list', 'the domain' = '/list' }}",
            toml(name),
            toml(&format!("{schema}.{table}").replace('{', "{{").replace('}', "}}")),
            toml(name),
            toml(third),
        );
        let mut sink = start(&bench.server, &mapping).await.unwrap_or_else(|error| panic!("{mapping}: {error:?}"));
        let batch = [
            r#"{"op":"c","k":1,"v":"sad","list":["happy",null]}"#,
            r#"{"op":"c","k":2,"v":"sad","list":null}"#,
            r#"{"op":"u","k":1,"v":"happy"}"#,
            r#"{"op":"d","k":2}"#,
            r#"{"op":"c","k":3,"v":null,"list":[]}"#,
        ];
        for _ in 0..2 {
            sink.process_batch(records(&batch)).await.unwrap_or_else(|error| panic!("{mapping}: {error:?}"));
        }
        let all = format!(
            "SELECT {key} AS k, {value} AS v, \"x.y\" AS list, \"the domain\" AS d FROM {schema}.{table} ORDER BY 1"
        );
        let expected =
            [r#"{"k":1,"v":"happy","list":["happy",null],"d":["happy",null]}"#, r#"{"k":3,"v":null,"list":[],"d":[]}"#];
        assert_eq!(bench.rows(&all).await, expected, "{mapping}");
    }
}

#[tokio::test]
async fn a_column_with_a_dot_is_one_column() {
    let table = r#"CREATE TABLE rows ("user.id" int, "payload.v" text)"#;
    let mapping = "table = 'rows'\ncolumns = { 'user.id' = '/user/id', 'payload.v' = '/v' }";
    let mut bench = Bench::new(table, mapping).await;
    bench.write(&[r#"{"user":{"id":7},"v":"x"}"#]).await.unwrap();
    assert_eq!(bench.rows("SELECT * FROM rows").await, [r#"{"user.id":7,"payload.v":"x"}"#]);
}

#[tokio::test]
async fn a_table_with_a_dot_is_found_and_created() {
    let tables = r#"CREATE TABLE "a.b" (n int); CREATE SCHEMA "s.x"; CREATE TABLE "s.x"."t.y" (n int); CREATE SCHEMA s;
                    CREATE TABLE s.both (n int); CREATE TABLE "s.both" (n int)"#;
    let bench = Bench::new(tables, "table = 'a.b'\ncolumns = { n = '/n' }").await;
    for (table, found) in [
        ("a.b", r#""a.b""#),
        (r#""a.b""#, r#""a.b""#),
        (r#""s.x"."t.y""#, r#""s.x"."t.y""#),
        ("s.both", "s.both"),
        (r#""s.both""#, r#""s.both""#),
        (r#""s.x"."new.one""#, r#""s.x"."new.one""#),
        (r#""new.one""#, r#""new.one""#),
    ] {
        let mapping = format!("table = '{table}'\ncreate = 'n int'\ncolumns = {{ n = '/n' }}");
        let mapping = if table == "a.b" { mapping.replace("create = 'n int'\n", "") } else { mapping };
        let mut sink = start(&bench.server, &mapping).await.unwrap_or_else(|error| panic!("{table}: {error:?}"));
        sink.process_batch(records(&[r#"{"n":1}"#])).await.unwrap();
        assert_eq!(bench.sql.execute(&format!("DELETE FROM {found}"), &[]).await.unwrap(), 1, "{table}");
    }
}

#[tokio::test]
async fn names_that_collide_or_would_be_truncated_are_reported_at_start() {
    let long = "x".repeat(64);
    let bench =
        Bench::new("CREATE TABLE rows (n int, \"offset\" bigint)", "table = 'rows'\ncolumns = { n = '/n' }").await;
    for (mapping, part) in [
        ("table = 'rows'\ncolumns = { n = '/n', offset = '/o' }\nmetadata = ['offset']".to_owned(), "offset"),
        (format!("table = 'rows'\ncolumns = {{ {long} = '/n' }}"), "64 bytes"),
        ("table = 'rows'\ncolumns = { '' = '/n' }".to_owned(), "empty"),
    ] {
        let error = start(&bench.server, &mapping).await.map(drop).unwrap_err();
        assert!(error.report().contains(part), "{mapping}: {error:?}");
    }
    let text =
        report!(start(&bench.server, "table = 'no.where'\ncolumns = { n = '/n' }").await.map(drop), Initialization);
    assert!(text.contains("no.where"), "{text}");
    assert!(configured(&bench.server, TOPIC, "table = 'rows'\ncolumns = { n = '/n' }").is_ok());
}
