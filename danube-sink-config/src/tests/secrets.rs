//! Secrets come from the environment, and show nowhere.

use std::fs;

use super::*;

#[test]
fn a_secret_in_the_file_is_refused_and_not_shown() {
    for line in [
        "token = \"hunter2\"",
        "token = \"\"\"\nhunter2\n\"\"\"",
        "tokn = \"hunter2\"",
        "api_token = \"hunter2\"",
        "token = \"hunter2",
        "token = hunter2",
        "token = 'hunter2' 3",
        "\"token\" = \"hunter2\" nonsense",
        "token = [\n \"hunter2\", }\n]",
        "proxi = \"http://me:hunter2@proxy:3128\"",
        "proxi = \"http://proxy:3128?sig=hunter2\"",
        "proxi = \"http://me:pa/ss?#hunter2@proxy:3128\"",
    ] {
        let text = GOOD.replace("base_url =", &format!("{line}\nbase_url ="));
        let error = load(&text).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    let report = report(&GOOD.replace("base_url =", "token = \"hunter2\" # oops\nbase_url ="));
    let expected = "error: connector.toml:6:1: `token` is a secret and must not be in the file
   6 | token = *** # oops
     | ^^^^^
   help: remove it, and set the variable HTTP_SINK_TOKEN, or HTTP_SINK_TOKEN_FILE to the path of a file with it

1 error in connector.toml";
    assert_eq!(report, expected);
}

#[test]
fn a_secret_comes_from_one_variable_or_one_file() {
    let path = std::env::temp_dir().join(format!("danube-sink-secret-{}", std::process::id()));
    fs::write(&path, "from file\n").unwrap();
    let file: &'static str = Box::leak(path.display().to_string().into_boxed_str());
    let by_file: &'static [_] = Box::leak(Box::new([("HTTP_SINK_TOKEN_FILE", file)]));
    assert_eq!(load_in(GOOD, by_file).unwrap().connector.token.expose(), "from file");
    let both: &'static [_] = Box::leak(Box::new([("HTTP_SINK_TOKEN_FILE", file), ("HTTP_SINK_TOKEN", "s3cret")]));
    let report = load_in(GOOD, both).unwrap_err().to_string();
    assert!(report.contains("both HTTP_SINK_TOKEN and HTTP_SINK_TOKEN_FILE are set"), "{report}");
    assert!(!report.contains("s3cret"));
    fs::remove_file(path).unwrap();

    let report = load_in(GOOD, &[("HTTP_SINK_TOKEN", "")]).unwrap_err().to_string();
    assert!(report.contains("missing secret `token`\n   help: set the variable HTTP_SINK_TOKEN, or"), "{report}");
}

#[test]
fn an_empty_secret_file_is_an_error() {
    let folder = std::env::temp_dir().join(format!("danube-sink-empty-secret-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("token");
    let environment = |name: &str| match name {
        "HTTP_SINK_TOKEN_FILE" => Some(file.clone().into_os_string()),
        _ => None,
    };
    let load = || load_text_for::<HttpSink>(ExternalChecks::SKIP, Path::new("connector.toml"), GOOD, &environment);
    for text in ["", "\n", "\r\n"] {
        fs::write(&file, text).unwrap();
        let report = load().unwrap_err().to_string();
        assert!(report.contains("which the variable HTTP_SINK_TOKEN_FILE names, is empty\n"), "{report}");
        assert!(report.contains("help: write the secret into it"), "{report}");
    }
    fs::write(&file, "s3cret\r\n").unwrap();
    assert_eq!(load().unwrap().connector.token.expose(), "s3cret");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_secret_does_not_print() {
    let loaded = load(GOOD).unwrap();
    assert!(!format!("{loaded:?}").contains("s3cret"));
}
