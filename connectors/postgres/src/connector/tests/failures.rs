//! The class of each error of the server.

use danube_sink::{ConnectorError, SinkConnector, TargetFailure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

use super::{Bench, records, report, start_at};

/// A trigger that raises the SQLSTATE that a record names.
const RAISING: &str = "
    CREATE TABLE rows (id int, state text);
    CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.state IS NOT NULL THEN RAISE 'as the record says' USING ERRCODE = NEW.state; END IF; RETURN NEW; END
    $$;
    CREATE TRIGGER raise BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION raise()";
const MAPPING: &str = "table = 'rows'\ncolumns = { id = '/id', state = '/state' }";

#[tokio::test]
async fn each_state_has_its_documented_class() {
    let mut bench = Bench::new(RAISING, MAPPING).await;
    for (class, states) in [
        (TargetFailure::Busy, "08006 25P02 26000 40001 40P01 42P05 53100 53300 55P03 57P01 58030 72000 XX000"),
        (
            TargetFailure::NotReady,
            "0A000 2200H 25006 2F005 39P01 3D000 3F000 42501 42P01 42703 55000 57P04 F0000 HV000",
        ),
        (TargetFailure::TooLarge, "53200 53400 57014"),
        (
            TargetFailure::Refused,
            "02000 09000 20000 21000 22000 22P02 23502 23503 23505 23514 27000 38000 44000 54000 P0001 P0004 U0001",
        ),
        (TargetFailure::Unauthenticated, "28000 28P01"),
    ] {
        for state in states.split(' ') {
            let error = bench.write(&[&format!(r#"{{"id":1,"state":"{state}"}}"#)]).await.unwrap_err();
            let text = error.report();
            assert!(text.contains(state) && text.contains("rows"), "{text}");
            assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(&class.error("")), "{state}: {text}");
        }
    }
    bench.write(&[r#"{"id":1}"#]).await.unwrap();
    assert_eq!(bench.rows("SELECT id FROM rows").await, [r#"{"id":1}"#]);
}

#[tokio::test]
async fn a_syntax_error_in_a_value_refuses_the_record() {
    let table = "CREATE TABLE rows (id smallserial, q tsquery, p jsonpath)";
    let mut bench = Bench::new(table, "table = 'rows'\ncolumns = { q = '/q', p = '/p' }").await;
    for wrong in [r#"{"q":"a &"}"#, r#"{"p":"$.["}"#] {
        let text = report!(bench.write(&[wrong]).await, Refused);
        assert!(text.contains("42601"), "{text}");
    }
    bench.sql.batch_execute("SELECT setval('rows_id_seq', 32767)").await.unwrap();
    let text = report!(bench.write(&[r#"{"q":"a"}"#]).await, Retryable);
    assert!(text.contains("2200H"), "{text}");
    bench.sql.batch_execute("ALTER SEQUENCE rows_id_seq RESTART").await.unwrap();
    bench.write(&[r#"{"q":"a"}"#]).await.unwrap();
}

/// A type that reports a value which it cannot read as a fault of the server, as PostGIS does; a row with a negative `id` is a fault
/// of the server itself.
const SHAPES: &str = "
    CREATE TYPE shape;
    CREATE FUNCTION shape_in(cstring) RETURNS shape LANGUAGE internal AS 'textin' IMMUTABLE STRICT;
    CREATE FUNCTION shape_out(shape) RETURNS cstring LANGUAGE internal AS 'textout' IMMUTABLE STRICT;
    CREATE TYPE shape (INPUT = shape_in, OUTPUT = shape_out, LIKE = text);
    CREATE TABLE rows (id int, g shape, list shape[]);
    CREATE FUNCTION parse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW::text LIKE '%abc%' OR NEW.id < 0 THEN RAISE 'parse error' USING ERRCODE = 'XX000'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER parse BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION parse()";
const SHAPES_MAPPING: &str = "table = 'rows'\ncolumns = { id = '/id', g = '/g', list = '/list' }";

#[tokio::test]
async fn a_fault_of_an_extensions_type_refuses_the_record_that_has_a_value_of_it() {
    let mut bench = Bench::new(SHAPES, SHAPES_MAPPING).await;
    for wrong in [r#"{"id":1,"g":"POINT(abc)","list":null}"#, r#"{"list":["POINT(abc)"]}"#] {
        for batch in [vec![wrong], vec![wrong; 100]] {
            let text = report!(bench.write(&batch).await, Refused);
            assert!(text.contains("XX000") && !text.contains("abc"), "{text}");
        }
    }
    // Without a value of it, the server itself is at fault.
    for busy in [r#"{"id":-1}"#, r#"{"id":-1,"g":null,"list":null}"#] {
        report!(bench.write(&[busy]).await, Retryable);
    }
    bench.write(&[r#"{"id":1,"g":"POINT(1 2)"}"#]).await.unwrap();
}

/// As Supavisor reports that it lost the server.
#[tokio::test]
async fn a_fault_that_ends_the_session_refuses_no_record() {
    let bench = Bench::new(SHAPES, SHAPES_MAPPING).await;
    let port = pooler_with_fatal_faults(bench.server.port).await;
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
    let mut sink = start_at(&url, SHAPES_MAPPING).await.unwrap();
    let row = r#"{"id":-1,"g":"POINT(1 2)"}"#;
    for batch in [vec![row], vec![row; 100]] {
        let text = report!(sink.process_batch(records(&batch)).await, Retryable);
        assert!(text.contains("XX000"), "{text}");
    }
    sink.process_batch(records(&[r#"{"id":1,"g":"POINT(1 2)"}"#])).await.unwrap();
}

/// The port of a pooler that turns the severity of the server's faults from `ERROR` into `FATAL`.
async fn pooler_with_fatal_faults(server: u16) -> u16 {
    let pooler = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = pooler.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = pooler.accept().await {
            tokio::spawn(relay(client, TcpStream::connect(("127.0.0.1", server)).await.unwrap()));
        }
    });
    port
}

async fn relay(client: TcpStream, server: TcpStream) {
    const FAULT: &[u8] = b"VERROR\0CXX000\0";
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
        let answer = &mut buffer[..length];
        if let Some(place) = answer.windows(FAULT.len()).position(|part| part == FAULT) {
            answer[place..][..FAULT.len()].copy_from_slice(b"VFATAL\0CXX000\0");
        }
        if to_client.write_all(answer).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_deferred_constraint_refuses_the_record_at_the_commit() {
    let table = "CREATE TABLE parts (id int PRIMARY KEY);
                 CREATE TABLE rows (id int REFERENCES parts DEFERRABLE INITIALLY DEFERRED, state text)";
    let mut bench = Bench::new(table, MAPPING).await;
    for _ in 0..2 {
        let text = report!(bench.write(&[r#"{"id":1}"#]).await, Refused);
        assert!(text.contains("23503"), "{text}");
    }
    bench.sql.batch_execute("INSERT INTO parts VALUES (1)").await.unwrap();
    bench.write(&[r#"{"id":1}"#]).await.unwrap();
}
