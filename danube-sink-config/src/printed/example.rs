//! A value that a shape takes, for a key that has to be there.

use std::time::Duration;

use crate::shape::{Scalar, Shape};

/// TOML of a value; `None` where only the type's own reader knows one.
pub(super) fn example(shape: &Shape) -> Option<String> {
    Some(match *shape {
        Shape::Truth => "false".to_owned(),
        Shape::Whole { min, max } => 1.clamp(min, max).to_string(),
        Shape::Real { min, max, .. } => format!("{:?}", 1_f64.clamp(min, max)),
        Shape::Text { min, max } => {
            format!("\"{}\"", "text".chars().cycle().take(4.clamp(min, max)).collect::<String>())
        }
        Shape::Word { words, .. } => format!("\"{}\"", words.first()?),
        Shape::Path => "\"path/to/file\"".to_owned(),
        Shape::Field | Shape::Pointer => "\"/id\"".to_owned(),
        Shape::Url => "\"https://example.com\"".to_owned(),
        Shape::ServiceUrl => "\"http://localhost:6650\"".to_owned(),
        Shape::HttpUrl { example } => format!("\"{example}\""),
        Shape::IpAddress => "\"127.0.0.1\"".to_owned(),
        Shape::HttpStatuses => "409".to_owned(),
        Shape::LogLevel => "\"info\"".to_owned(),
        Shape::Topic => "\"/default/topic\"".to_owned(),
        Shape::Duration { min, max, .. } => {
            let time = Duration::from_secs(10).clamp(min, max);
            if time.subsec_millis() == 0 {
                format!("\"{}s\"", time.as_secs())
            } else {
                format!("\"{}ms\"", time.as_millis())
            }
        }
        Shape::ByteSize { min, max, .. } => format!("\"{}B\"", (1 << 20).clamp(min, max)),
        Shape::List { of, min, .. } => format!("[{}]", vec![example(of)?; min].join(", ")),
        Shape::Map { of, min, .. } => {
            let entries: Option<Vec<String>> = (1..=min).map(|n| Some(format!("key{n} = {}", example(of)?))).collect();
            format!("{{ {} }}", entries?.join(", ")).replace("{  }", "{}")
        }
        Shape::OneOf(choices) => match choices.first()? {
            Scalar::Text(text) => format!("\"{text}\""),
            Scalar::Whole(number) => number.to_string(),
            _ => return None,
        },
        Shape::Table(_) | Shape::Any => return None,
    })
}
