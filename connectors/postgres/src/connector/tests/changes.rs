//! Tables, columns and types that are altered while the connector runs.

use danube_sink::{ConnectorError, SinkConnector};

use super::{Bench, PostgresServer, Program, records, report, start, start_at, written};

const TABLE: &str = "CREATE TABLE rows (id int, v int)";
const MAPPING: &str = "table = 'rows'\ncolumns = { id = '/id', v = '/v' }";
const ALL: &str = "SELECT * FROM rows ORDER BY id";

#[tokio::test]
async fn a_dropped_table_is_waited_for_and_written_as_it_is_recreated() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    bench.write(&[r#"{"id":1,"v":1}"#]).await.unwrap();
    bench.sql.batch_execute("DROP TABLE rows").await.unwrap();
    for _ in 0..2 {
        let text = report!(bench.write(&[r#"{"id":1,"v":1}"#]).await, Retryable);
        assert!(text.contains("42P01") && text.contains("rows") && text.contains("create it"), "{text}");
        report!(bench.sink.health_check().await, Retryable);
    }
    bench.sql.batch_execute("CREATE TABLE rows (v text, other int, id numeric)").await.unwrap();
    bench.sink.health_check().await.unwrap();
    bench.write(&[r#"{"id":1.5,"v":"a"}"#]).await.unwrap();
    assert_eq!(bench.rows(ALL).await, [r#"{"v":"a","other":null,"id":1.5}"#]);
}

#[tokio::test]
async fn a_column_whose_type_is_altered_takes_what_the_new_type_takes() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    let steps = [
        ("bigint USING v", "9223372036854775807", "9223372036854775807"),
        ("numeric", "1.5", "1.5"),
        ("text", r#""word""#, r#""word""#),
        ("jsonb USING to_jsonb(v)", r#"{"a":[1]}"#, r#"{"a": [1]}"#),
        ("text[] USING ARRAY[v::text]", r#"["x"]"#, r#"["x"]"#),
        ("timestamp USING '2024-01-01'", r#""2024-01-01T01:00:00+01:00""#, r#""2024-01-01T00:00:00""#),
        ("float8 USING 1", "1e100", "1e+100"),
        ("int USING 1", "7", "7"),
    ];
    for (number, (ty, value, written)) in steps.iter().enumerate() {
        bench.write(&[r#"{"id":-1}"#]).await.unwrap();
        bench.sql.batch_execute(&format!("ALTER TABLE rows ALTER v TYPE {ty}")).await.unwrap();
        super::written(&mut bench.sink, &format!(r#"{{"id":{number},"v":{value}}}"#)).await;
        let row = format!(r#"{{"id":{number},"v":{written}}}"#);
        assert_eq!(bench.rows(&format!("SELECT * FROM rows WHERE id = {number}")).await, [row], "{ty}");
    }
}

#[tokio::test]
async fn many_rows_for_a_column_whose_type_is_altered_have_the_same_values() {
    let mut bench = Bench::new("CREATE TABLE rows (id int, v bigint)", MAPPING).await;
    let payloads: Vec<_> = (0..1_600).map(|id| format!(r#"{{"id":{id},"v":7}}"#)).collect();
    let payloads: Vec<_> = payloads.iter().map(String::as_str).collect();
    for (ty, expected) in [("float8", "7"), ("bigint", "7"), ("real", "7"), ("int", "7"), ("text", "\"7\"")] {
        bench.sql.batch_execute(&format!("TRUNCATE rows; ALTER TABLE rows ALTER v TYPE {ty}")).await.unwrap();
        while let Err(error) = bench.write(&payloads).await {
            report!(Err::<(), _>(error), Retryable);
        }
        let found = bench.rows("SELECT v, count(*) FROM rows GROUP BY v").await;
        assert_eq!(found, [format!(r#"{{"v":{expected},"count":1600}}"#)], "{ty}");
    }
}

#[tokio::test]
async fn a_column_that_is_renamed_or_dropped_is_waited_for() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    for (away, back) in [
        ("ALTER TABLE rows RENAME v TO w", "ALTER TABLE rows RENAME w TO v"),
        ("ALTER TABLE rows DROP v", "ALTER TABLE rows ADD v int"),
    ] {
        bench.sql.batch_execute(away).await.unwrap();
        for _ in 0..2 {
            let text = report!(bench.write(&[r#"{"id":1,"v":1}"#]).await, Retryable);
            assert!(text.contains('v') && text.contains("rows"), "{text}");
        }
        bench.sql.batch_execute(back).await.unwrap();
        bench.write(&[r#"{"id":1,"v":1}"#]).await.unwrap();
    }
}

#[tokio::test]
async fn a_not_null_column_that_is_added_does_not_reject_records() {
    let mut bench = Bench::new("CREATE TABLE rows (id int NOT NULL, v int)", MAPPING).await;
    report!(bench.write(&[r#"{"id":null,"v":1}"#]).await, Refused);
    bench.sql.batch_execute("ALTER TABLE rows ADD needed int NOT NULL").await.unwrap();
    for _ in 0..2 {
        let text = report!(bench.write(&[r#"{"id":1,"v":1}"#, r#"{"id":2,"v":1}"#]).await, Retryable);
        assert!(text.contains("needed") && text.contains("default"), "{text}");
        report!(bench.sink.health_check().await, Retryable);
    }
    bench.sql.batch_execute("ALTER TABLE rows ALTER needed SET DEFAULT 7").await.unwrap();
    bench.write(&[r#"{"id":1,"v":1}"#]).await.unwrap();
    assert_eq!(bench.rows(ALL).await, [r#"{"id":1,"v":1,"needed":7}"#]);
}

/// Whether it is filled depends on the record's values.
#[tokio::test]
async fn a_not_null_column_that_is_generated_or_that_a_trigger_fills_refuses_the_record_that_leaves_it_null() {
    let generated = "CREATE TABLE rows (id int, v int, twice int NOT NULL GENERATED ALWAYS AS (v * 2) STORED)";
    let filled = "CREATE TABLE rows (id int, v int, twice int NOT NULL);
                  CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
                      BEGIN NEW.twice := NEW.v * 2; RETURN NEW; END $$;
                  CREATE TRIGGER fill BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION fill()";
    for table in [generated, filled] {
        let mut bench = Bench::new(table, MAPPING).await;
        let text = report!(bench.write(&[r#"{"id":1,"v":null}"#]).await, Refused);
        assert!(text.contains("23502") && text.contains("twice"), "{text}");
        bench.write(&[r#"{"id":2,"v":1}"#]).await.unwrap();
        assert_eq!(bench.rows(ALL).await, [r#"{"id":2,"v":1,"twice":2}"#]);
    }
}

#[tokio::test]
async fn a_column_that_no_record_can_fill_is_found_at_start() {
    let bench = Bench::new("CREATE TABLE rows (id int, v int)", MAPPING).await;
    bench.sql.batch_execute("ALTER TABLE rows ADD needed int NOT NULL").await.unwrap();
    let text = report!(super::start(&bench.server, MAPPING).await.map(drop), Initialization);
    assert!(text.contains("needed") && text.contains("NOT NULL"), "{text}");
    // These fill it: a trigger, an identity, a generated column, or the default of a domain.
    bench
        .sql
        .batch_execute(
            "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.needed := 1; RETURN NEW; END $$;
             CREATE TRIGGER fill BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION fill();
             CREATE DOMAIN one AS int NOT NULL DEFAULT 1;
             CREATE TABLE others (id int, v int, a int GENERATED ALWAYS AS IDENTITY, b one,
                 c int NOT NULL GENERATED ALWAYS AS (id + 1) STORED, d serial)",
        )
        .await
        .unwrap();
    for table in ["rows", "others"] {
        let mut sink = super::start(&bench.server, &MAPPING.replace("rows", table)).await.unwrap();
        sink.process_batch(records(&[r#"{"id":1,"v":1}"#])).await.unwrap();
    }
}

#[tokio::test]
async fn a_column_that_is_altered_to_keep_more_gets_it() {
    let bench = Bench::new(&format!("CREATE DOMAIN cents AS numeric(10,2); {TABLE}"), MAPPING).await;
    for (before, after, value) in [
        ("real", "float8", "0.1"),
        ("money", "numeric", "1.2345"),
        ("numeric(10,2)", "numeric(12,4)", "1.2345"),
        ("time(0)", "time", "\"01:02:03.4\""),
        ("timestamp(0)", "timestamp", "\"2024-01-01T00:00:00.7\""),
        ("interval(0)", "interval", "\"00:00:01.5\""),
        ("real[]", "float8[]", "[0.1]"),
        ("numeric(10,2)[]", "numeric(12,4)[]", "[1.2345]"),
        ("char(5)", "text", "\"a  \""),
        ("cents[]", "numeric[]", "[1.2345]"),
    ] {
        let (full, part) = (format!(r#"{{"id":1,"v":{value}}}"#), format!(r#"{{"v":{value}}}"#));
        // In one statement, in two that are streamed, and in one for each set of columns.
        for batch in [vec![&*full], vec![&*full; 100], vec![&*full, &*part]] {
            let table = format!("DROP TABLE rows; CREATE TABLE rows (id int, v {before})");
            bench.sql.batch_execute(&table).await.unwrap();
            let mut sink = start(&bench.server, MAPPING).await.unwrap();
            bench.sql.batch_execute(&format!("ALTER TABLE rows ALTER v TYPE {after}")).await.unwrap();
            while let Err(error) = sink.process_batch(records(&batch)).await {
                report!(Err::<(), _>(error), Retryable);
            }
            let found = "SELECT v, count(*) FROM rows GROUP BY v";
            let expected = format!(r#"{{"v":{value},"count":{}}}"#, batch.len());
            assert_eq!(bench.rows(found).await, [expected], "{before}");
        }
    }
}

#[tokio::test]
async fn keys_are_compared_by_the_altered_type() {
    let mapping =
        "table = 'rows'\nmode = 'upsert'\nkey = ['device', 'at']\ncolumns = { device = '/device', at = '/at' }";
    let table = "CREATE TABLE rows (device int, at timestamptz(0), PRIMARY KEY (device, at))";
    let mut bench = Bench::new(table, mapping).await;
    bench.sql.batch_execute("ALTER TABLE rows ALTER at TYPE timestamptz(3)").await.unwrap();
    let batch = [r#"{"device":1,"at":"2024-01-01T00:00:00.1Z"}"#, r#"{"device":1,"at":"2024-01-01T00:00:00.2Z"}"#];
    while let Err(error) = bench.write(&batch).await {
        report!(Err::<(), _>(error), Retryable);
    }
    assert_eq!(bench.rows("SELECT at FROM rows").await.len(), 2);
}

#[tokio::test]
async fn a_value_that_is_added_to_an_enum_is_taken() {
    let table = "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE rows (id int, v mood)";
    let mut bench = Bench::new(table, MAPPING).await;
    bench.write(&[r#"{"id":1,"v":"sad"}"#]).await.unwrap();
    report!(bench.write(&[r#"{"id":2,"v":"happy"}"#]).await, Refused);
    bench.sql.batch_execute("ALTER TYPE mood ADD VALUE 'happy'").await.unwrap();
    bench.write(&[r#"{"id":2,"v":"happy"}"#]).await.unwrap();
    // A type of the same name that is another one.
    bench.sql.batch_execute("ALTER TYPE mood RENAME TO old; CREATE TYPE mood AS ENUM ('angry')").await.unwrap();
    bench.sql.batch_execute("ALTER TABLE rows ALTER v TYPE mood USING 'angry'").await.unwrap();
    written(&mut bench.sink, r#"{"id":3,"v":"angry"}"#).await;
}

#[tokio::test]
async fn a_table_that_moves_to_another_schema_is_found_by_the_search_path() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    bench.write(&[r#"{"id":1,"v":1}"#]).await.unwrap();
    bench.sql.batch_execute("CREATE SCHEMA moved; ALTER TABLE rows SET SCHEMA moved").await.unwrap();
    report!(bench.write(&[r#"{"id":2,"v":1}"#]).await, Retryable);
    bench.sql.batch_execute("ALTER ROLE postgres SET search_path = moved").await.unwrap();
    written(&mut bench.sink, r#"{"id":2,"v":1}"#).await;
    assert_eq!(bench.rows("SELECT id FROM moved.rows ORDER BY id").await, [r#"{"id":1}"#, r#"{"id":2}"#]);
}

#[tokio::test]
async fn a_database_that_is_dropped_is_waited_for() {
    let server = PostgresServer::start(Program::Postgresql);
    let sql = server.client().await;
    sql.batch_execute("CREATE DATABASE sales").await.unwrap();
    let url = format!("postgres://postgres@127.0.0.1:{}/sales?sslmode=disable", server.port);
    let mapping = format!("create = 'id int, v int'\n{MAPPING}");
    let mut sink = start_at(&url, &mapping).await.unwrap();
    sql.batch_execute("DROP DATABASE sales WITH (FORCE)").await.unwrap();
    report!(sink.process_batch(records(&[r#"{"id":1}"#])).await, Retryable);
    let text = report!(sink.process_batch(records(&[r#"{"id":1}"#])).await, Retryable);
    assert!(text.contains("3D000") && text.contains("sales"), "{text}");
    let text = report!(start_at(&url, &mapping).await.map(drop), Initialization);
    assert!(text.contains("3D000"), "{text}");
    sql.batch_execute("CREATE DATABASE sales").await.unwrap();
    let text = report!(sink.process_batch(records(&[r#"{"id":1}"#])).await, Retryable);
    assert!(text.contains("42P01"), "{text}");
    start_at(&url, &mapping).await.unwrap();
    sink.process_batch(records(&[r#"{"id":1}"#])).await.unwrap();
}
