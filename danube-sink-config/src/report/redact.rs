//! Finds secrets in the text of a configuration file, so that no report shows them.
//!
//! It works on any text, because a file that is not TOML is reported too: a value is redacted behind each `NAME =` whose
//! name is declared as a secret or looks like one, also in inline tables, under dotted and quoted keys, and below a table
//! header with such a name. Login and query parameters of URLs are redacted wherever they stand.

use std::ops::Range;

/// Parts of names that suggest a secret.
const SENSITIVE: [&str; 11] = [
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
    "customer_key",
];

/// Whether the name of a key suggests that its value is a secret.
pub(crate) fn looks_sensitive(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    SENSITIVE.iter().any(|part| key.contains(part))
}

/// Which names of keys hold secrets.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SecretNames<'a> {
    /// Declared as secrets.
    pub(crate) secret: &'a [&'a str],
    /// Declared as settings, whatever their names suggest.
    pub(crate) plain: &'a [&'a str],
}

impl SecretNames<'_> {
    fn is_secret(&self, name: &str) -> bool {
        self.secret.contains(&name) || looks_sensitive(name) && !self.plain.contains(&name)
    }
}

/// The parts of a text that no report may show.
pub(crate) fn secrets_in(text: &str, names: SecretNames<'_>) -> Vec<Range<usize>> {
    let mut scanner = Scanner { text, at: 0, names, table_is_secret: false, redacted: Vec::new() };
    scanner.scan();
    let mut redacted = scanner.redacted;
    redacted.extend(secrets_in_urls(text));
    redacted
}

/// Goes through a text by the rules of TOML, as far as it follows them.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    names: SecretNames<'a>,
    /// The header above names a secret.
    table_is_secret: bool,
    redacted: Vec<Range<usize>>,
}

impl<'a> Scanner<'a> {
    fn scan(&mut self) {
        // Of what stands since the last separator: keys, until `=` says that they are.
        let mut names: Vec<&'a str> = Vec::new();
        let mut at_line_start = true;
        while let Some(byte) = self.byte() {
            match byte {
                b'#' => self.at = self.line_end(),
                b'\n' => {
                    names.clear();
                    at_line_start = true;
                    self.at += 1;
                    continue;
                }
                b'[' if at_line_start => {
                    let header = &self.text[self.at..self.line_end()];
                    let mut parts = header.split(['[', ']', '.', '"', '\'', ' ', '\t']);
                    self.table_is_secret = parts.any(|part| self.names.is_secret(part));
                    self.at = self.line_end();
                }
                b'=' => {
                    self.at += 1;
                    if self.table_is_secret || names.iter().any(|name| self.names.is_secret(name)) {
                        self.skip_blanks();
                        let start = self.at;
                        self.skip_value();
                        self.redacted.push(start..self.at);
                    }
                    names.clear();
                }
                b'"' | b'\'' => {
                    let start = self.at;
                    self.skip_string();
                    names.push(self.text[start..self.at].trim_matches(['"', '\'']));
                }
                b',' | b'{' | b'}' | b'[' | b']' => {
                    names.clear();
                    self.at += 1;
                }
                _ if is_bare(byte) => {
                    let length = self.rest().bytes().take_while(|byte| is_bare(*byte)).count();
                    names.push(&self.text[self.at..self.at + length]);
                    self.at += length;
                }
                _ => self.at += 1,
            }
            at_line_start &= byte.is_ascii_whitespace();
        }
    }

