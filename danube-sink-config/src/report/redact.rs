//! Finds secrets in the text of a configuration file, so that no report shows them.
//!
//! It works on any text, because a file that is not TOML is reported too: a value is redacted behind each `NAME =` whose
//! name is declared as a secret or looks like one, also where the `=` is missing, in inline tables, under dotted and quoted
//! keys, and below a table header with such a name. Login and query of URLs are redacted wherever they stand: a URL in a report may be refused
//! because of them.

use std::ops::Range;

use toml_parser::{
    Source,
    lexer::{Token, TokenKind},
};

/// Parts of names that suggest a secret.
const SENSITIVE: [&str; 12] = [
    "secret",
    "passw",
    "token",
    "credential",
    "authorization",
    "api_key",
    "apikey",
    "private_key",
    "access_key",
    "account_key",
    "sas_key",
    "customer_key",
];

/// Whether the name of a key suggests that its value is a secret.
pub(crate) fn looks_sensitive(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    SENSITIVE.iter().any(|part| key.contains(part))
}

/// Which names of keys hold secrets.
#[derive(Debug, Default)]
pub(crate) struct SecretNames<'a> {
    /// Declared as secrets. One that is a secret in one table is redacted in all.
    pub(crate) secret: Vec<&'a str>,
    /// Declared as settings, whatever their names suggest.
    pub(crate) plain: Vec<&'a str>,
}

impl SecretNames<'_> {
    /// Whether a key, or a part of it that is a bare key, is the name of a secret.
    pub(crate) fn is_secret(&self, key: &str) -> bool {
        key.split(|char| !is_bare(char)).any(|name| self.is_secret_name(name))
    }

    fn is_secret_name(&self, name: &str) -> bool {
        self.secret.contains(&name) || looks_sensitive(name) && !self.plain.contains(&name)
    }
}

/// The parts of a text that no report may show.
pub(crate) fn secrets_in(text: &str, names: &SecretNames<'_>) -> Vec<Range<usize>> {
    let tokens = Source::new(text).lex().into_vec();
    let mut redacted = secrets_in_urls(text, true, |start| end_of_url(text, start, &tokens));
    let mut rest = tokens.as_slice();
    // Of what stands since the last separator: a key, if `=` follows.
    let mut key_is_secret = false;
    let mut table_is_secret = false;
    let mut at_line_start = true;
    let mut in_header = false;
    while let [token, behind @ ..] = rest {
        rest = behind;
        match token.kind() {
            TokenKind::Whitespace => continue,
            TokenKind::Newline => {
                (key_is_secret, at_line_start, in_header) = (false, true, false);
                continue;
            }
            TokenKind::LeftSquareBracket if at_line_start => (in_header, table_is_secret) = (true, false),
            TokenKind::Equals => {
                if table_is_secret || key_is_secret {
                    let value = value_in(text, rest);
                    rest = &rest[rest.partition_point(|token| token.span().start() < value.end)..];
                    redacted.push(value);
                }
                key_is_secret = false;
            }
            TokenKind::Dot | TokenKind::Comment | TokenKind::Eof => {}
            kind if kind == TokenKind::Atom || is_string(kind) => {
                let is_secret = names.is_secret(text_of(text, token));
                key_is_secret |= is_secret;
                table_is_secret |= in_header && is_secret;
                if is_secret && let Some(value) = value_without_equals(text, token, rest) {
                    rest = &rest[rest.partition_point(|token| token.span().start() < value.end)..];
                    redacted.push(value);
                }
            }
            _ => key_is_secret = false,
        }
        at_line_start = false;
    }
    redacted
}

/// What stands behind the name of a secret, if it is no key: a value to which its `=` is missing, as in `token: "…"`.
fn value_without_equals(text: &str, name: &Token, behind: &[Token]) -> Option<Range<usize>> {
    let name_text = text_of(text, name);
    let bare = name_text.find(|char| !is_bare(char)).filter(|_| name.kind() == TokenKind::Atom);
    let next = behind.iter().find(|token| token.kind() != TokenKind::Whitespace)?;
    let is_key = matches!(next.kind(), TokenKind::Equals | TokenKind::Dot);
    if is_key || bare.is_none() && ends_value(behind) {
        return None;
    }
    let value = value_in(text, behind);
    Some(bare.map_or(value.start, |length| name.span().start() + length)..value.end)
}

/// What may follow a string.
const VALUE_ENDS: [TokenKind; 6] = [
    TokenKind::Newline,
    TokenKind::Comment,
    TokenKind::Comma,
    TokenKind::RightCurlyBracket,
    TokenKind::RightSquareBracket,
    TokenKind::Eof,
];

/// Whether the tokens may follow a string.
fn ends_value(tokens: &[Token]) -> bool {
    let next = tokens.iter().map(Token::kind).find(|kind| *kind != TokenKind::Whitespace);
    next.is_none_or(|next| VALUE_ENDS.contains(&next))
}

