//! Secrets and settings of the environment.

use danube_sink::{
    config::{environment, template},
    prelude::*,
};

use crate::{file, load, report};

/// A connector with variables everywhere.
#[sink_connector(section = "remote", main = false)]
#[derive(Debug)]
pub struct Remote {
    /// A required key that a variable may have too.
    #[setting(env = "REMOTE_URL")]
    pub url: String,
    /// A number with a default.
    #[setting(default = 3, range = 1..=9, env = "REMOTE_RETRIES")]
    pub retries: u8,
    /// A table with secrets and a variable.
    pub login: Login,
    /// A table that may be left out.
    pub backup: Option<Backup>,
    /// Several tables with a secret each.
    #[setting(default = [])]
    pub peers: Vec<Peer>,
    /// The mappings.
    #[topic_mappings]
    pub topics: TopicMappings<Target>,
}

/// A login.
#[derive(Debug, Setting)]
pub struct Login {
    /// The user.
    #[setting(env = "REMOTE_USER")]
    pub user: String,
    /// The password.
    #[setting(secret)]
    pub password: Secret,
    /// A second secret.
    #[setting(secret, env = "SECOND_SECRET")]
    pub second: Option<Secret>,
}

/// A backup.
#[derive(Debug, Setting)]
pub struct Backup {
    /// The key.
    #[setting(secret)]
    pub key: Secret,
}

/// A peer.
#[derive(Debug, Setting)]
pub struct Peer {
    /// The host.
    pub host: String,
    /// The token.
    #[setting(secret)]
    pub token: Secret,
}

/// Where a topic goes.
#[derive(Debug, TopicMapping)]
pub struct Target {
    /// The key of the target.
    #[setting(secret)]
    pub api_key: Secret,
    /// A secret with a variable of its own.
    #[setting(secret, env = "TARGET_SIGNATURE")]
    pub signature: Option<Secret>,
}

writes_nothing!(Remote);

const VARIABLES: &[(&str, &str)] =
    &[("REMOTE_URL", "http://variable"), ("REMOTE_USER", "u"), ("REMOTE_LOGIN_PASSWORD", "p"), ("REMOTE_API_KEY", "k")];

fn exposed(secret: Option<&Secret>) -> Option<&str> {
    secret.map(Secret::expose)
}

#[test]
fn a_table_and_a_mapping_have_secrets() {
    // No key of the section is in the file, and not the table `login` either.
    let connector =
        load::<Remote>(&file("remote", "", ""), VARIABLES).unwrap_or_else(|report| panic!("{report}")).connector;
    assert_eq!((connector.url.as_str(), connector.retries), ("http://variable", 3));
    assert_eq!((connector.login.user.as_str(), connector.login.password.expose()), ("u", "p"));
    assert!(connector.login.second.is_none() && connector.backup.is_none() && connector.peers.is_empty());
    let target = connector.topics.get("/default/a").expect("a mapping");
    assert_eq!((target.api_key.expose(), target.signature.is_none()), ("k", true));
}

#[test]
fn a_key_names_the_variable_of_a_secret() {
    const NAMED: &[(&str, &str)] = &[
        ("REMOTE_USER", "u"),
        ("MAIN_PASSWORD", "p"),
        ("SECOND_SECRET", "s"),
        ("REMOTE_BACKUP_KEY", "b"),
        ("PEER_A", "1"),
        ("PEER_B", "2"),
        ("A_KEY", "k"),
        ("TARGET_SIGNATURE", "t"),
    ];
    let lines = "url = \"http://file\"\nlogin.password_env = \"MAIN_PASSWORD\"\nbackup = {}\n\
                 peers = [{ host = \"a\", token_env = \"PEER_A\" }, { host = \"b\", token_env = \"PEER_B\" }]";
    let loaded = load::<Remote>(&file("remote", lines, "api_key_env = \"A_KEY\""), NAMED);
    let loaded = loaded.unwrap_or_else(|report| panic!("{report}"));
    let connector = &loaded.connector;
    assert_eq!(connector.login.password.expose(), "p");
    assert_eq!(exposed(connector.login.second.as_ref()), Some("s"));
    assert_eq!(exposed(connector.backup.as_ref().map(|backup| &backup.key)), Some("b"));
    let peers: Vec<(&str, &str)> =
        connector.peers.iter().map(|peer| (peer.host.as_str(), peer.token.expose())).collect();
    assert_eq!(peers, [("a", "1"), ("b", "2")]);
    let target = connector.topics.get("/default/a").expect("a mapping");
    assert_eq!((target.api_key.expose(), exposed(target.signature.as_ref())), ("k", Some("t")));
    let effective = loaded.effective.to_string();
    assert!(effective.contains("login.password = ***  # variable MAIN_PASSWORD"), "{effective}");
}

