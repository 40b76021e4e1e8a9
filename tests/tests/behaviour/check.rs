//! The command `check`: validation, warnings, probes, and its options.

mod reported;

use std::{fs, path::PathBuf, process::Output};

use danube_client::{DanubeClient, SchemaType};
use danube_sink_tests::{Broker, topic};
use serde_json::Value;
use tokio::process::Command;

/// Runs `check` with a configuration of this broker; `root` and `mapping` are further lines of it.
async fn check(url: &str, root: &str, topic: &str, mapping: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let file = topic.rsplit('/').next().expect("a name");
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("check-{file}.toml"));
    let text = format!(
        "danube_service_url = \"{url}\"\nmetrics_port = 0\n{root}\n\n[[scripted.topic_mappings]]\ntopic = \"{topic}\"\n{mapping}\n"
    );
    fs::write(&path, text).expect("a folder for temporary files");
    let mut command = Command::new(env!("CARGO_BIN_EXE_scripted"));
    command.arg("check").arg("--config").arg(&path).args(arguments);
    let Output { status, stdout, stderr } = command.output().await.expect("the connector starts");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

fn assert_contains(output: &str, lines: &[&str]) {
    for line in lines {
        assert!(output.contains(line), "`{line}` is not in\n{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_setup_passes_and_no_consumer_attaches() {
    let broker = Broker::start().await;
    let topic = topic("check");
    drop(broker.producer(&topic, "creator", Some(3)).await);
    let client = DanubeClient::builder().service_url(broker.url()).build().await.expect("a client");
    let subject = format!("subject{}", topic.replace('/', "-"));
    let schema = client.schema();
    let registration = schema.register_schema(&subject).with_type(SchemaType::JsonSchema);
    registration.with_schema_data(br#"{"type":"object"}"#).execute().await.expect("a schema");
    let mapping = format!("subscription_type = \"Exclusive\"\nexpected_schema_subject = \"{subject}\"");
    let (code, output) = check(broker.url(), "", &topic, &mapping, &[]).await;
    assert_eq!(code, Some(0), "{output}");
    assert_contains(
        &output,
        &[
            "is valid.\n",
            "ok         initialize\n",
            "ok         health_check\n",
            &format!("ok         broker {}\n", broker.url()),
            &format!("ok         topic {topic}, 3 partitions\n"),
            &format!("ok         schema {subject}, latest version 1, JSON Schema\n"),
            "skipped    subscriptions and the right to consume: attaching would take over",
            "ok         shutdown\n",
        ],
    );
    assert!(!output.contains("warning") && !output.contains("failed"), "{output}");
    if let Some(embedded) = &broker.embedded {
        assert!(embedded.subscription(&format!("{topic}-part-0"), "danube-sink-tests").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failed_probe_is_reported() {
    let broker = Broker::start().await;
    let (there, missing) = (topic("there"), topic("missing"));
    drop(broker.producer(&there, "creator", None).await);
    let mapping = format!(
        "expected_schema_subject = \"not-registered\"\non_invalid_record = \"dead_letter\"\n\
         dead_letter_topic = \"/default/letters\"\n\n[[scripted.topic_mappings]]\ntopic = \"{missing}\""
    );
    let (code, output) = check(broker.url(), "[scripted]\ntarget = \"refuses\"", &there, &mapping, &[]).await;
    assert_eq!(code, Some(1), "{output}");
    assert_contains(
        &output,
        &[
            "failed     initialize: ",
            "the target requires a password",
            "skipped    health_check: `initialize` failed",
            &format!("ok         topic {there}\n"),
            "failed     schema not-registered: ",
            "warning: there is no topic /default/letters for dead letters",
            &format!("failed     topic {missing}: there is no such topic"),
            "error: 3 of 6 probes failed",
        ],
    );
    let (code, output) = check(broker.url(), "[scripted]\ntarget = \"ill\"", &there, "", &[]).await;
    assert_eq!(code, Some(1), "{output}");
    assert_contains(
        &output,
        &["failed     health_check: ", "the target is unhealthy", "ok         shutdown", "1 of 6 probes failed"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_that_a_start_creates_is_a_note() {
    let broker = Broker::start().await;
    for (mapping, partitions) in [("", "without partitions"), ("partitions = 3", "with 3 partitions")] {
        let missing = topic("created");
        let (code, output) = check(broker.url(), "create_topics = true", &missing, mapping, &[]).await;
        assert_eq!(code, Some(0), "{output}");
        let note = format!("note: there is no topic {missing} yet; `run` creates it {partitions} (create_topics)\n");
        assert_contains(&output, &[&note]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_broker_is_one_failure_and_offline_does_not_connect() {
    let topic = topic("nowhere");
    let (code, output) = check("http://127.0.0.1:1", "", &topic, "", &[]).await;
    assert_eq!(code, Some(1), "{output}");
    assert_contains(
        &output,
        &[
            "failed     broker http://127.0.0.1:1: no broker at http://127.0.0.1:1: ",
            "skipped    topics, schemas and subscriptions: the broker does not answer",
            "1 of 5 probes failed",
        ],
    );
    let (code, output) = check("http://127.0.0.1:1", "", &topic, "", &["--offline"]).await;
    assert_eq!(code, Some(0), "{output}");
    assert!(!output.contains("ok ") && !output.contains("failed"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfavorable_setting_is_a_warning() {
    let broker = Broker::start().await;
    let topic = topic("odd");
    drop(broker.producer(&topic, "creator", None).await);
    let root = "tasks = 2\nack_timeout_ms = 1000\n";
    let mapping = "subscription_type = \"FailOver\"\nbatch_size = 20000\nflush_interval_ms = 500";
    let (code, output) = check(broker.url(), root, &topic, mapping, &[]).await;
    assert_eq!(code, Some(0), "{output}");
    assert_contains(
        &output,
        &[
            &format!("warning: {topic}: `batch_size` = 20000 is never reached"),
            "the broker does not make a standby of a Failover subscription the active consumer",
            "`flush_interval_ms` = 500 counts as 250",
            "`write_timeout_ms` = 20000 is not below `ack_timeout_ms` = 1000",
            &format!(
                "warning: tasks = 2, but {topic} has one partition, and the order of each allows one write at a time (Failover)"
            ),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_the_connector_refuses_ends_as_its_start_would() {
    let broker = Broker::start().await;
    let topic = topic("contradicts");
    for format in ["text", "json"] {
        let root = "create_topics = true\n[scripted]\ntarget = \"contradicts\"";
        let (code, output) = check(broker.url(), root, &topic, "", &["--format", format]).await;
        assert_eq!(code, Some(78), "{output}");
        assert_contains(&output, &["the target has no such table"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_option_attach_subscribes() {
    let broker = Broker::start().await;
    let topic = topic("attach");
    drop(broker.producer(&topic, "creator", None).await);
    let (code, output) = check(broker.url(), "", &topic, "subscription = \"tried\"", &["--attach"]).await;
    assert_eq!(code, Some(0), "{output}");
    assert_contains(&output, &[&format!("ok         subscription tried (Shared) of {topic}\n")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_fails_with_deny_warnings() {
    let topic = topic("denied");
    let mapping = "batch_size = 20000";
    let (code, output) = check("http://127.0.0.1:1", "", &topic, mapping, &["--offline"]).await;
    assert_eq!(code, Some(0), "{output}");
    let (code, output) = check("http://127.0.0.1:1", "", &topic, mapping, &["--offline", "--deny-warnings"]).await;
    assert_eq!(code, Some(1), "{output}");
    assert_contains(&output, &["warning: ", "error: --deny-warnings: 1 warning\n"]);
    let (code, output) = check("http://127.0.0.1:1", "", &topic, "", &["--offline", "--deny-warnings"]).await;
    assert_eq!(code, Some(0), "{output}");
    let (code, output) =
        check("http://127.0.0.1:1", "", &topic, "batch_size = 0", &["--offline", "--deny-warnings"]).await;
    assert_eq!(code, Some(78), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn skip_target_calls_no_method_of_the_connector() {
    let broker = Broker::start().await;
    let topic = topic("untouched");
    drop(broker.producer(&topic, "creator", None).await);
    let target = "[scripted]\ntarget = \"refuses\"";
    let (code, output) = check(broker.url(), target, &topic, "", &["--skip-target"]).await;
    assert_eq!(code, Some(0), "{output}");
    assert_contains(
        &output,
        &[
            "skipped    initialize, consumer_configs and health_check: --skip-target\n",
            &format!("ok         topic {topic}\n"),
        ],
    );
    assert!(!output.contains("shutdown"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_environment_needs_no_variables_secrets_and_certificates() {
    let files =
        "tls_ca_file = \"/nowhere/ca.pem\"\ntls_cert_file = \"/nowhere/c.pem\"\ntls_key_file = \"/nowhere/k.pem\"";
    let mapping = "\n[[scripted.topic_mappings]]\ntopic = \"/default/file\"\n";
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("no-environment-{}.toml", std::process::id()));
    let run = async |text: &str, options: &'static [&'static str]| {
        fs::write(&path, text).expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_scripted"));
        command.args(["check", "--config"]).arg(&path).args(options).env("SCRIPTED_PASSWORD_FILE", "/nowhere/password");
        let Output { status, stdout, stderr } = command.output().await.expect("the connector starts");
        (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
    };
    // Neither the broker's URL nor a file is there.
    let (code, output) = run(&format!("{files}\n{mapping}"), &["--offline"]).await;
    assert_eq!(code, Some(78), "{output}");
    let (code, output) = run(&format!("{files}\n{mapping}"), &["--no-environment"]).await;
    assert_eq!(code, Some(0), "{output}");
    assert_contains(
        &output,
        &["reads from the broker of the variable DANUBE_SERVICE_URL:\n", "note: --no-environment: "],
    );
    // The file itself is validated.
    let wrong = format!(
        "danube_service_url = \"localhost\"\n{files}\n[scripted]\ntarget = 3\npassword = \"hunter2\"\n{mapping}"
    );
    let (code, output) = run(&wrong, &["--no-environment"]).await;
    assert_eq!(code, Some(78), "{output}");
    assert_contains(&output, &[".toml:1:22: ", ".toml:6:10: ", "`password` is a secret", "3 errors in "]);
    assert!(!output.contains("hunter2"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_one_object_with_errors_warnings_and_probes() {
    let broker = Broker::start().await;
    let topic = topic("json");
    drop(broker.producer(&topic, "creator", None).await);
    let json = async |root: &str, mapping: &str, options: &[&str]| {
        let options = [&["--format", "json"], options].concat();
        let (code, output) = check(broker.url(), root, &topic, mapping, &options).await;
        (code, serde_json::from_str::<Value>(&output).unwrap_or_else(|error| panic!("{error}: {output}")))
    };
    let (code, object) = json("", "batch_size = 20000", &[]).await;
    assert_eq!(code, Some(0), "{object}");
    assert!(object["file"].as_str().is_some_and(|file| file.ends_with(".toml")), "{object}");
    assert_eq!((&object["errors"], object["warnings"].as_array().map(Vec::len)), (&serde_json::json!([]), Some(1)));
    let probe = |object: &Value, name: &str| {
        let probes = object["probes"].as_array().expect("an array");
        let found = probes.iter().find(|probe| probe["name"] == name).expect("the probe");
        (found["result"].clone(), found["reason"].clone())
    };
    assert_eq!(probe(&object, "initialize"), ("ok".into(), Value::Null));
    assert_eq!(probe(&object, &format!("topic {topic}")), ("ok".into(), Value::Null));
    assert_eq!(probe(&object, "subscriptions and the right to consume").0, "skipped");

    let (code, object) = json("[scripted]\ntarget = \"ill\"", "", &[]).await;
    assert_eq!((code, probe(&object, "health_check")), (Some(1), ("failed".into(), "the target is unhealthy".into())));

    let (code, object) = json("", "batch_size = 20000", &["--deny-warnings"]).await;
    assert_eq!(code, Some(1), "{object}");

    let (code, object) = json("batch_size = 0", "", &[]).await;
    assert_eq!(code, Some(78), "{object}");
    let error = &object["errors"][0];
    assert_eq!((&error["line"], &error["column"]), (&3.into(), &14.into()), "{object}");
    assert!(error["message"].as_str().is_some_and(|text| text.starts_with("`batch_size`: ")), "{object}");
    assert!(error["help"].is_string(), "{object}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_the_spool_is_probed_and_stays_as_it_is() {
    let topic = topic("spooled");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(topic.rsplit('/').next().expect("a name"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let data_dir = folder.join("spool");
    let shown = data_dir.display();
    let root = format!("data_dir = \"{shown}\"\nsync = \"always\"\nspool_max_bytes = 1000000000000000");
    let (code, output) = check("http://127.0.0.1:1", &root, &topic, "batch_size = 20000", &["--skip-target"]).await;
    assert_eq!(code, Some(1), "there is no broker: {output}");
    assert_contains(
        &output,
        &[
            &format!("ok         data_dir {shown}, created at the first start, "),
            "note: sync = \"always\": a sync of this disk takes ",
            "with a broker's window of 10, a mapping takes at most ",
            "warning: spool_max_bytes = 1000000000000000 (909.5 TiB) does not fit on the disk of data_dir: ",
            "note: 0 records wait in the spool, 0 bytes of 909.5 TiB",
            "The spool (data_dir) keeps messages while the target is down or slow",
        ],
    );
    assert!(!output.contains("is never reached"), "{output}");
    assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 0);

    let root = format!("data_dir = \"{shown}\"");
    let arguments = ["--skip-target", "--format", "json"];
    let (_, output) = check("http://127.0.0.1:1", &root, &topic, "", &arguments).await;
    let json: Value = serde_json::from_str(&output).expect("one JSON object");
    assert_eq!((&json["spool"]["records"], &json["probes"][0]["result"]), (&0.into(), &"ok".into()), "{json}");
    assert!(
        json["spool"]["free_bytes"].as_u64() > Some(0) && json["spool"]["sync_micros"].as_u64() > Some(0),
        "{json}"
    );
    assert!(json["notes"].to_string().contains("but not a power loss"), "{json}");

    fs::write(&data_dir, "a file").expect("the folder");
    let (code, output) = check("http://127.0.0.1:1", &root, &topic, "", &["--skip-target"]).await;
    assert_eq!(code, Some(1), "{output}");
    assert_contains(&output, &[&format!("failed     data_dir {shown}: creating {shown}/probe-")]);
    let (code, output) = check("http://127.0.0.1:1", &root, &topic, "", &["--offline"]).await;
    assert_eq!(code, Some(0), "{output}");
    assert!(!output.contains("probe-"), "{output}");
}
