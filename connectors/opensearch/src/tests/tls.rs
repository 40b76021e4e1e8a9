//! Certificates.

use danube_sink_tests::{Ca, TlsProxy, until};

use super::{Process, connector, initialize, records, write};

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_behind_tls_gets_the_client_certificate() {
    let (server, ca) = (Process::shared(), Ca::new("opensearch-mtls"));
    let front = TlsProxy::to(server.address(), &ca, true).await;
    let connector = |files: &str| {
        let api = format!("{}', ca_file = '{}{files}", front.url, ca.file().display());
        connector(&api, "index = 'mtls'\nid = '{id}'")
    };
    let is_refused = async || {
        let error = initialize(&mut connector("")).await.expect_err("no client certificate");
        // Sometimes the connection breaks before the reason is read.
        error.report().contains("correct `cert_file`")
    };
    until("the reason", is_refused).await;
    let identity = ca.issue(&["connector"]);
    let [certificate, key] = [("its.pem", &identity.certificate), ("its-key.pem", &identity.key)]
        .map(|(name, text)| ca.write(name, text).display().to_string());
    let mut trusted = connector(&format!("', cert_file = '{certificate}', key_file = '{key}"));
    initialize(&mut trusted).await.expect("its client certificate is known");
    write(&mut trusted, records(["{}", "{}"])).await.expect("documents");
    assert_eq!(server.documents("mtls").len(), 2);
}