/// The value that tokens begin with: up to its closing quote or bracket, else up to the end of the line. One that is not closed,
/// or that something follows, may continue in any line below it.
fn value_in(text: &str, tokens: &[Token]) -> Range<usize> {
    let is_blank = |kind| matches!(kind, TokenKind::Whitespace | TokenKind::Newline | TokenKind::Comment);
    let mut blanks = tokens.iter().take_while(|token| is_blank(token.kind())).count();
    let mut line = tokens[blanks..].iter().map(Token::kind).take_while(|kind| *kind != TokenKind::Newline).peekable();
    // The next line may have the value, but not if it is a header or another key.
    if line.peek() == Some(&TokenKind::LeftSquareBracket) || line.any(|kind| kind == TokenKind::Equals) {
        blanks = tokens.iter().take_while(|token| token.kind() == TokenKind::Whitespace).count();
    }
    let [first, rest @ ..] = &tokens[blanks..] else { return text.len()..text.len() };
    let start = first.span().start();
    if is_string(first.kind()) && is_closed(text_of(text, first)) {
        return start..if ends_value(rest) { first.span().end() } else { text.len() };
    }
    let mut depth = 0;
    for token in &tokens[blanks..] {
        match token.kind() {
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => depth += 1,
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket if depth == 1 => {
                return start..token.span().end();
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => depth -= 1,
            TokenKind::Newline if depth <= 0 && text_of(text, token).ends_with('\n') => {
                return start..token.span().start();
            }
            kind if is_string(kind) && !is_closed(text_of(text, token)) => break,
            _ => {}
        }
    }
    start..text.len()
}

fn text_of<'a>(text: &'a str, token: &Token) -> &'a str {
    &text[token.span().start()..token.span().end()]
}

fn is_string(kind: TokenKind) -> bool {
    kind.encoding().is_some()
}

/// Whether a string has a quote at its end that is not escaped.
fn is_closed(string: &str) -> bool {
    let Some((quote, inside)) = string.split_at_checked(1) else { return false };
    let escapes = |inside: &str| inside.len() - inside.trim_end_matches('\\').len();
    inside.strip_suffix(quote).is_some_and(|inside| quote == "'" || escapes(inside) % 2 == 0)
}

fn is_bare(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '-')
}

/// A value whose URLs show neither login nor secret parameters.
pub(crate) fn redact_urls(text: &str) -> String {
    let mut secrets = secrets_in_urls(text, false, |_| text.len());
    secrets.sort_by_key(|secret| secret.start);
    let (mut shown, mut end) = (String::new(), 0);
    for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
        if secret.start >= end {
            shown.push_str(&text[end..secret.start]);
            shown.push_str("***");
        }
        end = end.max(secret.end);
    }
    shown + &text[end..]
}

/// Where the URL ends that has its host from `start`: with its string, else with its line, since a login that is not escaped may hold
/// spaces and quotes.
fn end_of_url(text: &str, start: usize, tokens: &[Token]) -> usize {
    let index = tokens.partition_point(|token| token.span().end() < start);
    let mut end = start;
    if let Some([string, rest @ ..]) = tokens.get(index..)
        && is_string(string.kind())
        && is_closed(text_of(text, string))
    {
        end = string.span().end();
        if ends_value(rest) {
            return end;
        }
    }
    text[end..].find(['\r', '\n']).map_or(text.len(), |length| end + length)
}

/// `https://name:password@host/?token=…`: the login, and the whole query or the parameters whose names suggest a secret. `end_of`
/// says where the URL ends whose host begins at a position.
fn secrets_in_urls(text: &str, whole_query: bool, end_of: impl Fn(usize) -> usize) -> Vec<Range<usize>> {
    let mut redacted = Vec::new();
    for (scheme, separator) in text.match_indices("://") {
        let start = scheme + separator.len();
        let url = &text[start..end_of(start)];
        if let Some(at) = url.rfind('@') {
            redacted.push(start..start + at);
        }
        if whole_query {
            let url = url.trim_end_matches(['"', '\'']);
            let query = url.find(['?', '#']).map(|query| start + query + 1..start + url.len());
            redacted.extend(query.filter(|query| !query.is_empty()));
            continue;
        }
        for (index, _) in url.match_indices(['?', '&']) {
            let parameter = url[index + 1..].split(['&', '#']).next().unwrap_or_default();
            if let Some((name, value)) = parameter.split_once('=').filter(|(name, _)| names_secret_parameter(name)) {
                let value_start = start + index + 1 + name.len() + 1;
                redacted.push(value_start..value_start + value.len());
            }
        }
    }
    redacted
}

