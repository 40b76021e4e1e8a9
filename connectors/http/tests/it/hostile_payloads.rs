//! The program with hostile payloads and an API that repeats every request: no output, page or dead letter contains a value.

use std::{
    fs,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, Uri},
};
use danube_sink_tests::{Broker, free_port, get, metric, topic, until};

/// Parts of the values below, none of which the program itself prints.
const VALUES: [&str; 9] =
    ["quagga", "zanzibar", "o'grady", "grady", "lemur", "987654321", "h\u{e4}mmer", "mmer7", "t0psecret"];

/// Payloads whose values need escapes or quotes, or are truncated; some are not JSON.
fn payloads() -> Vec<String> {
    let hostile = [
        "quagga",
        "a\"quagga\"b",
        "{\"zanzibar\":'quagga'}",
        "two\nlemur\r\nlines",
        "o'grady \\ \\\" ${quagga} %s %00",
        "h\u{e4}mmer7 \u{202e}quagga",
        "<zanzibar>&amp;quagga</zanzibar>",
        "../../quagga?zanzibar=1#lemur",
        "\u{0}quagga\u{7}",
    ];
    let long = format!("{}quagga", "x y ".repeat(48));
    let json = |text: &str| serde_json::json!({ "name": text, "ssn": 987_654_321, "tags": [text] }).to_string();
    let documents = hostile.iter().copied().chain([long.as_str()]).map(json);
    let broken =
        ["{\"name\":\"quagga", "{\"name\":\"\\ud83d quagga\"}", "{\"name\":\"zanzibar\",\"ssn\":NaN}", "quagga", ""];
    let pathless = ["{\"name\":{\"zanzibar\":1}}", "{\"name\":\"..\",\"ssn\":987654321}"];
    documents.chain(broken.into_iter().chain(pathless).map(str::to_owned)).collect()
}

/// An API that refuses two of three requests in different ways, and repeats the request.
async fn api() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = Arc::new(AtomicUsize::default());
    let answer = async move |uri: Uri, headers: HeaderMap, body: String| {
        let request = format!("{uri} {headers:?} {body}");
        let escaped =
            serde_json::json!({ "error": request, "escaped": serde_json::json!(body).to_string() }).to_string();
        match requests.fetch_add(1, Ordering::SeqCst) % 6 {
            0 => (StatusCode::UNPROCESSABLE_ENTITY, body),
            1 => (StatusCode::SERVICE_UNAVAILABLE, request),
            3 => (StatusCode::BAD_REQUEST, escaped),
            4 => (StatusCode::FORBIDDEN, escaped.to_uppercase()),
            _ => (StatusCode::OK, body),
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address
}

fn shown_in(what: &str, text: &str) {
    let text = text.to_lowercase();
    let shown: Vec<_> = VALUES.iter().filter(|value| text.contains(**value)).collect();
    assert!(shown.is_empty(), "{shown:?} in {what}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_is_in_logs_metrics_states_or_reasons() {
    for (name, mapping) in [
        ("single", "path = \"/things/{/name}?ssn={/ssn}\"\nheaders = { x-note = \"{/ssn}\" }"),
        ("batch", "body = \"json_array\"\nheaders = { x-note = \"{attribute:note}\" }\nmetadata = [\"id\", \"key\"]"),
        (
            "envelope",
            "body = \"json_array\"\nfields = [\"name\", \"ssn\"]\n\
             envelope = { rows = [{ row = \"{record}\", text = \"{/name} {/ssn}\", tags = \"{/tags}\" }] }",
        ),
        ("exclusive", "body = \"ndjson\"\nsubscription_type = \"Exclusive\""),
    ] {
        run(name, mapping).await;
    }
}

async fn run(name: &str, mapping: &str) {
    let (broker, topic, api) = (Broker::embedded(Default::default()).await, topic(name), api().await);
    let producer = broker.producer(&topic, "p", None).await;
    let free = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let file = format!("{}/hostile-{name}-{}.toml", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    let config = format!(
        "danube_service_url = \"{}\"\nmetrics_port = {}\nlog_level = \"debug\"\nretry_backoff_ms = 10\nmax_backoff_ms = 50\n\
         on_mass_refusal = \"go_on\"\n[http.api]\nurl = \"{api}\"\n[[http.topic_mappings]]\ntopic = \"{topic}\"\n\
         on_invalid_record = \"dead_letter\"\ndead_letter_topic = \"{topic}-letters\"\n{mapping}\n",
        broker.url(),
        free.port()
    );
    fs::write(&file, config).expect("a file");
    let (out, err) = (format!("{file}.out"), format!("{file}.err"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_danube-sink-http"))
        .args(["--config", &file])
        .env("HTTP_SECRET", "t0psecret")
        .stdout(Stdio::from(fs::File::create(&out).expect("a file")))
        .stderr(Stdio::from(fs::File::create(&err).expect("a file")))
        .spawn()
        .expect("it starts");
    let listens = async || tokio::net::TcpStream::connect(free).await.is_ok();
    until("the endpoint", listens).await;
    until("readiness", async || get(free, "/ready").await.0 == 200).await;
    let payloads = payloads();
    let seen = Mutex::new(String::new());
    for payload in &payloads {
        let note = [("note".to_owned(), "quagga\nzanzibar".to_owned())].into();
        producer.send(payload.clone().into_bytes(), Some(note)).await.expect("a confirmation");
    }
    let settled = async || {
        for page in ["/ready", "/status", "/metrics"] {
            let page = get(free, page).await.1;
            seen.lock().expect("whole").push_str(&page);
        }
        metric(free, "danube_sink_settle_records_total").await >= payloads.len() as f64
    };
    until("all settled", settled).await;
    assert!(Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().expect("kill").success());
    assert!(child.wait().expect("an end").success());

    shown_in("the pages", &seen.into_inner().expect("whole"));
    shown_in("stdout", &fs::read_to_string(out).expect("stdout"));
    let log = fs::read_to_string(err).expect("stderr");
    shown_in("the log", &log);
    let letters = broker.embedded.as_ref().expect("an embedded broker").messages(&format!("{topic}-letters"));
    assert!(letters.len() >= 5, "the payloads that are no JSON, and more: {}", letters.len());
    for letter in letters {
        let reason = &letter.attributes["x-failure-reason"];
        shown_in("a dead letter's reason", reason);
        assert!(
            ["422", "400", "403", "JSON", "surrogate", "a number", "no value for `/", "{/", "{attribute"]
                .iter()
                .any(|part| reason.contains(part)),
            "{reason}"
        );
    }
}
