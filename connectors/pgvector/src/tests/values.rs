//! Invalid records: rejected with the path, all of a batch in one error, and without their values.

use danube_sink::{ConnectorError, SinkConnector};

use super::{
    records,
    server::{PostgresServer, Program},
    start, texts,
};

#[tokio::test]
async fn invalid_records_are_rejected_before_the_write() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let mut sink = start(&server, "").await.unwrap();
    let good = r#"{"id":1,"embedding":[1,2,3]}"#;
    for (bad, part) in [
        (r#"{"id":2,"embedding":[1,2]}"#, "2 dimensions, not 3"),
        (r#"{"id":2,"embedding":[1,2,3,4]}"#, "4 dimensions, not 3"),
        (r#"{"id":2,"embedding":[]}"#, "0 dimensions, not 3"),
        (r#"{"id":2,"embedding":null}"#, "/embedding is not an array of numbers"),
        (r#"{"id":2,"embedding":"[1,2,3]"}"#, "/embedding is not an array of numbers"),
        (r#"{"id":2,"embedding":{"0":1}}"#, "/embedding is not an array of numbers"),
        (r#"{"id":2}"#, "not an array of numbers"),
        (r#"{"id":2,"embedding":[1,"two",3]}"#, "/embedding is invalid: the value at /1 is not a number"),
        (r#"{"id":2,"embedding":[1,2,"3"]}"#, "the value at /2 is not a number"),
        (r#"{"id":2,"embedding":["NaN",2,3]}"#, "the value at /0 is not a number"),
        (r#"{"id":2,"embedding":[1,null,3]}"#, "/embedding is invalid: the value at /1 is not a number"),
        (r#"{"id":2,"embedding":[1,[2],3]}"#, "/embedding is invalid: the value at /1 is not a number"),
        (r#"{"id":2,"embedding":[1,2,1e99]}"#, "the value at /2 is out of the range of float4"),
        (r#"{"id":2,"embedding":[1,2,-3.5e38]}"#, "the value at /2 is out of the range of float4"),
        (r#"{"embedding":[1,2,3]}"#, "invalid value for column \"id\""),
        (r#"{"id":null,"embedding":[1,2,3]}"#, "invalid value for column \"id\""),
        (r#"{"id":["s3cret"],"embedding":[1,2,3]}"#, "invalid value for column \"id\""),
        (r#"{"id":{"s3cret":1},"embedding":[1,2,3]}"#, "invalid value for column \"id\""),
        (r#"{"id":true,"embedding":[1,2,3]}"#, "invalid value for column \"id\""),
        (r#"{"id":2,"embedding":[1,2,NaN]}"#, "not JSON"),
        (r#"{"id":2,"embedding":[1,2,1e400]}"#, "a number is beyond the range of 64-bit floating point"),
        (r#"{"id":"\ud83d","embedding":[1,2,3]}"#, "a string has a lone surrogate"),
        (r#"{"id":2,"embedding":[1,2"#, "not JSON"),
        ("", "not JSON"),
    ] {
        match sink.process_batch(records(&[good, bad])).await {
            Err(error @ ConnectorError::Partial(_)) => {
                let report = error.report();
                assert!(report.contains(part) && !report.contains("s3cret"), "{bad}: {report}");
            }
            other => panic!("{bad}: {other:?}"),
        }
    }
    assert_eq!(texts(&sql, "SELECT id FROM docs").await, ["1"], "the other is written");
}

#[tokio::test]
async fn all_invalid_records_of_a_batch_are_in_one_error_and_the_other_is_written() {
    let server = PostgresServer::start(Program::Pgvector);
    let mut sink = start(&server, "").await.unwrap();
    let mut payloads = vec![r#"{"id":1,"embedding":[1,2]}"#; 500];
    payloads[250] = r#"{"id":1,"embedding":[1,2,3]}"#;
    let records: Vec<_> = (0..)
        .zip(&payloads)
        .map(|(offset, payload)| {
            danube_sink::SinkRecord::builder(super::TOPIC).offset(offset).payload(*payload).build()
        })
        .collect();
    let error = sink.process_batch(records).await.unwrap_err();
    assert!(error.report().contains("0 records to retry, 499 rejected"), "{error:?}");
    assert_eq!(texts(&server.client().await, "SELECT id FROM docs").await, ["1"], "the other is written");
}

#[tokio::test]
async fn numbers_of_an_embedding_are_stored_as_the_nearest_float4() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let mut sink = start(&server, "").await.unwrap();
    for (payload, stored) in [
        (r#"{"id":1,"embedding":[0,0,-0]}"#, "[0,0,-0]"),
        (r#"{"id":1,"embedding":[7.0,1e3,16777217]}"#, "[7,1000,1.6777216e+07]"),
        (r#"{"id":1,"embedding":[3.4028235e38,1e-45,0.1]}"#, "[3.4028235e+38,1e-45,0.1]"),
    ] {
        sink.process_batch(records(&[payload])).await.unwrap();
        assert_eq!(texts(&sql, "SELECT embedding::text FROM docs").await, [stored], "{payload}");
    }
}

#[tokio::test]
async fn errors_contain_no_values() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let mut sink = start(&server, "text = '/text'\npayload = '/more'").await.unwrap();
    for bad in [
        r#"{"id":2,"embedding":[1,2,3],"text":"s3cret\u0000"}"#,
        r#"{"id":2,"embedding":[1,2,3],"more":{"k":["s3cret\u0000"]}}"#,
        r#"{"id":2,"embedding":[1,2,3],"more":{"s3cret\u0000":1}}"#,
        r#"{"id":"s3cret\u0000","embedding":[1,2,3]}"#,
    ] {
        let error = sink.process_batch(records(&[bad])).await.unwrap_err();
        let is_of_the_record = matches!(error, ConnectorError::Refused { .. } | ConnectorError::Partial(_));
        assert!(is_of_the_record && !error.report().contains("s3cret"), "{bad}: {error:?}");
    }
    sql.batch_execute("ALTER TABLE docs ALTER id TYPE uuid USING NULL; ALTER TABLE docs ADD CHECK (text <> 'a')")
        .await
        .unwrap();
    for bad in [
        r#"{"id":"a\"s3cret\"b","embedding":[1,2,3]}"#,
        r#"{"id":"{s3cret}","embedding":[1,2,3]}"#,
        r#"{"id":"s3cret\nline","embedding":[1,2,3]}"#,
        r#"{"id":"5fba94ed-9794-4965-ba6e-6ee3c0d22af9","embedding":[1,2,3],"text":"a","more":"s3cret"}"#,
    ] {
        let error = sink.process_batch(records(&[bad])).await.unwrap_err();
        assert!(!error.report().contains("s3cret"), "{bad}: {error:?}");
    }
}

/// Vectors are sent in binary: their type reads no text, so that a fault of the server is not about a value.
#[tokio::test]
async fn a_fault_of_the_server_refuses_no_embedding() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let mut sink = start(&server, "").await.unwrap();
    let trigger = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE 'a fault' USING ERRCODE = 'XX000'; END $$;
        CREATE TRIGGER fail BEFORE INSERT ON docs FOR EACH ROW EXECUTE FUNCTION fail()";
    sql.batch_execute(trigger).await.unwrap();
    let row = r#"{"id":1,"embedding":[1,2,3]}"#;
    for batch in [vec![row], vec![row; 100]] {
        let written = sink.process_batch(records(&batch)).await;
        assert!(matches!(written, Err(ConnectorError::Retryable { .. })), "{written:?}");
    }
    sql.batch_execute("DROP TRIGGER fail ON docs").await.unwrap();
    sink.process_batch(records(&[row])).await.unwrap();
}
