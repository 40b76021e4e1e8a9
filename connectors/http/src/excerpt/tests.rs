use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use reqwest::{Method, Url, header::HeaderValue};

use super::*;

fn sent(path: &str, header: &str, body: &str) -> Sent {
    let mut url: Url = "http://host/things".parse().unwrap();
    url.path_segments_mut().unwrap().push(path);
    let mut request = Request::new(Method::POST, url);
    request.headers_mut().insert("x-note", HeaderValue::try_from(header).unwrap());
    *request.body_mut() = Some(body.to_owned().into());
    Sent::of(&request)
}

fn json(text: &str) -> String {
    format!("{text:?}").replace("\\'", "'").replace("\\u{", "\\\\u{")
}

#[test]
fn the_words_of_the_api_are_shown() {
    let sent = sent("7", "me", r#"{"name":"Ada","born":1815}"#);
    let words = |text: &str| sent.words_without(text, 200);
    assert_eq!(words("The field is required."), "The field is required.");
    assert_eq!(words("{\"error\":\n{\"reason\":\"QUOTA exceeded\"}}"), r#"{"error": {"reason":"QUOTA exceeded"}}"#);
    assert_eq!(words("Ada, born in 1815, is no user"), "***, *** in ***, is no user");
    assert_eq!(words("the key a7 of x.y at 10:30 is unkNown"), "the key *** of *** at ***:*** is ***");
    assert_eq!(words("one two three"), "one two three");
    assert_eq!(sent.words_without("one two three", 8), "one two");
    assert_eq!(words(&format!("too {}", "x".repeat(60_000))), "too");
    assert_eq!(words(&format!("too {}", "x".repeat(60))), "too ***");
    assert_eq!(Sent::default().words_without("", 200), "");
}

#[test]
fn parts_and_escapes_of_what_was_sent_are_hidden() {
    let sent = sent("Hedy Lamarr", "Zoë Quagga", r#"{"pet":"two\nlemurs","\u0063ity":"V\u0069enna"}"#);
    for (text, hidden) in [
        ("LAMARR", "lamarr"),
        ("Lamar...", "lamar"),
        ("Hedy%20Lamarr", "lamarr"),
        ("quaggas", "quagga"),
        ("xlemursy", "lemurs"),
        ("Vienna", "vienna"),
        ("city", "city"),
        ("V i e n n a", "i e"),
    ] {
        let words = sent.words_without(text, 200).to_lowercase();
        assert!(!words.contains(hidden), "{text}: {words}");
    }
}

/// Words of a value that could be recognized: three letters or a digit.
fn words_of(value: &str) -> Vec<String> {
    let parts = value.split(|letter: char| !letter.is_ascii_alphanumeric());
    parts.filter(|part| part.len() >= PART).map(str::to_ascii_lowercase).collect()
}

proptest! {
    #[test]
    fn no_value_is_shown_however_it_is_repeated(
        value in "[a-zA-Z0-9 \"\\\\{}'%&<>\n/.äß€-]{3,40}",
        before in "[a-z \"\\\\:]{0,200}",
        behind in "[a-z \"\\\\:.]{0,8}",
        form in 0..8_usize,
        whence in 0..3_usize,
    ) {
        let line = value.replace('\n', " ");
        let known = match whence {
            0 => sent(&value, "", ""),
            1 => sent("", &line, ""),
            _ => sent("", "", &json(&value)),
        };
        let repeated = match form {
            0 => value.clone(),
            1 => json(&value),
            2 => json(&json(&value)),
            3 => utf8_percent_encode(&value, NON_ALPHANUMERIC).to_string(),
            4 => value.to_uppercase(),
            5 => value.replace('"', "&quot;").replace('<', "&lt;").replace('&', "&amp;"),
            6 => value.chars().take(value.chars().count() * 2 / 3).collect(),
            _ => BASE64_STANDARD.encode(&value),
        };
        let shown = known.words_without(&format!("{before}{repeated}{behind}"), 200).to_lowercase();
        let own = format!("{before}|{behind}");
        for word in words_of(&value) {
            // The API's own text may hold the same letters.
            prop_assert!(!shown.contains(&word) || own.contains(&word), "{word} of {value:?} in {shown:?}");
        }
        prop_assert!(!shown.contains(|letter: char| letter.is_ascii_digit() || !letter.is_ascii()));
        prop_assert!(shown.chars().count() <= 200);
    }
}