/// `sig` signs the URLs of shared access.
fn names_secret_parameter(name: &str) -> bool {
    looks_sensitive(name) || ["sig", "signature"].iter().any(|other| name.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_printed_keeps_the_parameters_that_are_no_secrets() {
        let shown = redact_urls("https://me:hunter2@host/?sv=1&sig=hunter2&api_key=hunter2#x");
        assert_eq!(shown, "https://***@host/?sv=1&sig=***&api_key=***#x");
        for url in ["https://me:a b@host/", "https://me:a\"b'@host/", "https://me:a://b@host/"] {
            assert_eq!(redact_urls(url), "https://***@host/");
        }
    }

    /// The text with its secrets redacted.
    fn shown(text: &str) -> String {
        let names = SecretNames { secret: vec!["pin"], plain: vec!["token_header"] };
        let redacted = secrets_in(text, &names);
        let visible = text.char_indices().filter(|(at, _)| !redacted.iter().any(|part| part.contains(at)));
        visible.map(|(_, char)| char).collect()
    }

    #[test]
    fn a_secret_is_redacted_in_every_form_that_toml_has() {
        for text in [
            "password = \"hunter2\"\n",
            "password = 'hunter2'\n",
            "password = hunter2\n",
            "password = \"hunter2\n",
            "password = \"\"\"\nx\nhunter2\"\"\"\n",
            "password = '''\nhunter2'''\n",
            "password = \"\"\"\nhunter2\n",
            "password = \"x\\\"hunter2\"\n",
            "password = \"x\" hunter2\n",
            "password=\"hunter2\"",
            "\"password\" = \"hunter2\"",
            "'my password' = \"hunter2\"",
            "sink.password = \"hunter2\"",
            "sink.\"pass\".password . x = \"hunter2\"",
            "pin = 'hunter2'",
            "sink = { password = \"hunter2\", columns = }",
            "sink = { a = 1, b = { password = hunter2 } }",
            "password = [\"a\", \"hunter2\"]",
            "password = [\n\"a\", # ]\n\"hunter2\"\n]",
            "password = { value = \"hunter2\" }",
            "passwords = { value = \"hunter2\"",
            "[sink.password]\nvalue = \"hunter2\"",
            "[[sink.tokens]]\nvalue = \"hunter2\"",
            "url = \"https://me:hunter2@host/\"",
            "url = \"https://host/?a=b&api_key=hunter2#x\"",
            "url = \"https://host/?sv=1&sig=hunter2\"",
            "url = \"https://host?hunter2\"",
            "urls = [\"amqp://x:hunter2@a\", \"b\"]",
            "a = '''\npassword = 1'''\npassword = \"hunter2\"",
            "a = \"not closed\npassword = \"hunter2\"",
            "[sink] password = \"hunter2\"",
            "password = hunter\rhunter2",
            "password =\n\"hunter2\"",
            "password = # here\nhunter2",
            "password =\n[sink.tokens]\nvalue = \"hunter2\"",
            "password = \"x\\\"\nhunter2\"",
            "storage_options = { azure_storage_sas_key = \"hunter2\" }",
            "url = \"https://me:x hunter2@host/\"",
            "url = 'https://me:x\"hunter2@host/'",
            "url = \"https://me:x\\\"hunter2@host/\"",
            "url = \"https://me:x\"hunter2@host/\"",
            "url = https://me:x hunter2@host/",
            "url = \"https://host/?key=x hunter2\"",
            "password: \"hunter2\"",
            "\"password\": \"hunter2\"",
            "password:hunter2",
            "password:\"hunter2\"",
            "password : x hunter2",
            "token \"hunter2\"",
            "sink.token \"hunter2\"",
            "token \"x\" hunter2",
            "token \"\"\"\nhunter2\"\"\"",
            "a = { api_key: \"hunter2\" }",
            "{ api_key: \"hunter2\" }",
            "export PASSWORD hunter2",
        ] {
            assert!(!shown(text).contains("hunter2"), "{text}\n{}", shown(text));
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "table = \"users\"\n[retry]\nmax_retries = 5\n",
            "token_header = \"x-token\"",
            "password =\ntable = \"users\"",
            "# password = 1",
            "text = \"password = 1\"",
            "[sink.password]\n[sink.table]\nname = \"a\"",
            "a = \"ä\"\nü = 1 = é",
            "url = \"https://host/\" # of me@host",
            "urls = [\"https://host/\", \"me@host\"]",
            "text = \"\"\"\nhttps://host\n\"\"\"\nname = \"me@host\"",
            "url = \"https://host/\nname = \"me@host\"",
            "roles = [\"token\", \"reader\"]\n[sink.token]\n",
            "password\nname = 1",
            "password # none\nname = 1",
        ] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown("password = \"x\"\ntable = \"users\""), "password = \ntable = \"users\"");
        assert_eq!(shown("a = { password = \"x\", b = 1 }"), "a = { password = , b = 1 }");
    }
}
