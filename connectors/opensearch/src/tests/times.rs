//! Times that are numbers.

use serde_json::{Value, json};

use super::{Process, partial, record, records, started, write};

fn mapping(name: &str, keys: &str, template: &str) -> String {
    format!(
        "index = '{name}'\nid = '{{id}}'\n{keys}\n[opensearch.topic_mappings.index_template]\nname = '{name}'\n{template}"
    )
}

const FIELDS: &str = "fields = { at = 'date', nanos = 'date_nanos', span = 'date_range', 'in.at' = 'date' }";

/// The documents whose field is within the second `2018-02-07T01:26:13Z`.
fn in_second(server: &Process, index: &str, field: &str) -> Vec<Value> {
    server.ask("POST", &format!("/{index}/_refresh"), "");
    let range = json!({"gte": "2018-02-07T01:26:13Z", "lt": "2018-02-07T01:26:14Z"});
    let query = json!({"query": {"range": {field: range}}}).to_string();
    let found = server.ask("POST", &format!("/{index}/_search"), &query);
    let hits = found["hits"]["hits"].as_array().cloned().unwrap_or_default();
    hits.into_iter().map(|hit| hit["_source"][field].clone()).collect()
}

/// Not even those that look like a year: before 1970, seconds are negative.
#[tokio::test]
async fn a_number_is_no_time_without_a_unit() {
    let server = Process::shared();
    let mut connector = started(server, &mapping("no-unit", "", FIELDS)).await;
    let texts = [
        r#"{"at":"2018-02-07T01:26:13Z"}"#,
        r#"{"at":"2018-02-07T02:26:13.847123+01:00"}"#,
        r#"{"at":"2018-02-07T01:26:13"}"#,
        r#"{"nanos":"2018-02-07T01:26:13.847123456Z"}"#,
        r#"{"span":{"gte":"2018-02-07"}}"#,
    ];
    let numbers = [
        r#"{"at":1517966773}"#,
        r#"{"at":1517966773840}"#,
        r#"{"at":2018}"#,
        r#"{"at":-86400}"#,
        r#"{"at":["2018-02-07",0]}"#,
        r#"{"at":"1600000000"}"#,
        r#"{"in":{"at":0}}"#,
        r#"{"nanos":1517966773840}"#,
        r#"{"span":{"gte":1517966773}}"#,
    ];
    let message = partial(write(&mut connector, records(texts.into_iter().chain(numbers))).await);
    assert!(message.starts_with("0 records to retry, 9 rejected"), "{message}");
    assert!(
        message.contains("date_time_parse_exception; ") && message.contains("a number needs `time_unit`"),
        "{message}"
    );
    assert!(!message.contains("1600000000"), "{message}");
    assert_eq!((server.documents("no-unit").len(), in_second(server, "no-unit", "at").len()), (5, 3));
}

#[tokio::test]
async fn a_number_counts_the_unit_of_the_mapping() {
    let server = Process::shared();
    for (name, unit, number) in
        [("seconds", "s", 1_517_966_773_u64), ("milliseconds", "milliseconds", 1_517_966_773_840)]
    {
        let mut connector = started(server, &mapping(name, &format!("time_unit = '{unit}'"), FIELDS)).await;
        let text = "2018-02-07T01:26:13.84Z";
        let payloads = [json!({"at": number}), json!({"nanos": number}), json!({"at": text}), json!({"at": "soon"})];
        let message = partial(write(&mut connector, records(payloads.map(|payload| payload.to_string()))).await);
        assert!(message.contains("1 rejected") && !message.contains("needs `time_unit`"), "{message}");
        let mut found = in_second(server, name, "at");
        found.sort_by_key(Value::is_string);
        assert_eq!((found, in_second(server, name, "nanos")), (vec![json!(number), json!(text)], vec![json!(number)]));
        // Also one that could be a year. Before 1970, this version has seconds alone.
        for (offset, earlier) in [(10, 2018), (11, -86_400)] {
            let answer = write(&mut connector, vec![record(offset, &json!({"at": earlier}).to_string()).build()]).await;
            assert_eq!(answer.is_ok(), earlier > 0 || unit == "s", "{answer:?}");
        }
        let near = json!({"query": {"range": {"at": {"gte": "1969-12-31", "lt": "1970-01-02"}}}}).to_string();
        server.ask("POST", &format!("/{name}/_refresh"), "");
        let found = server.ask("POST", &format!("/{name}/_search"), &near);
        assert_eq!(found["hits"]["total"]["value"], if unit == "s" { 2 } else { 1 }, "{found}");
    }
}

/// A server makes a `date` of a text that looks like one.
#[tokio::test]
async fn a_number_counts_the_same_unit_in_a_field_that_the_server_takes_for_a_time() {
    let server = Process::shared();
    for (name, keys, expected) in [("detected-time", "", 1), ("detected-unit", "time_unit = 'seconds'", 2)] {
        let mut connector = started(server, &mapping(name, keys, "")).await;
        let payloads = [r#"{"at":"2018-02-07T01:26:13Z"}"#, r#"{"at":1517966773}"#];
        let answer = write(&mut connector, records(payloads)).await;
        assert_eq!((in_second(server, name, "at").len(), answer.is_ok()), (expected, expected == 2), "{answer:?}");
    }
}
