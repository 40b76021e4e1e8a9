//! Errors of the configuration.

use danube_sink::SinkConnector;
use danube_sink_tests::Ca;

use super::{api::Api, load, toml, with};

fn diagnostics(section: &str, mapping: &str, secrets: &[(&'static str, &'static str)]) -> String {
    load(&toml(&Api::start(), section, mapping), &with(secrets)).err().expect("an error")
}

#[test]
fn an_invalid_mapping_is_reported_at_start() {
    for (mapping, message) in [
        ("path = '/{user.id}'", "invalid placeholder: `{user.id}`"),
        ("path = '/{/user'", "invalid placeholder: `{/user`"),
        ("path = '/a}'", "invalid placeholder: `}`"),
        ("path = '/{/a~}'", "invalid placeholder"),
        ("path = '{/host}'", "a path begins with `/` or `?`"),
        ("path = '/a#b'", "has no `#`"),
        ("method = 'GET'", "not `POST`, `PUT`, `PATCH` or `DELETE`"),
        ("headers = { 'x y' = 'a' }", "`headers`: `x y`: its name is not a Header: letters"),
        ("headers = { authorization = 'Bearer {s3cret' }", "`authorization`: its name is not a Header: the client"),
        ("headers = { authorization = 'Bearer {s3cret', n = 1 }", "`n`: expected a string"),
        ("body = 'bytes'\nmetadata = ['topic']", "cannot carry metadata"),
        ("body = 'bytes'\nfields = ['id']", "`fields`: `body = \"bytes\"` cannot carry fields"),
        ("body = 'bytes'\nenvelope = ['{record}']", "`envelope`: `body = \"bytes\"` cannot carry envelope"),
        ("fields = ['id', '/order/id']", "`id` would be written twice"),
        ("fields = { id = 'order.id' }", "not a record field"),
        ("fields = []", "no field is named"),
        ("fields = ['offset']\nmetadata = ['offset']", "`metadata`: `offset` would be written twice"),
        ("metadata = { offset = 'payload' }", "`payload` would be written twice"),
        ("envelope = '{record}'", "expected an array or a table"),
        ("envelope = { source = 'danube' }", "it has nothing of a record"),
        ("envelope = { a = '{record}', b = ['{record}'] }", "the record is in the envelope twice"),
        ("envelope = { event = 'is {record}' }", "invalid placeholder: `{record}`"),
        ("envelope = { event = '{payload}' }", "invalid placeholder: `{payload}`"),
        ("envelope = { event = '{record}', at = 2026-11-28 }", "JSON has no such value"),
        ("envelope = { event = '{record}', n = nan }", "JSON has no such value"),
        ("envelope = { id = '{/id}' }\nfields = ['id']", "what `fields` selects is not in it"),
        ("envelope = { id = '{/id}' }\nmetadata = ['id']", "what `metadata` selects is not in it"),
        (
            "body = 'json_array'\nenvelope = { rows = ['{record}'], id = '{/id}' }",
            "`{/id}` differs between records, and is not in the array of `{record}`",
        ),
        ("body = 'json_array'\nenvelope = { rows = ['{record}'], id = 'x{offset}' }", "`x{offset}` differs"),
        ("metadata = ['id', 'key', 'id']", "`metadata`: `id` would be written twice"),
        ("headers = { X-A = 'a', x-a = 'b' }", "another key has the same meaning"),
        ("answers = { retry = [99] }", "invalid HTTP status"),
        ("answers = { retry = [600] }", "invalid HTTP status"),
        ("answers = { retry = [100] }", "invalid HTTP status"),
        ("answers = { accept = ['6xx'] }", "invalid HTTP status"),
        ("answers = { accept = ['409 '] }", "invalid HTTP status"),
        ("answers = { accept = ['499-400'] }", "invalid HTTP status"),
        ("answers = { accept = [4.09] }", "expected an HTTP status"),
        ("answers = { accept = 409 }", "expected an array"),
        ("answers = { ignore = [409] }", "ignore"),
        ("answers = { accept = [409], reject = [404, '4xx'] }", "`answers`: `reject`: 4xx overlaps 409 of `accept`"),
        ("answers = { fatal = [409, 409] }", "409 overlaps 409 of `fatal`"),
        ("answers = { retry = ['500-504'], fatal = ['504-510'] }", "504-510 overlaps 500-504 of `retry`"),
    ] {
        let text = diagnostics("", mapping, &[]);
        assert!(text.contains(message) && text.contains("test.toml:") && !text.contains("s3cret"), "{mapping}: {text}");
    }
}

