//! What each error of the server becomes.

use danube_sink::SinkConnector;

use super::{Bench, ConnectorError, told};

/// A trigger that raises the SQLSTATE that a record names.
const RAISING: &str = "
    CREATE TABLE rows (id int, state text);
    CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.state IS NOT NULL THEN RAISE 'as the record says' USING ERRCODE = NEW.state; END IF; RETURN NEW; END
    $$;
    CREATE TRIGGER raise BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION raise()";
const MAPPING: &str = "table = 'rows'\ncolumns = { id = '/id', state = '/state' }";

#[tokio::test]
async fn states_are_sorted_as_the_readme_says() {
    let mut bench = Bench::new(RAISING, MAPPING).await;
    for state in ["08006", "25006", "40001", "40P01", "53100", "53300", "55P03", "57014", "57P01", "58030"] {
        let text = told!(bench.write(&[&format!(r#"{{"id":1,"state":"{state}"}}"#)]).await, Retryable);
        assert!(text.contains(state) && text.contains("as the record says") && text.contains("rows"), "{text}");
    }
    for state in ["21000", "22000", "22P02", "23505", "23503", "44000", "54000", "P0001"] {
        told!(bench.write(&[&format!(r#"{{"id":1,"state":"{state}"}}"#)]).await, Refused);
    }
    for state in ["42501", "42P01", "28P01", "0A000", "XX000", "P0004"] {
        told!(bench.write(&[&format!(r#"{{"id":1,"state":"{state}"}}"#)]).await, Fatal);
    }
    bench.write(&[r#"{"id":1}"#]).await.unwrap();
    assert_eq!(bench.rows("SELECT id FROM rows").await, [r#"{"id":1}"#]);
}

#[tokio::test]
async fn what_changes_while_it_runs_is_told() {
    let mut bench = Bench::new("CREATE TABLE rows (id int, state text)", MAPPING).await;
    bench.sink.health_check().await.unwrap();
    bench.sql.batch_execute("ALTER TABLE rows RENAME TO away").await.unwrap();
    let text = told!(bench.write(&[r#"{"id":1}"#]).await, Fatal);
    assert!(text.contains("42P01") && text.contains("rows"), "{text}");
    told!(bench.sink.health_check().await, Fatal);
    bench.sql.batch_execute("ALTER TABLE away RENAME TO rows").await.unwrap();
    bench.write(&[r#"{"id":1}"#]).await.unwrap();
}

#[tokio::test]
async fn a_lock_is_waited_for_until_the_server_ends_the_statement_itself() {
    let mut bench = Bench::new("CREATE TABLE rows (id int, state text)", MAPPING).await;
    // The limit of the bench's connector: nine tenths of `write_timeout`.
    bench.sql.batch_execute("BEGIN; LOCK TABLE rows").await.unwrap();
    let text = told!(bench.write(&[r#"{"id":1}"#]).await, Retryable);
    assert!(text.contains("57014"), "{text}");
    bench.sql.batch_execute("COMMIT").await.unwrap();
    bench.write(&[r#"{"id":2}"#]).await.unwrap();
    assert_eq!(bench.rows("SELECT id FROM rows").await, [r#"{"id":2}"#]);
}
