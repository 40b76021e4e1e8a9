//! No error contains a value of a record, whatever the server's message is.

use danube_sink::{ConnectorResult, SinkConnector};

use super::{Bench, ConnectorError, records, start};

/// Values with the secret among characters that may end a quotation, a line, or a format.
const HOSTILE: [&str; 8] = [
    "s3cret",
    r#"a"s3cret"b"#,
    "\"\"s3cret\"\"",
    "a'; s3cret --",
    "line\ns3cret\r\n\tline",
    "{s3cret} %s3cret% $1 \\s3cret\\",
    "»s3cret« „s3cret“ ”",
    "invalid input syntax for type s3cret (SQLSTATE 22P02): \"",
];

fn texts(answer: ConnectorResult<()>) -> String {
    let error = answer.expect_err("the server refuses it");
    let report = match &error {
        ConnectorError::Partial(failure) => format!("{failure:?} {failure}"),
        error => error.report(),
    };
    format!("{report}\n{error}\n{error:?}")
}

fn json(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

#[tokio::test]
async fn a_value_that_its_type_refuses_is_in_no_error() {
    let mut bench =
        Bench::new("CREATE TABLE rows (id inet, n numeric)", "table = 'rows'\ncolumns = { id = '/id', n = '/n' }")
            .await;
    for payload in [r#"{"id":"a\"s3cret\"b"}"#, r#"{"n":{"ssn":"s3cret"}}"#] {
        let text = texts(bench.write(&[payload]).await);
        assert!(text.contains("22P02") && !text.contains("s3cret"), "{text}");
    }
    bench
        .sql
        .batch_execute("CREATE TYPE mood AS ENUM ('x'); CREATE DOMAIN low AS text CHECK (VALUE = 'x')")
        .await
        .unwrap();
    for ty in [
        "smallint",
        "numeric",
        "float8",
        "money",
        "boolean",
        "varchar(2)",
        "char(2)",
        "uuid",
        "inet",
        "date",
        "time",
        "timestamptz",
        "interval",
        "bytea",
        "jsonb",
        "mood",
        "low",
        "int4range",
        "bit(2)",
        "point",
        "xml",
        "jsonpath",
        "tsquery",
        "regclass",
        "regtype",
        "pg_lsn",
        "mood[]",
        "int[]",
        "varchar(2)[]",
        "macaddr",
        "timetz",
        "tsrange",
        "aclitem",
    ] {
        bench.sql.batch_execute(&format!("DROP TABLE rows; CREATE TABLE rows (id int, v {ty})")).await.unwrap();
        let mut sink = start(&bench.server, "table = 'rows'\ncolumns = { id = '/id', v = '/v' }").await.unwrap();
        for value in HOSTILE.into_iter().step_by(2) {
            for value in [json(value), format!("[{}]", json(value)), format!("{{{}:1}}", json(value))] {
                let payload = format!(r#"{{"id":1,"v":{value}}}"#);
                for batch in [&[payload.as_str()][..], &[r#"{"id":2}"#, &payload]] {
                    let answer = sink.process_batch(records(batch)).await;
                    // Some types take some of them.
                    if let Err(error) = answer {
                        let text = texts(Err(error));
                        assert!(!text.contains("s3cret"), "{ty} {value}: {text}");
                        assert!(
                            text.contains("\\\"v\\\"") || text.contains("\"v\"") || text.contains("SQLSTATE"),
                            "{ty}: {text}"
                        );
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_value_that_a_constraint_refuses_is_in_no_error() {
    let table = "CREATE TABLE others (name text PRIMARY KEY);
        CREATE FUNCTION good(v text) RETURNS bool LANGUAGE plpgsql STRICT AS $$ BEGIN RAISE 'no %', v; END $$;
        CREATE TABLE rows (name text, other text CONSTRAINT known REFERENCES others, checked text CONSTRAINT short CHECK (length(checked) < 2),
            called text CONSTRAINT called CHECK (good(called)), n int CONSTRAINT given NOT NULL DEFAULT 1, CONSTRAINT once UNIQUE (name));
        CREATE TABLE parts (k text) PARTITION BY LIST (k); CREATE TABLE part PARTITION OF parts FOR VALUES IN ('a');
        CREATE UNIQUE INDEX long_keys ON rows (called)";
    let mapping = "table = 'rows'\ncolumns = { name = '/name', other = '/other', checked = '/checked', called = '/called', n = '/n' }";
    let mut bench = Bench::new(table, mapping).await;
    for value in HOSTILE {
        let value = json(value);
        bench.write(&[&format!(r#"{{"name":{value}}}"#)]).await.unwrap();
        for (payload, parts) in [
            (format!(r#"{{"name":{value},"n":2}}"#), ["23505", "once"]),
            (format!(r#"{{"other":{value}}}"#), ["23503", "known"]),
            (format!(r#"{{"checked":{value}}}"#), ["23514", "short"]),
            (format!(r#"{{"name":{value},"n":null}}"#), ["23502", "n"]),
            (format!(r#"{{"called":{value}}}"#), ["P0001", "rows"]),
        ] {
            let text = texts(bench.write(&[&payload]).await);
            assert!(parts.iter().all(|part| text.contains(part)) && !text.contains("s3cret"), "{payload}: {text}");
        }
        let mut sink = start(&bench.server, "table = 'parts'\ncolumns = { k = '/k' }").await.unwrap();
        let text = texts(sink.process_batch(records(&[&format!(r#"{{"k":{value}}}"#)])).await);
        assert!(text.contains("23514") && !text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn a_value_that_a_trigger_raises_is_in_no_error_of_any_state() {
    let table = "CREATE TABLE rows (state text, v text);
        CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE '% is %', NEW.v, upper(NEW.v) USING ERRCODE = NEW.state, DETAIL = NEW.v, HINT = NEW.v, COLUMN = NEW.v,
                CONSTRAINT = NEW.v, DATATYPE = NEW.v, TABLE = NEW.v, SCHEMA = NEW.v; END
        $$;
        CREATE TRIGGER raise BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION raise()";
    let mut bench = Bench::new(table, "table = 'rows'\ncolumns = { state = '/state', v = '/v' }").await;
    for state in [
        "08006", "0A000", "21000", "22000", "22P02", "23502", "23505", "23514", "25006", "26000", "28000", "28P01",
        "3D000", "3F000", "40001", "40P01", "42501", "42601", "42703", "42P01", "44000", "53100", "53200", "53300",
        "54000", "55P03", "57014", "57P01", "57P03", "58030", "P0001", "P0002", "P0004", "XX000", "XX001", "U0001",
        "99999",
    ] {
        for value in HOSTILE {
            let text = texts(bench.write(&[&format!(r#"{{"state":"{state}","v":{}}}"#, json(value))]).await);
            let lower = text.to_lowercase();
            assert!(!lower.contains("s3cret"), "{state}: {text}");
            assert!(text.contains(state) && text.contains("rows"), "{state}: {text}");
        }
    }
}

#[tokio::test]
async fn an_error_of_an_attribute_or_a_key_has_no_value() {
    let mapping = "table = 'rows'\ncolumns = { a = 'attribute:a', k = 'key' }";
    let mut bench = Bench::new("CREATE TABLE rows (a uuid, k int)", mapping).await;
    for value in HOSTILE {
        for (attribute, key) in [(value, "1"), ("6f9619ff-8b86-d011-b42d-00cf4fc964ff", value)] {
            let record = danube_sink::SinkRecord::builder(super::TOPIC).attribute("a", attribute).key(key).build();
            let text = texts(bench.sink.process_batch(vec![record]).await);
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}

#[tokio::test]
async fn errors_of_the_table_are_still_reported() {
    let mut bench =
        Bench::new("CREATE TABLE rows (v text, w text)", "table = 'rows'\ncolumns = { v = '/v', w = '/w' }").await;
    bench.sql.batch_execute("ALTER TABLE rows DROP COLUMN w").await.unwrap();
    let text = texts(bench.write(&[r#"{"v":"s3cret","w":"s3cret"}"#]).await);
    assert!(text.contains("42703") && text.contains("\"w\"") && !text.contains("s3cret"), "{text}");
    bench.sql.batch_execute("DROP TABLE rows").await.unwrap();
    let text = texts(bench.write(&[r#"{"v":"s3cret","w":"s3cret"}"#]).await);
    assert!(text.contains("42P01") && text.contains("does not exist") && !text.contains("s3cret"), "{text}");
}
