//! Payloads that are not JSON, and values in templates.

use danube_sink::{ConnectorResult, SinkConnector, SinkRecord};

use super::{TOPIC, api::Api, connected, record, rejected, report, toml};

const NOT_JSON: [&str; 9] = [
    r#"{"id":1,"name":"\ud83d"}"#,
    r#"{"id":2,"name":"x","v":NaN}"#,
    "\u{feff}{\"id\":3}",
    r#"{"id":4,"name":"cut o"#,
    r#"{"id":5,"v":1e400}"#,
    "",
    " ",
    "plain text",
    r#"{"id":6}{"id":7}"#,
];

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_is_not_json_is_rejected_and_not_sent_as_a_string() {
    for mapping in
        ["", "body = 'json_array'", "body = 'ndjson'", "metadata = ['id']", "body = 'ndjson'\nmetadata = ['id']"]
    {
        let api = Api::start();
        let mut sink = connected(&toml(&api, "", mapping), &[]).await;
        let records: Vec<_> = (0..).zip(NOT_JSON).map(|(offset, payload)| record(offset, payload)).collect();
        let (count, reasons) = rejected(sink.process_batch(records).await);
        assert_eq!(count, NOT_JSON.len(), "all in one answer: {reasons}");
        assert!(reasons.contains("not JSON") && !reasons.contains("plain text"), "{reasons}");
        assert!(api.requests().is_empty(), "{mapping}");
        for payload in ["{}", "[1]", "1", "null", r#""text""#, r#" {"n":12345678901234567890.10} "#] {
            sink.process_batch(vec![record(1, payload)]).await.expect("it is JSON");
            assert!(api.requests().last().is_some_and(|seen| seen.text().contains(payload.trim())), "{payload}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_sent_as_they_are_whatever_they_are() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", "body = 'bytes'"), &[]).await;
    for payload in NOT_JSON {
        sink.process_batch(vec![record(1, payload)]).await.expect("bytes are bytes");
        assert_eq!(api.requests().last().expect("a request").text(), payload);
    }
}

async fn uri(template: &str, payload: &str) -> ConnectorResult<String> {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", &format!("path = '{template}'")), &[]).await;
    sink.process_batch(vec![record(1, payload)]).await?;
    Ok(api.requests()[0].uri.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_in_a_path_is_the_one_that_the_producer_wrote() {
    for number in ["18446744073709551616", "1.10", "-0", "1e3", "0.12345678901234567890", "7.0"] {
        let path = uri("/things/{/id}", &format!(r#"{{"id":{number}}}"#)).await.expect("sent");
        assert_eq!(path, format!("/things/{number}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_stays_in_its_segment_or_the_record_is_rejected() {
    for (value, segment) in [
        ("a/b", "a%2Fb"),
        ("..%2f", "..%252f"),
        ("%2e%2e", "%252e%252e"),
        (r"..\\x", "..%5Cx"),
        (r"\r\nHost: x", "%0D%0AHost%3A%20x"),
        ("?a=b#c", "%3Fa%3Db%23c"),
        ("ü", "%C3%BC"),
        (r"\u0000", "%00"),
        (" ", "%20"),
        ("...", "..."),
        ("//host", "%2F%2Fhost"),
    ] {
        let path = uri("/things/{/id}", &format!(r#"{{"id":"{value}"}}"#)).await.expect("sent");
        assert_eq!(path, format!("/things/{segment}"));
    }
    let too_long = format!(r#"{{"id":"{}"}}"#, "x".repeat(70_000));
    for payload in
        [r#"{"id":".."}"#, r#"{"id":"."}"#, r#"{"id":""}"#, r#"{"id":null}"#, r#"{"id":{}}"#, "{}", &too_long]
    {
        let (count, reason) = rejected(uri("/things/{/id}", payload).await.map(drop));
        assert!(count == 1 && reason.contains("/things/{/id}"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_holds_one_line_or_the_record_is_rejected() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", "headers = { x-note = 'by {/note}' }"), &[]).await;
    for note in ["", "ü €", "a, b; c=d", "%0d%0a", &"x".repeat(5_000)] {
        sink.process_batch(vec![record(1, &serde_json::json!({ "note": note }).to_string())]).await.expect("sent");
        let sent = api.requests().pop().expect("a request").headers["x-note"].as_bytes().to_vec();
        assert_eq!(String::from_utf8(sent).expect("text"), format!("by {note}").trim_end());
    }
    let sent = api.requests().len();
    for note in ["a\r\nx-other: b", "a\nb", "a\rb", "\u{0}", "\u{7f}", &"x".repeat(70_000)] {
        let answer = sink.process_batch(vec![record(1, &serde_json::json!({ "note": note }).to_string())]).await;
        let (count, reason) = rejected(answer);
        assert!(count == 1 && reason.contains("by {/note}") && !reason.contains("x-other"), "{reason}");
    }
    assert_eq!(api.requests().len(), sent);
}

/// A batch with many of them is written once, and not once for each.
#[tokio::test(flavor = "multi_thread")]
async fn all_records_that_lack_a_value_of_a_template_are_rejected_at_once() {
    for mapping in ["path = '/{/id}'", "path = '/{/id}'\nbody = 'json_array'", "method = '{attribute:m}'"] {
        let api = Api::start();
        let mut sink = connected(&toml(&api, "", mapping), &[]).await;
        let lacking = (0..100).map(|offset| record(offset, "{}"));
        let right = SinkRecord::builder(TOPIC).offset(100).attribute("m", "PUT").payload(r#"{"id":7}"#).build();
        let (count, text) = rejected(sink.process_batch(lacking.chain([right]).collect()).await);
        assert_eq!(count, 100, "{text}");
        assert_eq!(api.requests().len(), 1, "the other is sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_without_records_is_written() {
    let api = Api::start();
    for mapping in ["", "body = 'json_array'"] {
        let answer = connected(&toml(&api, "", mapping), &[]).await.process_batch(Vec::new()).await;
        assert!(answer.is_ok(), "{}", report(answer));
    }
    assert!(api.requests().is_empty());
}