#[test]
fn the_entries_of_a_table_are_all_reported() {
    let text = diagnostics("", "headers = { authorization = 'Bearer {s3cret', n = 1 }", &[]);
    for message in ["`authorization`: its name is not a Header", "`n`: expected a string", "2 errors in"] {
        assert!(text.contains(message), "{text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn an_invalid_section_is_reported_at_start() {
    let of_base = |url: &str| {
        let text = format!("[http]\napi.url = '{url}'\n[[http.topic_mappings]]\ntopic = '/default/t'");
        load(&text, &with(&[])).err().expect("an error")
    };
    for url in ["ftp://host", "https://host/?sv=1&sig=hunter2", "https://host/#hunter2", "https://hunter2@host"] {
        let report = of_base(url);
        assert!(report.contains("expected `https://host/path`") && report.contains("`secret_path`"), "{report}");
        assert!(!report.contains("hunter2"), "{report}");
    }
    for section in ["api.username = 'me'", "api.secret_header = 'key'"] {
        assert!(diagnostics(section, "", &[]).contains("set HTTP_SECRET"), "{section}");
    }
    for name in ["authorization", "Content-Type", "host", "content-length"] {
        let text = diagnostics(&format!("idempotency_header = '{name}'"), "", &[]);
        assert!(text.contains("for another purpose") && text.contains("test.toml:3"), "{text}");
    }
    let secret = [("HTTP_SECRET", "s3cret")];
    let text = diagnostics("api.secret_header = 'X-Key'", "headers = { x-key = '{/key}' }", &secret);
    assert!(text.contains("`x-key` is the header of the secret") && text.contains("headers"), "{text}");
    let text = diagnostics("compression = 'gzip'", "headers = { Content-Encoding = 'br' }", &[]);
    assert!(text.contains("`content-encoding` conflicts with `compression`") && text.contains("headers"), "{text}");
    let text = diagnostics("answers = { retry = [409], accept = ['4xx'] }", "", &[]);
    assert!(text.contains("4xx overlaps 409 of `retry`") && text.contains("test.toml:3"), "{text}");
    assert!(diagnostics("idempotency_header = 'a b'", "", &[]).contains("not a HeaderName: invalid HTTP header name"));
}

/// What `initialize` would fail at whenever it is called is found before, as by `check --offline`.
#[test]
fn secrets_and_files_that_can_never_work_are_errors_of_the_configuration() {
    let ca = Ca::new("settings");
    let (own, other) = (ca.issue(&["own"]), ca.issue(&["other"]));
    let text = ca.write("text.pem", "no PEM").display().to_string();
    let certificate = ca.write("own.pem", &own.certificate).display().to_string();
    let key = ca.write("other-key.pem", &other.key).display().to_string();
    let both = ca.write("both.pem", &format!("{}{}", own.certificate, other.key)).display().to_string();
    let oauth2 = "api.oauth2 = { token_url = 'http://localhost/token', client_id = 'me' }";
    for (section, message) in [
        (format!("api.ca_file = '{text}'"), "test.toml:3:15: `api.ca_file`: "),
        ("api.ca_file = 'not/there.pem'".to_owned(), "`api.ca_file`: cannot read not/there.pem"),
        ("api.cert_file = 'not/there.pem'".to_owned(), "test.toml:3:17: `api.cert_file`: cannot read not/there.pem"),
        (format!("api.cert_file = '{certificate}'"), "own.pem contains no PEM private key"),
        (format!("api.cert_file = '{certificate}'"), "help: add the private key to the file, or set `key_file`"),
        (format!("api.cert_file = '{certificate}'\napi.key_file = '{text}'"), "test.toml:4:16: `api.key_file`: "),
        (format!("api.cert_file = '{certificate}'\napi.key_file = '{key}'"), "`api.key_file`: the private key in "),
        (format!("api.cert_file = '{both}'"), "`api.cert_file`: the private key in "),
        (oauth2.to_owned(), "test.toml:3:14: `api.oauth2`: the client secret is not set\n"),
        ("health_path = 'x y'".to_owned(), "test.toml:3:15: `health_path`: invalid path"),
        ("health_path = '/a#b'".to_owned(), "`health_path`: invalid path"),
    ] {
        let text = diagnostics(&section, "", &[]);
        assert!(text.contains(message) && text.contains("1 error in"), "{section}: {text}");
    }
    for (variable, secret) in
        [("HTTP_SECRET", "two\nlines"), ("HTTP_SECRET_PATH", "services/lines"), ("HTTP_SECRET_PATH", "/services#lines")]
    {
        let text = diagnostics("", "", &[(variable, secret)]);
        assert!(text.contains(&format!("variable {variable}: ")) && !text.contains("lines"), "{text}");
    }
    assert!(load(&toml(&Api::start(), "api.username = 'me'", ""), &with(&[("HTTP_SECRET", "two\nlines")])).is_ok());
}

#[tokio::test]
async fn an_api_that_is_away_is_reported_by_initialize() {
    let api = Api::start();
    let failed = async |section: &str, secrets: &[(&'static str, &'static str)]| {
        let (mut sink, core) = load(&toml(&api, section, ""), &with(secrets)).expect("valid");
        sink.initialize(core).await.expect_err("it cannot work").report()
    };
    api.stop();
    api.closed().await;
    let text = failed("", &[]).await;
    assert!(text.contains(&api.url()) && text.contains("`url`") && text.contains("refused"), "{text}");
}
