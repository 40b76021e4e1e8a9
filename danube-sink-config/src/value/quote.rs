//! Writes strings and keys as TOML.

/// A string in double quotes.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => quoted.extend(format!("\\u{:04X}", u32::from(char)).chars()),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// A key, in quotes if it needs them.
pub(crate) fn quoted_key(key: &str) -> String {
    let is_bare =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare { key.to_owned() } else { quoted(key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_read_as_it_was_written_whatever_its_characters() {
        for text in ["/home/me", "C:\\sink", "/it's", "/\"two\"\nlines'\\\u{7f}\u{85}\t"] {
            let table: toml::Table = format!("{} = {}", quoted_key(text), quoted(text)).parse().unwrap();
            assert_eq!(table[text].as_str(), Some(text));
        }
    }
}
