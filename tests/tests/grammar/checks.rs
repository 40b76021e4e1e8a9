//! Checks of the author's.

use danube_sink::{
    SubscriptionType,
    config::{Diagnostic, Diagnostics, MappingSettings, TlsFiles},
    prelude::*,
};

use crate::everything::{SHORTEST, load, report};

#[test]
fn a_check_of_the_connector_reports_several_keys_with_their_lines() {
    let report = report("copies = 4\nretry.attempts = 10");
    let expected = "error: connector.toml:4:10: `copies`: too few for so many `retry.attempts`
   4 | copies = 4
     |          ^
   help: raise it

error: connector.toml:5:18: `retry.attempts`: too many for so few `copies`
   5 | retry.attempts = 10
     |                  ^^
   help: lower it

2 errors in connector.toml";
    assert_eq!(report, expected);
}

#[test]
fn a_check_of_a_mapping_or_a_table_reports_its_keys_with_their_lines() {
    let text = SHORTEST.replace("target = \"a\"", "target = \"patient\"\nretry = { attempts = 4 }");
    let text = text.replace("[[all", "servers = [{ host = \"a\" }, { host = \"b:80\" }]\n[[all");
    let report = load(&text).map_or_else(|error| error.to_string(), |loaded| format!("no error: {loaded:?}"));
    let expected = "error: connector.toml:4:28: `servers`: a port has no place here
   4 | servers = [{ host = \"a\" }, { host = \"b:80\" }]
     |                            ^^^^^^^^^^^^^^^^^
   help: write another value

error: connector.toml:8:22: `retry.attempts`: too few for a patient table
   8 | retry = { attempts = 4 }
     |                      ^
   help: write 5 or more

2 errors in connector.toml";
    assert_eq!(report, expected);
}

/// A connector with a table that needs one of its two optional keys.
#[sink_connector(section = "guarded", main = false)]
#[derive(Debug)]
pub struct Guarded {
    /// Who writes.
    pub login: Login,
    /// The mappings.
    #[topic_mappings]
    pub topics: TopicMappings,
}

/// Who writes.
#[derive(Debug, Setting)]
#[setting(validate = Self::names_a_user)]
pub struct Login {
    /// A user.
    pub user: Option<String>,
    /// A role.
    pub role: Option<String>,
}

impl Login {
    fn names_a_user(&self) -> Result<(), &'static str> {
        self.user.as_ref().or(self.role.as_ref()).map(drop).ok_or("neither `user` nor `role`")
    }
}

writes_nothing!(Guarded);

#[test]
fn a_missing_table_is_checked_too() {
    let load = |login: &str| {
        let text = format!("[guarded]\n{login}\n[[guarded.topic_mappings]]\ntopic = \"/default/a\"\n");
        let text = format!("danube_service_url = \"http://localhost:6650\"\n{text}");
        crate::load::<Guarded>(&text, &[]).map_err(|error| error.to_string())
    };
    assert_eq!(load("login.role = \"writer\"").expect("a login").connector.login.role.as_deref(), Some("writer"));
    for login in ["", "login = {}"] {
        let report = load(login).expect_err("no user");
        assert!(
            report.contains("`login`: neither `user` nor `role`") && report.contains("connector.toml:"),
            "{report}"
        );
    }
}

/// A connector whose mappings are checked with their common keys.
#[sink_connector(section = "ordered", main = false)]
#[derive(Debug)]
pub struct Ordered {
    /// The mappings.
    #[topic_mappings]
    pub topics: TopicMappings<Order>,
}

/// Whether the order is kept.
#[derive(Debug, TopicMapping)]
#[setting(validate = Self::has_one_consumer)]
pub struct Order {
    /// Keep it.
    #[setting(default = false)]
    pub keep: bool,
}

impl Order {
    fn has_one_consumer(&self, settings: &MappingSettings) -> Result<(), Diagnostic> {
        if self.keep && settings.consumer.subscription_type == SubscriptionType::Shared {
            return Err(Diagnostic::of_key("keep", "a shared subscription has no order", "remove it"));
        }
        Ok(())
    }
}

writes_nothing!(Ordered);

#[test]
fn a_check_of_a_mapping_sees_its_common_keys() {
    let load = |kind: &str| {
        let text = format!(
            "danube_service_url = \"http://localhost:6650\"\n[[ordered.topic_mappings]]\ntopic = \"/default/a\"\nkeep = true\n\
             subscription_type = \"{kind}\"\n"
        );
        crate::load::<Ordered>(&text, &[]).map_err(|error| error.to_string())
    };
    assert!(load("Exclusive").expect("an order").connector.topics.iter().all(|mapping| mapping.own.keep));
    let report = load("Shared").expect_err("no order");
    assert!(report.contains("connector.toml:4:8: `keep`: a shared subscription has no order"), "{report}");
}

/// A connector that wants a secret if it has a user, and a certificate that can be read.
#[sink_connector(section = "locked", validate_external = Self::has_password_and_certificate, main = false)]
#[derive(Debug)]
pub struct Locked {
    /// Who writes.
    pub user: Option<String>,
    /// The password of the user.
    #[setting(secret)]
    pub password: Option<Secret>,
    /// The certificate.
    pub ca_file: Option<PathBuf>,
    /// The mappings.
    #[topic_mappings]
    pub topics: TopicMappings,
}

impl Locked {
    fn has_password_and_certificate(&self) -> Result<(), Diagnostics> {
        let files = TlsFiles { ca_file: self.ca_file.as_deref(), ..TlsFiles::default() };
        let mut found = Diagnostics::default();
        found.keep(files.validate());
        if self.user.is_some() && self.password.is_none() {
            found.push(Diagnostic::of_key("user", "the password is not set", "set LOCKED_PASSWORD"));
        }
        found.into_result()
    }
}

writes_nothing!(Locked);

#[test]
fn a_check_of_secrets_and_files_reports_their_keys_with_their_lines() {
    let text = crate::file("locked", "user = \"a\"\nca_file = \"not/there.pem\"", "");
    let report = crate::report::<Locked>(&text, &[]);
    let expected = [
        "connector.toml:3:8: `user`: the password is not set\n",
        "connector.toml:4:11: `ca_file`: cannot read not/there.pem",
        "2 errors in",
    ];
    assert!(expected.iter().all(|part| report.contains(part)), "{report}");
    let report = crate::report::<Locked>(&text, &[("LOCKED_PASSWORD", "s3cret")]);
    assert!(report.contains("1 error in") && report.contains("`ca_file`"), "{report}");
}
