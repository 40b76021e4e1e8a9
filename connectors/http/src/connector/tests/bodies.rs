//! Bodies with chosen fields, metadata and envelopes.

use danube_sink::{SinkConnector, SinkRecord, testing::HttpReply};
use serde_json::{Value, json};

use super::{TOPIC, api::Api, connected, record, records, rejected, toml};

/// The bodies that are sent for these records.
async fn bodies(mapping: &str, records: Vec<SinkRecord>) -> Vec<String> {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "concurrency = 1", mapping), &[]).await;
    sink.process_batch(records).await.expect("taken");
    api.requests().iter().map(|request| request.text().into_owned()).collect()
}

fn order(offset: u64) -> SinkRecord {
    let payload = format!(r#"{{"id":{offset}, "total":0.10, "customer":{{"name":"Ada"}}, "note":"paid"}}"#);
    SinkRecord::builder(TOPIC)
        .offset(offset)
        .key("k")
        .attribute("tenant", "acme")
        .publish_time(1_517_966_773_840)
        .payload(payload)
        .build()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_has_the_chosen_fields_and_metadata() {
    for (mapping, body) in [
        ("fields = ['id', '/customer/name']", r#"{"id":7,"name":"Ada"}"#),
        ("fields = ['total', 'none', 'attribute:tenant']", r#"{"total":0.10,"tenant":"acme"}"#),
        ("fields = { order_id = '/id', whole = '/customer' }", r#"{"order_id":7,"whole":{"name":"Ada"}}"#),
        ("fields = { at = 'publish_time' }", r#"{"at":"2018-02-07T01:26:13.840000Z"}"#),
        ("fields = ['id']\nmetadata = ['offset', 'key']", r#"{"id":7,"offset":7,"key":"k"}"#),
        ("fields = ['id']\nmetadata = { offset = '_offset' }", r#"{"id":7,"_offset":7}"#),
    ] {
        assert_eq!(bodies(mapping, vec![order(7)]).await, [body], "{mapping}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_is_around_each_record() {
    for (body, expected) in [
        ("json", vec![r#"{"event":{"number":0},"source":"danube"}"#, r#"{"event":{"number":1},"source":"danube"}"#]),
        (
            "ndjson",
            vec![
                "{\"event\":{\"number\":0},\"source\":\"danube\"}\n{\"event\":{\"number\":1},\"source\":\"danube\"}\n",
            ],
        ),
        ("json_array", vec![r#"[{"event":{"number":0},"source":"danube"},{"event":{"number":1},"source":"danube"}]"#]),
    ] {
        let mapping = format!("body = '{body}'\nenvelope = {{ event = '{{record}}', source = 'danube' }}");
        assert_eq!(bodies(&mapping, records(2)).await, expected, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_array_of_an_envelope_holds_all_records() {
    for (envelope, expected) in [
        ("{ events = ['{record}'], source = 'danube' }", r#"{"events":[{"number":0},{"number":1}],"source":"danube"}"#),
        ("{ records = [{ value = '{record}' }] }", r#"{"records":[{"value":{"number":0}},{"value":{"number":1}}]}"#),
        (
            "[{ common = { a = [1] }, logs = ['{record}'] }]",
            r#"[{"common":{"a":[1]},"logs":[{"number":0},{"number":1}]}]"#,
        ),
        ("['{record}']", r#"[{"number":0},{"number":1}]"#),
        (
            "{ r = [{ v = '{record}', tags = ['{/number}', 'n{/number}'], o = '{offset}' }] }",
            r#"{"r":[{"v":{"number":0},"tags":[0,"n0"],"o":0},{"v":{"number":1},"tags":[1,"n1"],"o":1}]}"#,
        ),
        ("{ tags = ['a', '{record}'] }", r#"[{"tags":["a",{"number":0}]},{"tags":["a",{"number":1}]}]"#),
    ] {
        let sent = bodies(&format!("body = 'json_array'\nenvelope = {envelope}"), records(2)).await;
        assert_eq!(sent, [expected], "{envelope}");
        let one = bodies(&format!("envelope = {envelope}"), records(1)).await;
        let batch_of_one = bodies(&format!("body = 'json_array'\nenvelope = {envelope}"), records(1)).await;
        let (one, batch_of_one): (Value, Value) =
            (serde_json::from_str(&one[0]).unwrap(), serde_json::from_str(&batch_of_one[0]).unwrap());
        assert!(one == batch_of_one || json!([one]) == batch_of_one, "the body of one record: {envelope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_has_constants_of_every_type_and_values_of_the_record() {
    let envelope = r#"
        [http.topic_mappings.envelope]
        text = "Order {/id} of {/customer/name}: {{paid}} at {publish_time:%Y}"
        event = "{record}"
        key = "{key}"
        total = "{/total}"
        customer = "{/customer}"
        constants = [1, -2.5, true, "a\"b", { nested = [] }, 18446744073709551616]"#;
    let sent = bodies(&format!("fields = ['note']\n{envelope}"), vec![order(7)]).await;
    let expected = r#"{"text":"Order 7 of Ada: {paid} at 2018","event":{"note":"paid"},"key":"k","total":0.10,"customer":{"name":"Ada"},"constants":[1,-2.5,true,"a\"b",{"nested":[]},18446744073709551616]}"#;
    assert_eq!(sent, [expected]);
    let without_record = "envelope = { text = 'Order {/id}', blocks = ['{/note}'] }";
    assert_eq!(bodies(without_record, vec![order(7)]).await, [r#"{"text":"Order 7","blocks":["paid"]}"#]);
    let each = "body = 'json_array'\nenvelope = { text = 'Order {/id}', blocks = ['{/note}'] }";
    assert_eq!(bodies(each, vec![order(7)]).await, [r#"[{"text":"Order 7","blocks":["paid"]}]"#]);
}

/// Converted on all cores, and compressed.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_batch_is_in_one_envelope() {
    let api = Api::start();
    let mapping = "body = 'json_array'\nbatch_size = 5000\nfields = ['number']\n\
                   envelope = { events = [{ n = '{record}' }], source = 'danube' }";
    api.always(HttpReply::status(204, ""));
    let mut sink = connected(&toml(&api, "compression = 'gzip'", mapping), &[]).await;
    sink.process_batch(records(5000)).await.expect("taken");
    let sent = api.requests();
    assert_eq!((sent.len(), sent[0].header("content-encoding")), (1, "gzip"));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&sent[0].body[..]), &mut text).expect("gzip");
    let body: Value = serde_json::from_str(&text).expect("JSON");
    let numbers = body["events"].as_array().expect("events").iter().map(|event| event["n"]["number"].as_u64());
    assert!(numbers.eq((0..5000).map(Some)) && body["source"] == "danube");
}

/// Values that look like JSON, placeholders or the mark of the record stay values.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_stay_within_their_place() {
    let hostile = [
        "a\"b",
        "\\",
        "{record}",
        "{/name}",
        "\",\"admin\":true,\"x\":\"",
        "two\r\nlines",
        "\u{0}\u{7f}\u{202e}",
        "]}",
        "ü €",
    ];
    for body in ["json", "json_array", "ndjson"] {
        let mapping = format!(
            "body = '{body}'\nfields = {{ '\"n\"' = '/name' }}\n\
             envelope = {{ rows = [{{ record = '{{record}}', name = '{{/name}}', text = 'by {{/name}}', a = '{{attribute:a}}' }}] }}"
        );
        let of = |(offset, text): (u64, &&str)| {
            let record = SinkRecord::builder(TOPIC).offset(offset).attribute("a", *text);
            record.payload(json!({ "name": text }).to_string()).build()
        };
        let sent = bodies(&mapping, (0..).zip(&hostile).map(of).collect()).await.concat();
        let documents = serde_json::Deserializer::from_str(&sent).into_iter::<Value>();
        let rows: Vec<Value> = documents
            .flat_map(|document| document.expect("JSON")["rows"].as_array().expect("an array").clone())
            .collect();
        let expected = hostile
            .map(|text| json!({ "record": { "\"n\"": text }, "name": text, "text": format!("by {text}"), "a": text }));
        assert_eq!(rows, expected, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_lacks_a_value_or_is_not_json_is_rejected_and_the_others_are_sent() {
    for body in ["json", "json_array", "ndjson"] {
        for (mapping, reason) in [
            ("envelope = { r = [{ v = '{/s3cret}', w = '{record}' }] }", "it has no value for"),
            ("envelope = { r = [{ v = 'is {/s3cret}', w = '{record}' }] }", "cannot render `is {/s3cret}`"),
            ("fields = ['s3cret']", "it has no value for `/s3cret`"),
            ("fields = { s = '/s3cret', all = '' }", "not JSON"),
            ("envelope = { r = ['{record}'] }", "not JSON"),
        ] {
            let api = Api::start();
            let mut sink = connected(&toml(&api, "", &format!("body = '{body}'\n{mapping}")), &[]).await;
            let without_value = [r#"{"other":"quagga"}"#, "plain quagga", r#"{"s3cret":"quagga"#];
            let valid = r#"{"s3cret":"x"}"#;
            let all = without_value.iter().chain([&valid]).zip(1..).map(|(payload, offset)| record(offset, payload));
            let (count, text) = rejected(sink.process_batch(all.collect()).await);
            assert!(count >= 2 && text.contains(reason) && !text.contains("quagga"), "{body} {mapping}: {text}");
            let sent = api.requests().iter().map(|request| request.text().into_owned()).collect::<String>();
            assert!(sent.contains('x') && !sent.contains("plain"), "{body} {mapping}: {sent}");
        }
    }
}
