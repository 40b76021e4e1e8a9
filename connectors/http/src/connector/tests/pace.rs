//! Compression and the rate limit.

use std::{io::Read, time::Instant};

use danube_sink::{
    SinkConnector, SinkRecord,
    testing::{HttpReply, HttpServer},
};

use super::{TOPIC, api::Api, connected, record, records, report, toml};

#[tokio::test]
async fn a_compressed_body_is_what_it_was_and_no_value_of_it_is_in_an_error() {
    let api = HttpServer::start(|request| {
        if request.method == "HEAD" { HttpReply::status(405, "") } else { HttpReply::status(400, "not with Zanzibar") }
    })
    .unwrap();
    for encoding in ["gzip", "zstd"] {
        let file = format!(
            "[http]\napi.url = '{}'\ncompression = '{encoding}'\n\n[[http.topic_mappings]]\ntopic = '{}'\n\
             subscription = 'http'\n",
            api.url(),
            TOPIC
        );
        let mut sink = connected(&file, &[]).await;
        let payload = r#"{"city":"Zanzibar"}"#;
        let text = report(sink.process_batch(vec![record(0, payload)]).await);
        assert!(text.contains("not with ***"), "{text}");
        let seen = api.requests().pop().unwrap();
        assert_eq!(seen.header("content-encoding"), encoding);
        let mut body = Vec::new();
        match encoding {
            "gzip" => flate2::read::GzDecoder::new(&seen.body[..]).read_to_end(&mut body).unwrap(),
            _ => zstd::Decoder::new(&seen.body[..]).unwrap().read_to_end(&mut body).unwrap(),
        };
        assert_eq!(String::from_utf8(body).unwrap(), payload);
    }
}

#[tokio::test]
async fn requests_that_wait_for_the_limit_are_not_sent_to_a_busy_api() {
    let api = Api::start();
    // The answer is there long before the next request may start.
    let mut sink = connected(&toml(&api, "requests_per_second = 1", ""), &[]).await;
    api.script([HttpReply::status(429, "").header("retry-after", "7")]);
    let text = report(sink.process_batch(records(3)).await);
    assert!(text.contains("retry_after: Some(7s)") && text.contains("not tried by itself"), "{text}");
    assert_eq!(api.requests().len(), 1);
}

/// After an answer that says so, no further request of the batch begins: those that the API has received were in flight at once.
#[tokio::test]
async fn a_busy_api_has_half_as_many_requests_in_flight_and_one_more_after_each_batch_that_it_takes() {
    const LINES: &str = "/default/lines";
    let api = Api::start();
    let lines = format!("[[http.topic_mappings]]\ntopic = '{LINES}'\nsubscription = 'http'\nbody = 'ndjson'");
    let mut sink = connected(&toml(&api, "concurrency = 8", &format!("\n{lines}")), &[]).await;
    let mut requests = async |topic: &str, status: u16| {
        api.always(HttpReply::status(status, ""));
        let before = api.requests().len();
        let record = |offset| SinkRecord::builder(topic).offset(offset).payload("{}").build();
        let answer = sink.process_batch((0..16).map(record).collect()).await;
        assert_eq!(answer.is_ok(), status == 204, "{answer:?}");
        api.requests().len() - before
    };
    api.wait_for(8);
    assert_eq!(requests(TOPIC, 429).await, 8);
    assert_eq!(requests(TOPIC, 429).await, 4);
    // One request for the batch.
    assert_eq!(requests(LINES, 429).await, 1);
    assert_eq!(requests(LINES, 204).await, 1);
    assert_eq!(requests(LINES, 204).await, 1);
    assert_eq!(requests(TOPIC, 429).await, 3);
    assert_eq!(requests(TOPIC, 204).await, 16);
    assert_eq!(requests(TOPIC, 429).await, 2);
}

#[tokio::test]
async fn requests_a_second_are_a_limit_and_what_has_no_time_is_no_failure() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "requests_per_second = 100", ""), &[]).await;
    let start = Instant::now();
    sink.process_batch(records(30)).await.unwrap();
    assert!(start.elapsed().as_millis() >= 290, "{:?}", start.elapsed());
    let mut slow = connected(&toml(&api, "requests_per_second = 1", ""), &[]).await;
    let text = report(slow.process_batch(records(100)).await);
    assert!(text.contains("not tried by itself"), "{text}");
}