#[test]
fn a_variable_overrides_the_file() {
    const NUMBER: &[(&str, &str)] = &[("REMOTE_RETRIES", "7"), ("REMOTE_LOGIN_PASSWORD", "p"), ("REMOTE_API_KEY", "k")];
    let lines = "url = \"http://file\"\nretries = 2\nlogin.user = \"u\"";
    let connector =
        load::<Remote>(&file("remote", lines, ""), NUMBER).unwrap_or_else(|report| panic!("{report}")).connector;
    assert_eq!((connector.url.as_str(), connector.retries), ("http://file", 7));
    let report = report::<Remote>(
        &file("remote", lines, ""),
        &[("REMOTE_RETRIES", "ten"), ("REMOTE_LOGIN_PASSWORD", "p"), ("REMOTE_API_KEY", "k")],
    );
    assert!(report.contains("variable REMOTE_RETRIES: expected an integer, found a string"), "{report}");
}

#[test]
fn a_missing_value_is_reported_with_its_variable() {
    let report = report::<Remote>(&file("remote", "login = {}\npeers = [{ host = \"a\" }]", ""), &[]);
    for part in [
        "missing key `url` in `[remote]`",
        "help: add `url = …`, or set the variable REMOTE_URL: A required key that a variable may have too",
        "missing secret `password`",
        "help: set the variable REMOTE_LOGIN_PASSWORD, or REMOTE_LOGIN_PASSWORD_FILE to the path of a file with it",
        "set the variable REMOTE_PEERS_TOKEN",
        "set the variable REMOTE_API_KEY",
    ] {
        assert!(report.contains(part), "`{part}` is not in\n{report}");
    }
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_shown() {
    let lines = "url = \"a\"\nlogin = { user = 5, password = \"not-to-be-seen\" }\npeers = [{ host = \"a\", token = \"not-to-be-seen\" }]";
    let report = report::<Remote>(&file("remote", lines, "api_key = \"not-to-be-seen\""), VARIABLES);
    assert!(!report.contains("not-to-be-seen"), "{report}");
    for key in ["password", "token", "api_key"] {
        assert!(report.contains(&format!("`{key}` is a secret and must not be in the file")), "{report}");
    }
}

#[test]
fn the_documents_show_variables() {
    let template = template::<Remote>();
    for part in [
        "Overridden by REMOTE_URL.",
        "set the variable REMOTE_LOGIN_PASSWORD,",
        "set the variable SECOND_SECRET,",
        "set the variable REMOTE_API_KEY,",
        "# Variable that holds `api_key`.",
        "#api_key_env = \"API_KEY\"",
    ] {
        assert!(template.contains(part), "`{part}` is not in\n{template}");
    }
    let connector =
        load::<Remote>(&template, VARIABLES).unwrap_or_else(|report| panic!("{report}\n{template}")).connector;
    assert_eq!(connector.login.password.expose(), "p");
    let variables: Vec<String> = environment::<Remote>().into_iter().map(|(name, _)| name).collect();
    for variable in ["REMOTE_URL", "REMOTE_RETRIES", "REMOTE_USER", "REMOTE_LOGIN_PASSWORD_FILE", "REMOTE_BACKUP_KEY"] {
        assert!(variables.iter().any(|own| own == variable), "{variable} is not in {variables:?}");
    }
}