    /// A value up to its end: the closing quote or bracket, else the end of the line. One that is not closed may go on in any
    /// line below it.
    fn skip_value(&mut self) {
        match self.byte() {
            Some(b'"' | b'\'') => {
                self.skip_string();
                // Quotes in the middle of a value are a slip, and the rest is the value too.
                if !matches!(
                    self.rest().trim_start_matches([' ', '\t']).bytes().next(),
                    None | Some(b'\n' | b'\r' | b'#' | b',' | b'}' | b']')
                ) {
                    self.at = self.text.len();
                }
            }
            Some(b'[' | b'{') => self.skip_brackets(),
            _ => self.at = self.line_end(),
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn skip_string(&mut self) {
        let rest = self.rest();
        let quote = &rest[..1];
        let long = [r#"""""#, "'''"].into_iter().find(|long| rest.starts_with(long));
        let delimiter = long.unwrap_or(quote);
        let mut at = self.at + delimiter.len();
        loop {
            let rest = &self.text[at..];
            if rest.starts_with(delimiter) {
                self.at = at + delimiter.len();
                // Up to two quotes may stand before the three that close.
                while long.is_some() && self.rest().starts_with(quote) {
                    self.at += 1;
                }
                return;
            }
            match rest.chars().next() {
                Some('\\') if quote == "\"" => at += 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
                Some('\n') if long.is_none() => break,
                Some(char) => at += char.len_utf8(),
                None => break,
            }
        }
        self.at = self.text.len();
    }

    fn skip_brackets(&mut self) {
        let mut depth = 0;
        while let Some(byte) = self.byte() {
            match byte {
                b'"' | b'\'' => {
                    self.skip_string();
                    continue;
                }
                b'#' => self.at = self.line_end(),
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            self.at = (self.at + 1).min(self.text.len());
            if depth == 0 {
                return;
            }
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        let mut at = self.at;
        while !self.text.is_char_boundary(at) {
            at += 1;
        }
        &self.text[at..]
    }

    fn line_end(&self) -> usize {
        self.text.as_bytes()[self.at..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(self.text.len(), |end| self.at + end)
    }
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// A text whose URLs show neither login nor secret parameters.
pub(crate) fn redact_urls(text: &str) -> String {
    let mut shown = text.to_owned();
    let mut secrets = secrets_in_urls(text);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.start));
    for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
        if secret.end <= shown.len() {
            shown.replace_range(secret, "***");
        }
    }
    shown
}

/// `https://name:password@host/?token=…`: the login, and parameters whose names suggest a secret.
fn secrets_in_urls(text: &str) -> Vec<Range<usize>> {
    let mut redacted = Vec::new();
    for (scheme, separator) in text.match_indices("://") {
        let start = scheme + separator.len();
        // A password that is not escaped may hold what ends a host.
        let url = text[start..].split(['"', '\'', ' ', '\t', '\r', '\n']).next().unwrap_or_default();
        if let Some(at) = url.rfind('@') {
            redacted.push(start..start + at);
        }
        for (index, _) in url.match_indices(['?', '&']) {
            let parameter = url[index + 1..].split(['&', '#']).next().unwrap_or_default();
            if let Some((name, value)) = parameter.split_once('=').filter(|(name, _)| looks_sensitive(name)) {
                let value_start = start + index + 1 + name.len() + 1;
                redacted.push(value_start..value_start + value.len());
            }
        }
    }
    redacted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with its secrets redacted.
    fn shown(text: &str) -> String {
        let names = SecretNames { secret: &["pin"], plain: &["token_header"] };
        let redacted = secrets_in(text, names);
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
            "urls = [\"amqp://x:hunter2@a\", \"b\"]",
            "a = '''\npassword = 1'''\npassword = \"hunter2\"",
        ] {
            assert!(!shown(text).contains("hunter2"), "{text}\n{}", shown(text));
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "table = \"users\"\n[retry]\nmax_retries = 5\n",
            "token_header = \"x-token\"",
            "# password = 1",
            "text = \"password = 1\"",
            "[sink.password]\n[sink.table]\nname = \"a\"",
            "a = \"ä\"\nü = 1 = é",
        ] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown("password = \"x\"\ntable = \"users\""), "password = \ntable = \"users\"");
        assert_eq!(shown("a = { password = \"x\", b = 1 }"), "a = { password = , b = 1 }");
    }
}
