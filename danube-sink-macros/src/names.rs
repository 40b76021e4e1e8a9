//! Names made from names, and names that resemble others.

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

/// The candidate that `word` was probably meant to be.
pub(crate) fn closest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    candidates
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(word.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, removed or changed to make one word the other.
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().collect();
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (line, left) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right) in two.iter().enumerate() {
            let changed = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[two.len()]
}

/// "did you mean …?", or what there is.
pub(crate) fn remedy(word: &str, candidates: &[&str]) -> String {
    match closest(word, candidates) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("write {}", alternatives(candidates)),
    }
}

/// `a`, `b` or `c`.
pub(crate) fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{closest, snake_case};

    #[test]
    fn names_become_snake_case() {
        for (name, snake) in
            [("HttpSink", "http_sink"), ("HTTPSink", "http_sink"), ("S3Sink", "s3_sink"), ("Sink", "sink")]
        {
            assert_eq!(snake_case(name), snake);
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_recognized_and_another_word_is_not() {
        let words = ["default", "secret", "env"];
        assert_eq!(closest("defualt", &words), Some("default"));
        assert_eq!(closest("evn", &words), None, "two of three letters differ");
        assert_eq!(closest("range", &words), None);
    }
}
