//! Names made from names, and names that resemble others.

pub(crate) use danube_sink_config::schema::suggest::{closest, list};

/// `HttpSink` → `http_sink`, `HTTPSink` → `http_sink`, `S3Sink` → `s3_sink`.
pub(crate) fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, char) in chars.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| chars[before]);
        let ends_word = before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit());
        let ends_acronym =
            before.is_some_and(char::is_uppercase) && chars.get(index + 1).is_some_and(|next| next.is_lowercase());
        if char.is_uppercase() && (ends_word || ends_acronym) {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

/// "did you mean …?", or the candidates.
pub(crate) fn remedy(word: &str, candidates: &[&str]) -> String {
    match closest(word, candidates) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("write {}", alternatives(candidates)),
    }
}

/// `a`, `b` or `c`.
pub(crate) fn alternatives(words: &[&str]) -> String {
    list(words, "or")
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn names_become_snake_case() {
        for (name, snake) in
            [("HttpSink", "http_sink"), ("HTTPSink", "http_sink"), ("S3Sink", "s3_sink"), ("Sink", "sink")]
        {
            assert_eq!(snake_case(name), snake);
        }
    }
}
