//! Settings that contradict each other, and credentials.

use danube_sink::testing::{HttpReply, HttpServer, from_toml, from_toml_with};

use super::{Opensearch, connector, initialize};

fn refused(connector: &str, mapping: &str) -> String {
    let text = format!(
        "[opensearch]\napi.url = 'http://localhost'\n{connector}\n[[opensearch.topic_mappings]]\n\
         topic = '/default/t'\nsubscription = 's'\n{}{mapping}",
        if mapping.contains("index = ") { "" } else { "index = 'i'\n" }
    );
    from_toml::<Opensearch>(&text).err().expect("an error").to_string()
}

#[test]
fn contradictions_are_errors_of_the_configuration() {
    for (mapping, key) in [
        ("operation = '/op'", "operation"),
        ("operation = '/op'\nid = '{key}'\ndata_stream = true", "operation"),
        ("version = 'offset'", "version"),
        ("version = 'offset'\nid = '{key}'\nop_type = 'create'", "version"),
        ("version = 'topic'\nid = '{key}'", "version"),
        ("fields = { a = '/a' }\nmetadata = { offset = 'a' }", "metadata"),
        ("index_template = { name = 'a', file = 'a.json', fields = { a = 'long' } }", "file"),
        ("time_unit = 's'", "made from the mapping"),
        ("time_unit = 's'\nindex_template = { name = 'a', file = 'a.json' }", "made from the mapping"),
        ("time_unit = 'us'\nindex_template = { name = 'a' }", "numbers that count microseconds"),
        ("index = '{attribute:tenant}'\nindex_template = { name = 'a' }", "the indexes of others"),
        ("index = '{attribute:tenant}-a'\nindex_template = { name = 'a' }", "the indexes of others"),
        ("index = '.{attribute:tenant}'\nindex_template = { name = 'a' }", "the indexes of others"),
    ] {
        let report = refused("", mapping);
        assert!(report.contains(key), "{mapping}: {report}");
    }
    assert!(refused("api.username = 'elastic'", "").contains("`api.username`: the password is not set"));
    for wrong in ["hosts = ['https://user:s3cret@host']", "hosts = ['ftp://host']"] {
        let report = refused(wrong, "");
        assert!(!report.contains("s3cret"), "{wrong}: {report}");
    }
}

/// An API key is sent as it is, and a client secret is not.
#[test]
fn an_api_key_is_no_client_secret() {
    let text = "[opensearch.api]\nurl = 'http://localhost'\noauth2 = { token_url = 'http://localhost', client_id = 'me' }\n\
                [[opensearch.topic_mappings]]\ntopic = '/default/t'\nsubscription = 's'\nindex = 'i'\n";
    let load = |variable| from_toml_with::<Opensearch>(text, &[(variable, "s3cret")]).map(drop);
    let report = load("OPENSEARCH_API_KEY").expect_err("no client secret").to_string();
    assert!(report.contains("OPENSEARCH_API_KEY") && report.contains("set OPENSEARCH_TOKEN"), "{report}");
    load("OPENSEARCH_TOKEN").expect("a client secret");
}

#[test]
fn an_api_key_has_its_own_header() {
    let text = "[opensearch.api]\nurl = 'http://localhost'\nsecret_header = 'x-key'\n\
                [[opensearch.topic_mappings]]\ntopic = '/default/t'\nsubscription = 's'\nindex = 'i'\n";
    let load = |variable| from_toml_with::<Opensearch>(text, &[(variable, "s3cret")]).map(drop);
    let report = load("OPENSEARCH_API_KEY").expect_err("two headers").to_string();
    assert!(report.contains("`api.secret_header`: OPENSEARCH_API_KEY is set"), "{report}");
    load("OPENSEARCH_TOKEN").expect("a token");
}

#[tokio::test]
async fn each_credential_has_its_header() {
    const ROOT: &str = r#"{"version":{"number":"9"}}"#;
    let answer = || HttpServer::start(|_| HttpReply::status(200, ROOT)).expect("a free port");
    for expected in ["Basic ZWxhc3RpYzpzM2NyZXQ=", "ApiKey s3cret", "Bearer s3cret"] {
        let (server, secret) = (answer(), Some(danube_sink::Secret::new("s3cret")));
        let mut connector = connector(&server.url(), "index = 'i-{/a}'");
        match expected.split(' ').next() {
            Some("Basic") => {
                connector.api.username = Some("elastic".to_owned());
                connector.password = secret;
            }
            Some("ApiKey") => connector.api_key = secret,
            _ => connector.token = secret,
        }
        initialize(&mut connector).await.expect("the script");
        assert_eq!(server.requests()[0].header("authorization"), expected);
    }
}
