//! Which step reports an error: the start, or `check`.

use super::*;

/// Which step reports an error.
#[derive(Debug, PartialEq)]
enum ReportedBy {
    /// The loading of the configuration, with which every command begins: exit code 78.
    Start,
    /// The probes of `check`: exit code 1.
    Check,
}

/// Errors that a build cannot find: in the environment, in files of another machine, at the broker, at the target. (The tests
/// of `danube-sink-config` compare what build and start report of a file.)
#[tokio::test(flavor = "multi_thread")]
async fn errors_are_found_before_any_record_is_delivered() {
    let broker = Broker::start().await;
    let (url, there) = (broker.url(), topic("reported"));
    drop(broker.producer(&there, "creator", None).await);
    let https = "https://127.0.0.1:1";
    let no_variables: &[(&str, &str)] = &[];
    let cases = [
        ("no address", "", no_variables, ReportedBy::Start, "missing key `danube_service_url`"),
        ("an empty address", "", &[("DANUBE_SERVICE_URL", "")], ReportedBy::Start, "missing key `danube_service_url`"),
        (
            "no scheme",
            "",
            &[("DANUBE_SERVICE_URL", "localhost:6650")],
            ReportedBy::Start,
            "variable DANUBE_SERVICE_URL: the URL of a broker begins with",
        ),
        (
            "an invalid URL",
            "",
            &[("DANUBE_SERVICE_URL", "::")],
            ReportedBy::Start,
            "variable DANUBE_SERVICE_URL: not a URL",
        ),
        ("no host", "", &[("DANUBE_SERVICE_URL", "http://")], ReportedBy::Start, "not a URL: it names no host"),
        (
            "a blank name",
            "",
            &[("DANUBE_SERVICE_URL", url), ("CONNECTOR_NAME", " ")],
            ReportedBy::Start,
            "variable CONNECTOR_NAME",
        ),
        (
            "a secret twice",
            "",
            &[("DANUBE_SERVICE_URL", url), ("SCRIPTED_PASSWORD", "a"), ("SCRIPTED_PASSWORD_FILE", "b")],
            ReportedBy::Start,
            "both SCRIPTED_PASSWORD and SCRIPTED_PASSWORD_FILE are set",
        ),
        (
            "a missing secret file",
            "",
            &[("DANUBE_SERVICE_URL", url), ("SCRIPTED_PASSWORD_FILE", "/nowhere/password")],
            ReportedBy::Start,
            "cannot read `/nowhere/password`, which the variable SCRIPTED_PASSWORD_FILE names",
        ),
        (
            "a missing CA file",
            "tls_ca_file = \"/nowhere/ca.pem\"",
            &[("DANUBE_SERVICE_URL", https)],
            ReportedBy::Start,
            "`tls_ca_file`: cannot read /nowhere/ca.pem",
        ),
        (
            "a certificate without its key",
            "tls_cert_file = \"/nowhere/c.pem\"",
            &[("DANUBE_SERVICE_URL", https)],
            ReportedBy::Start,
            "`tls_key_file` is missing",
        ),
        (
            "certificates without TLS",
            "tls_ca_file = \"/nowhere/ca.pem\"",
            &[("DANUBE_SERVICE_URL", url)],
            ReportedBy::Start,
            "begins with `http`, without TLS",
        ),
        (
            "a token without TLS",
            "",
            &[("DANUBE_SERVICE_URL", url), ("DANUBE_TOKEN", "a.b.c")],
            ReportedBy::Start,
            "a token is set (DANUBE_TOKEN or DANUBE_TOKEN_FILE)",
        ),
        (
            "an invalid token",
            "",
            &[("DANUBE_SERVICE_URL", https), ("DANUBE_TOKEN", "hunter2")],
            ReportedBy::Start,
            "the token is not a JWT",
        ),
        (
            "a missing token file",
            "",
            &[("DANUBE_SERVICE_URL", https), ("DANUBE_TOKEN_FILE", "/nowhere/token")],
            ReportedBy::Start,
            "cannot read the token file /nowhere/token",
        ),
        (
            "an invalid level",
            "log_level = \"loud\"",
            &[("DANUBE_SERVICE_URL", url)],
            ReportedBy::Start,
            "`log_level`: invalid log level",
        ),
        (
            "no broker",
            "",
            &[("DANUBE_SERVICE_URL", "http://127.0.0.1:1")],
            ReportedBy::Check,
            "no broker at http://127.0.0.1:1",
        ),
        (
            "no target",
            "[scripted]\ntarget = \"refuses\"",
            &[("DANUBE_SERVICE_URL", url)],
            ReportedBy::Check,
            "failed     initialize: ",
        ),
        (
            "an unhealthy target",
            "[scripted]\ntarget = \"ill\"",
            &[("DANUBE_SERVICE_URL", url)],
            ReportedBy::Check,
            "failed     health_check",
        ),
    ];
    for (number, (what, root, variables, expected, words)) in cases.into_iter().enumerate() {
        let path =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("reported-{}-{number}.toml", std::process::id()));
        fs::write(&path, format!("{root}\n\n[[scripted.topic_mappings]]\ntopic = \"{there}\"\n")).expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_scripted"));
        command.args(["check", "--config"]).arg(&path).envs(variables.iter().copied());
        let Output { status, stdout, stderr } = command.output().await.expect("the connector starts");
        let output = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        let by = match status.code() {
            Some(78) => ReportedBy::Start,
            Some(1) => ReportedBy::Check,
            other => panic!("{what}: exit code {other:?}\n{output}"),
        };
        println!("{what}: reported by {by:?}");
        assert!(output.contains(words), "{what}: `{words}` is not in\n{output}");
        assert_eq!(by, expected, "{what}:\n{output}");
        assert!(!output.contains("hunter2"), "{output}");
    }
}
