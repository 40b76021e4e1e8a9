//! The meaning of each status, by the parts of the request that contain values of the record.

use danube_sink::{ConnectorError, SinkConnector, SinkRecord, testing::HttpReply};

use super::{TOPIC, api::Api, connected, records, report, toml};

/// The statuses of `api_state` are retried, the records of the others rejected.
async fn judged(mapping: &str, api_state: &[u16], of_the_record: &[u16]) {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", mapping), &[]).await;
    for (statuses, is_retried) in [(api_state, true), (of_the_record, false)] {
        for status in statuses {
            api.always(HttpReply::status(*status, "say what you like"));
            let text = report(sink.process_batch(records(1)).await);
            assert_eq!(text.contains("tried: true"), is_retried, "{mapping}: {text}");
            assert_eq!(text.contains("rejected: []"), is_retried, "{mapping}: {text}");
            assert!(text.contains(&status.to_string()), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_on_a_constant_path_is_about_the_api() {
    let states = [
        402, 403, 404, 405, 406, 408, 410, 411, 414, 415, 417, 421, 423, 425, 426, 428, 429, 431, 451, 500, 501, 505,
        511,
    ];
    judged("path = '/things'", &states, &[400, 409, 412, 413, 416, 418, 422, 424, 444, 499]).await;
    judged("path = '/{topic}'", &states, &[400, 409]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_on_a_path_with_values_of_the_record_may_be_about_the_record() {
    let states = [402, 403, 406, 408, 411, 415, 417, 421, 423, 425, 426, 428, 429, 500, 501, 505];
    judged("path = '/things/{/number}'", &states, &[400, 404, 405, 409, 410, 413, 414, 422, 431, 451]).await;
    judged("path = '/things?n={offset}'", &states, &[404]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_on_a_method_or_header_of_the_record_may_be_about_the_record() {
    let api = Api::start();
    let mapping = "method = '{attribute:m}'\nheaders = { content-type = '{attribute:t}' }";
    let mut sink = connected(&toml(&api, "", mapping), &[]).await;
    let record = || {
        let record = SinkRecord::builder(TOPIC).payload("{}").attribute("m", "DELETE").attribute("t", "text/x");
        vec![record.build()]
    };
    for status in [405, 406, 415, 428, 431] {
        api.always(HttpReply::status(status, ""));
        let text = report(sink.process_batch(record()).await);
        assert!(text.contains("retry: []") && text.contains(&status.to_string()), "{text}");
    }
    api.always(HttpReply::status(404, ""));
    let text = report(sink.process_batch(record()).await);
    assert!(text.contains("rejected: []"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_is_halved_and_one_for_which_the_api_is_not_ready_is_retried_whole() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", "body = 'ndjson'"), &[]).await;
    api.always(HttpReply::status(413, ""));
    let answer = sink.process_batch(records(9)).await;
    assert!(matches!(answer, Err(ConnectorError::Refused { .. })), "{answer:?}");
    api.always(HttpReply::status(404, ""));
    let answer = sink.process_batch(records(9)).await;
    assert!(matches!(answer, Err(ConnectorError::Retryable { .. })), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_success_is_taken_and_the_body_of_a_207_is_not_read() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", ""), &[]).await;
    for status in [200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 299] {
        let no_body = matches!(status, 204 | 205);
        api.always(HttpReply::status(status, if no_body { "" } else { r#"{"errors":true}"# }));
        sink.process_batch(records(3)).await.unwrap_or_else(|error| panic!("{status}: {error:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_the_mapping_have_precedence_over_those_of_the_connector() {
    let api = Api::start();
    let section = "answers = { accept = [409, '410-411'], fatal = ['5xx'], reject = [207] }";
    let mapping = "answers = { retry = ['400-403'], reject = [404, 500], accept = [405], fatal = [422] }";
    let mut sink = connected(&toml(&api, section, mapping), &[]).await;
    for (status, means) in [
        (409, "taken"),
        (410, "taken"),
        (411, "taken"),
        (405, "taken"),
        (400, "retried"),
        (401, "retried"),
        (403, "retried"),
        (404, "rejected"),
        (500, "rejected"),
        (207, "rejected"),
        (501, "fatal"),
        (422, "fatal"),
        (406, "retried"),
        (301, "fatal"),
    ] {
        api.always(HttpReply::status(status, ""));
        let outcome = match sink.process_batch(records(1)).await {
            Ok(()) => "taken",
            Err(ConnectorError::Fatal { .. }) => "fatal",
            Err(error) => match report(Err(error)).contains("rejected: []") {
                true => "retried",
                false => "rejected",
            },
        };
        assert_eq!(outcome, means, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_in_the_health_check_ends_the_start() {
    let api = Api::start();
    for status in [401, 407] {
        api.head(status);
        let (mut sink, core) = super::load(&toml(&api, "", ""), &super::with(&[("HTTP_SECRET", "s3cret")])).unwrap();
        let error = sink.initialize(core).await.expect_err("refused");
        assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
        let text = error.report();
        for part in [&status.to_string(), "HTTP_SECRET", "health_path"] {
            assert!(text.contains(part) && !text.contains("s3cret"), "no {part} in {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_path_that_the_api_does_not_have_ends_the_start_and_is_unhealthy_later() {
    let api = Api::start();
    let (text, secrets) = (toml(&api, "health_path = '/alive'", ""), [("HTTP_SECRET_PATH", "/s3cret")]);
    for status in [200, 204, 301, 400, 418, 500, 501, 505] {
        api.head(status);
        connected(&text, &secrets).await.health_check().await.unwrap_or_else(|error| panic!("{status}: {error:?}"));
    }
    let running = connected(&text, &secrets).await;
    for status in [403, 404, 405] {
        api.head(status);
        let (mut sink, core) = super::load(&text, &super::with(&secrets)).unwrap();
        let error = sink.initialize(core).await.expect_err("not healthy");
        assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
        let (text, head) = (error.report(), format!("HEAD {}/alive was answered {status}", api.url()));
        assert!(text.contains(&head) && text.contains("`health_path`") && !text.contains("s3cret"), "{text}");
        let answer = running.health_check().await;
        assert!(matches!(answer, Err(ConnectorError::Retryable { .. })), "{status}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_answer_to_the_health_check_is_healthy_but_unavailable_and_unauthorized() {
    let api = Api::start();
    for status in [200, 204, 301, 400, 403, 404, 405, 418, 500, 501, 505] {
        api.head(status);
        let sink = connected(&toml(&api, "", ""), &[]).await;
        sink.health_check().await.unwrap_or_else(|error| panic!("{status}: {error:?}"));
    }
    let sink = connected(&toml(&api, "", ""), &[]).await;
    for status in [408, 425, 429, 502, 503, 504] {
        api.head(status);
        let answer = sink.health_check().await;
        assert!(matches!(answer, Err(ConnectorError::Retryable { .. })), "{status}: {answer:?}");
    }
    for status in [401, 407] {
        api.head(status);
        let answer = sink.health_check().await;
        assert!(matches!(answer, Err(ConnectorError::Fatal { .. })), "{status}: {answer:?}");
    }
}
