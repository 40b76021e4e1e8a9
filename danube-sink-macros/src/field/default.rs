//! `default = …`: a literal, as TOML, and whether it can be a value of the field's type as far as the text tells.

use syn::{Expr, ExprLit, ExprUnary, Lit, Type, UnOp};

use super::syntax::{inside_option, type_word};

/// The literal as TOML; `None` if it is something that must be computed.
pub(crate) fn to_toml(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Str(text) => Some(quoted(&text.value())),
            Lit::Int(number) => Some(number.base10_digits().to_owned()),
            Lit::Float(number) => Some(number.base10_digits().to_owned()),
            Lit::Bool(truth) => Some(truth.value.to_string()),
            _ => None,
        },
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match &**expr {
            Expr::Lit(ExprLit { lit: Lit::Int(_) | Lit::Float(_), .. }) => {
                to_toml(expr).map(|number| format!("-{number}"))
            }
            _ => None,
        },
        Expr::Array(list) => {
            let items: Option<Vec<String>> = list.elems.iter().map(to_toml).collect();
            items.map(|items| format!("[{}]", items.join(", ")))
        }
        Expr::Group(group) => to_toml(&group.expr),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
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

/// What is wrong with a default of a type that the text gives away, and what to write.
pub(crate) fn misfit(ty: &Type, value: &Expr) -> Option<(String, String)> {
    let ty = inside_option(ty).unwrap_or(ty);
    let word = type_word(ty)?.to_string();
    let text = match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    };
    let wrong = |help: &str| Some((format!("the default is not a `{word}`"), help.to_owned()));
    match word.as_str() {
        "String" | "PathBuf" if text.is_none() => wrong("write it in double quotes"),
        "Url" if text.as_ref().is_none_or(|text| !text.contains(':')) => {
            wrong("write a whole URL in double quotes, such as `\"https://example.com\"`")
        }
        "Duration" if text.is_none_or(|text| !is_time(&text)) => {
            wrong("write a number and a unit: `\"250ms\"`, `\"10s\"`, `\"5m\"`, `\"1h\"`")
        }
        "bool" if !matches!(value, Expr::Lit(ExprLit { lit: Lit::Bool(_), .. })) => wrong("write `true` or `false`"),
        "f32" | "f64" if to_toml(value).and_then(|number| number.parse::<f64>().ok()).is_none() => {
            wrong("write a number such as `0.5`")
        }
        other => {
            let (min, max) = range(other)?;
            match to_toml(value).and_then(|number| number.parse::<i128>().ok()) {
                Some(number) if (min..=max).contains(&number) => None,
                _ => wrong(&format!("write a whole number from {min} to {max}")),
            }
        }
    }
}

fn is_time(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && matches!(text[digits..].trim_start(), "ms" | "s" | "m" | "min" | "h" | "d")
}

fn range(word: &str) -> Option<(i128, i128)> {
    Some(match word {
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        "u64" | "usize" => (0, u64::MAX.into()),
        "i8" => (i8::MIN.into(), i8::MAX.into()),
        "i16" => (i16::MIN.into(), i16::MAX.into()),
        "i32" => (i32::MIN.into(), i32::MAX.into()),
        "i64" | "isize" => (i64::MIN.into(), i64::MAX.into()),
        _ => return None,
    })
}
