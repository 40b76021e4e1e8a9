//! An API that repeats the request: no value of it is in an error, which logs and dead letters show.

use danube_sink::{SinkConnector, SinkRecord, testing::HttpRequest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    TOPIC,
    api::{Api, repeat},
    connected, report, toml,
};

/// A value whose words may not be shown.
const NAME: &str = "Grace \"Amazing\" {Hopper}\nof 'Yale' & <Vassar> 100% müller\\neumann";
const WORDS: [&str; 11] =
    ["grace", "amazing", "hopper", "yale", "vassar", "ller", "neumann", "zebra", "opossum", "1906", "7.25"];

fn record() -> SinkRecord {
    let payload = serde_json::json!({ "name": NAME, "born": 1906, "price": 7.25, "pets": ["zebra"] }).to_string();
    SinkRecord::builder(TOPIC).payload(payload).attribute("tenant", "opossum").key("zebra").build()
}

fn json(text: &str) -> String {
    serde_json::json!({ "error": text }).to_string()
}

/// The ways in which APIs repeat values of a request.
const ECHOES: [fn(&HttpRequest) -> String; 14] = [
    |seen| format!("cannot parse {}", seen.text()),
    |seen| json(&seen.text()),
    |seen| json(&json(&seen.text())),
    |seen| format!("cannot parse '{NAME}' of {}", seen.uri),
    |_| NAME.to_uppercase(),
    |_| json(NAME),
    |_| format!("<p>{}</p>", NAME.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")),
    |_| utf8_percent_encode(NAME, NON_ALPHANUMERIC).to_string(),
    |_| NAME.replace(' ', "+"),
    |seen| format!("tenant {} of {} is unknown", seen.header("x-tenant"), seen.uri),
    // Cut in the middle of a value, by the excerpt and by the API.
    |_| format!("{}{NAME}", "x ".repeat(94)),
    |_| "the value 'Amaz...' is too long, as is 'Hopp".to_owned(),
    |seen| base64(&seen.body),
    |_| NAME.chars().flat_map(|letter| [letter, '\n']).collect(),
];

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encode = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let letters = (0..=chunk.len()).map(|place| char::from(LETTERS[(bits >> (18 - 6 * place) & 63) as usize]));
        letters.collect::<String>()
    };
    bytes.chunks(3).map(encode).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_a_record_is_in_the_error_however_the_api_repeats_it() {
    let mappings = [
        "path = '/{/name}?born={/born}'\nheaders = { x-tenant = '{attribute:tenant}' }",
        "path = '/{/name}'\nbody = 'ndjson'\nheaders = { x-tenant = '{attribute:tenant}' }\nmetadata = ['key']",
        "body = 'bytes'\nheaders = { x-tenant = '{attribute:tenant}' }",
    ];
    for mapping in mappings {
        let api = Api::start();
        let mut sink = connected(&toml(&api, "", mapping), &[]).await;
        for status in [301, 401, 403, 422, 503] {
            for (number, echo) in ECHOES.into_iter().enumerate() {
                api.always(repeat(status, echo));
                let text = report(sink.process_batch(vec![record()]).await).to_lowercase();
                let shown: Vec<_> = WORDS.iter().filter(|word| text.contains(**word)).collect();
                assert!(shown.is_empty(), "{shown:?} of echo {number} in {text}");
                let encoded = base64(&record().bytes()[..]).to_lowercase();
                assert!(!text.contains(&encoded[..16]), "echo {number}: {text}");
                assert!(text.contains(&status.to_string()), "{text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apis_own_words_are_shown() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", ""), &[]).await;
    api.always(repeat(422, |seen| format!("{{\"error\":\"the field is required\",\"got\":{}}}", seen.text())));
    let text = report(sink.process_batch(vec![record()]).await);
    assert!(text.contains("the field is required"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_show_payload_in_errors_the_answer_is_shown_as_it_is() {
    let api = Api::start();
    let secret = [("HTTP_SECRET", "t0p\"secret/%")];
    let mut sink = connected(&toml(&api, "", "show_payload_in_errors = true"), &secret).await;
    api.always(repeat(422, |seen| format!("no {} by {}", seen.text(), seen.header("authorization"))));
    let text = report(sink.process_batch(vec![super::record(1, r#"{"number":1}"#)]).await);
    assert!(text.contains(r#"no {\"number\":1} by Bearer ***"#), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_credential_is_not_shown_however_the_api_repeats_it() {
    const SECRET: &str = "t0p\"secret/%";
    let echoes: [fn(&HttpRequest) -> String; 6] = [
        |seen| seen.header("authorization").to_owned(),
        |seen| json(seen.header("authorization")),
        |seen| json(seen.header("authorization")).replace('/', "\\/"),
        |seen| utf8_percent_encode(seen.header("authorization"), NON_ALPHANUMERIC).to_string(),
        |seen| base64(seen.header("authorization").trim_start_matches("Bearer ").as_bytes()),
        |seen| json(&json(seen.header("authorization"))),
    ];
    for mapping in ["", "show_payload_in_errors = true"] {
        let api = Api::start();
        let mut sink = connected(&toml(&api, "", mapping), &[("HTTP_SECRET", SECRET)]).await;
        for status in [301, 401, 403, 422, 503] {
            for (number, echo) in echoes.into_iter().enumerate() {
                api.always(repeat(status, echo));
                let text = report(sink.process_batch(super::records(1)).await);
                let encoded = base64(SECRET.as_bytes());
                for shown in ["t0p", "secret", &encoded, &encoded[..encoded.len() - 2]] {
                    assert!(!text.contains(shown), "{shown} of echo {number} in {text}");
                }
            }
        }
    }
}
