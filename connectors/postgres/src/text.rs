//! Values in PostgreSQL's text format, from their JSON text: no digit of a number and no field of an object changes on the way.

use std::{borrow::Cow, fmt::Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::value::RawValue;
use tokio_postgres::types::{Kind, Type};

use super::{
    number::{self, integer, range},
    time::{check_clock, date, timestamp},
};

/// Why a column cannot hold a value, to follow the name of the field; without the value.
pub(crate) type Reason = Cow<'static, str>;

/// Types that take numbers, and strings with one.
const NUMBERS: [Type; 5] = [Type::NUMERIC, Type::MONEY, Type::XID, Type::CID, Type::XID8];

/// The first object identifier of types that are not built in.
const FIRST_OF_EXTENSIONS: u32 = 16_384;

/// The text that a type's input function reads a value from, which is not `null`.
///
/// A value that PostgreSQL would truncate or guess without an error is refused here.
///
/// # Errors
/// Why the value is refused. Other errors in the text are found by the server.
pub(crate) fn text<'j>(json: &'j str, ty: &Type, modifier: i32) -> Result<Cow<'j, str>, Reason> {
    match ty.kind() {
        Kind::Array(of) if json.starts_with('[') => array(json, of, modifier).map(Cow::Owned),
        Kind::Array(_) => Err("is not an array".into()),
        Kind::Domain(of) => text(json, of, modifier),
        _ if is_json(ty) => Ok(json.into()),
        _ if is_text(ty) => within(plain(json)?, ty, modifier),
        Kind::Simple | Kind::Pseudo => simple(json, ty),
        Kind::Composite(_) => plain(json),
        _ => string(json),
    }
}

/// The text of a value of a type that is not a string, array or JSON type.
fn simple<'j>(json: &'j str, ty: &Type) -> Result<Cow<'j, str>, Reason> {
    match *ty {
        Type::BOOL => Ok(if boolean(json)? { "true" } else { "false" }.into()),
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => Ok(whole(json, ty)?.to_string().into()),
        Type::FLOAT4 | Type::FLOAT8 => {
            let text = plain(json)?;
            if *ty == Type::FLOAT4 {
                single(&text).map(drop)?
            } else {
                double(&text).map(drop)?
            }
            Ok(text)
        }
        Type::BYTEA => {
            let hex = bytes(json)?.iter().fold("\\x".to_owned(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            Ok(hex.into())
        }
        Type::TIME => {
            let text = string(json)?;
            check_clock(&text)?;
            Ok(text)
        }
        Type::DATE => Ok(date(&string(json)?)?.to_string().into()),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            Ok(timestamp(&string(json)?, *ty == Type::TIMESTAMPTZ)?.to_string().into())
        }
        _ if NUMBERS.contains(ty) || is_extension_type(ty) => plain(json),
        // A number or an array would be read as something else: as seconds, as bits, as a range.
        _ => string(json),
    }
}

/// An integer within the range of its type.
pub(crate) fn whole(json: &str, ty: &Type) -> Result<i64, Reason> {
    let range = range(ty);
    let number = json.parse().ok().or_else(|| integer(&plain(json).ok()?)).filter(|number| range.contains(number));
    number.ok_or_else(|| format!("is not an integer from {} to {}", range.start(), range.end()).into())
}

/// A number within the range of `float4`, `NaN` or an infinity.
pub(crate) fn single(text: &str) -> Result<f32, Reason> {
    number::single(text).ok_or_else(|| "is not a number within the range of float4".into())
}

/// A number within the range of `float8`, `NaN` or an infinity.
pub(crate) fn double(text: &str) -> Result<f64, Reason> {
    number::double(text).ok_or_else(|| "is not a number within the range of float8".into())
}

/// The bytes of a base64 string.
pub(crate) fn bytes(json: &str) -> Result<Vec<u8>, Reason> {
    STANDARD.decode(&*string(json)?).map_err(|_| "is not base64".into())
}

/// A string without its quotation marks; any other value as its JSON text.
pub(crate) fn plain(json: &str) -> Result<Cow<'_, str>, Reason> {
    let Some(inner) = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) else { return Ok(json.into()) };
    if !inner.contains('\\') {
        return Ok(inner.into());
    }
    let text: String = serde_json::from_str(json).map_err(|_| "is not a JSON string")?;
    if text.contains('\0') { Err("holds U+0000, which no text of PostgreSQL can".into()) } else { Ok(text.into()) }
}

/// A string without its quotation marks.
pub(crate) fn string(json: &str) -> Result<Cow<'_, str>, Reason> {
    if json.starts_with('"') { plain(json) } else { Err("is not a string".into()) }
}

/// A boolean, also as 1 or 0, or as a string that PostgreSQL takes for one.
pub(crate) fn boolean(json: &str) -> Result<bool, Reason> {
    let text = plain(json)?.trim_ascii().to_ascii_lowercase();
    // A name may be shortened while it is clear.
    let is = |name: &str, least: usize| text.len() >= least && name.starts_with(&text);
    let number = (!json.starts_with('"')).then(|| integer(&text)).flatten();
    match number {
        Some(1) => Ok(true),
        Some(0) => Ok(false),
        _ if is("true", 1) || is("yes", 1) || is("on", 2) || text == "1" => Ok(true),
        _ if is("false", 1) || is("no", 1) || is("off", 2) || text == "0" => Ok(false),
        _ => Err("is no boolean".into()),
    }
}

/// The bits of a UUID as PostgreSQL reads it: 32 hexadecimal digits, with a hyphen after any four or none, and perhaps in braces.
pub(crate) fn uuid(text: &str) -> Result<u128, Reason> {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let (mut bits, mut digits, mut may_have_hyphen) = (0_u128, 0, false);
    for byte in inner.bytes() {
        match char::from(byte).to_digit(16) {
            Some(digit) if digits < 32 => {
                (bits, digits) = (bits << 4 | u128::from(digit), digits + 1);
                may_have_hyphen = digits % 4 == 0 && digits < 32;
            }
            None if byte == b'-' && may_have_hyphen => may_have_hyphen = false,
            _ => return Err("is no UUID".into()),
        }
    }
    if digits == 32 { Ok(bits) } else { Err("is no UUID".into()) }
}

/// A text that fits into the column: PostgreSQL would truncate spaces, and for some types anything that is too long.
fn within<'t>(text: Cow<'t, str>, ty: &Type, modifier: i32) -> Result<Cow<'t, str>, Reason> {
    let most = match *ty {
        // The modifier counts four bytes of a header.
        Type::VARCHAR | Type::BPCHAR if modifier >= 4 => usize::try_from(modifier - 4).unwrap_or(usize::MAX),
        Type::NAME => 63,
        Type::CHAR => 1,
        _ => return Ok(text),
    };
    let length = match *ty {
        Type::NAME | Type::CHAR => text.len(),
        // The column pads with spaces anyway.
        Type::BPCHAR => text.trim_end_matches(' ').chars().count(),
        _ if text.len() <= most => return Ok(text),
        _ => text.chars().count(),
    };
    if length <= most { Ok(text) } else { Err(format!("is longer than the {most} of the column").into()) }
}

/// The text of an array, such as `{1,NULL,"a \"b\""}`.
fn array(json: &str, of: &Type, modifier: i32) -> Result<String, Reason> {
    let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| "is not an array")?;
    let mut array = String::with_capacity(json.len() + 2);
    for item in items {
        array.push(if array.is_empty() { '{' } else { ',' });
        match item.get() {
            "null" => array.push_str("NULL"),
            item if item.starts_with('[') && !has_arrays(of) => match &*self::array(item, of, modifier)? {
                // PostgreSQL would store an array of empty ones as an empty one.
                "{}" => return Err("has an empty array in an array".into()),
                inner => array.push_str(inner),
            },
            item => {
                array.push('"');
                for letter in text(item, of, modifier)?.chars() {
                    if matches!(letter, '"' | '\\') {
                        array.push('\\');
                    }
                    array.push(letter);
                }
                array.push('"');
            }
        }
    }
    array.push_str(if array.is_empty() { "{}" } else { "}" });
    Ok(array)
}

/// Whether a value of the type may be a JSON array.
fn has_arrays(ty: &Type) -> bool {
    // An element type is an array only through a domain.
    matches!(ty.kind(), Kind::Array(_)) || is_json(ty) || is_extension_type(ty) && !is_text(ty)
}

/// Whether the type is a base type of an extension, or an array of one.
pub(crate) fn is_extension_type(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Simple => !is_built_in(ty),
        Kind::Array(of) => is_extension_type(of),
        _ => false,
    }
}

/// Whether the type is one of PostgreSQL itself.
pub(crate) fn is_built_in(ty: &Type) -> bool {
    ty.oid() < FIRST_OF_EXTENSIONS
}

fn is_json(ty: &Type) -> bool {
    matches!(*ty, Type::JSON | Type::JSONB)
}

fn is_text(ty: &Type) -> bool {
    matches!(*ty, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::CHAR) || ty.name() == "citext"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_arrays_are_quoted() {
        let json = r#"[ "a,b", null, "\"q\"\\", "", [1.10, {"z": 1, "a": 2}] ]"#;
        let expected = r#"{"a,b",NULL,"\"q\"\\","",{"1.10","{\"z\": 1, \"a\": 2}"}}"#;
        assert_eq!(text(json, &Type::TEXT_ARRAY, -1).unwrap(), expected);
        assert_eq!(text("[]", &Type::TEXT_ARRAY, -1).unwrap(), "{}");
        assert_eq!(text("[[],[]]", &Type::JSONB_ARRAY, -1).unwrap(), r#"{"[]","[]"}"#);
        assert_eq!(text("[[1],[null]]", &Type::INT4_ARRAY, -1).unwrap(), r#"{{"1"},{NULL}}"#);
        assert_eq!(text("[[1],[null]]", &Type::JSONB_ARRAY, -1).unwrap(), r#"{"[1]","[null]"}"#);
        assert_eq!(text(r#"["AAH/"]"#, &Type::BYTEA_ARRAY, -1).unwrap(), r#"{"\\x0001ff"}"#);
    }

    #[test]
    fn values_that_would_be_truncated_or_guessed_are_refused() {
        for (json, ty, modifier) in [
            (r#""abc ""#, Type::VARCHAR, 7),
            (r#""abcd""#, Type::BPCHAR, 7),
            (r#"["abcd"]"#, Type::VARCHAR_ARRAY, 7),
            (r#""ab""#, Type::CHAR, -1),
            ("5", Type::INTERVAL, -1),
            ("101", Type::VARBIT, 7),
            ("[1,5]", Type::INT4_RANGE, -1),
            ("20240101", Type::TIMESTAMPTZ, -1),
            ("2", Type::BOOL, -1),
            (r#""{1}""#, Type::INT4_ARRAY, -1),
            ("[1.5]", Type::INT4_ARRAY, -1),
            ("[99999]", Type::INT2_ARRAY, -1),
            ("[[],[]]", Type::INT4_ARRAY, -1),
            ("[[[ ]]]", Type::TEXT_ARRAY, -1),
            (r#""a\u0000""#, Type::TEXT, -1),
            (r#""o""#, Type::BOOL, -1),
            (r#""truee""#, Type::BOOL, -1),
            (r#""""#, Type::BOOL, -1),
        ] {
            assert!(text(json, &ty, modifier).is_err(), "{json} {ty}");
        }
        for (json, ty, expected) in [
            (r#""abc""#, Type::VARCHAR, "abc"),
            (r#""abc  ""#, Type::BPCHAR, "abc  "),
            ("1.0", Type::BOOL, "true"),
            (r#"" OFF""#, Type::BOOL, "false"),
            (r#""Y""#, Type::BOOL, "true"),
            (r#""\u00e9\u00e9\u00e9""#, Type::VARCHAR, "ééé"),
        ] {
            assert_eq!(text(json, &ty, 7).unwrap(), expected, "{json} {ty}");
        }
    }

    #[test]
    fn uuids_have_the_forms_that_the_server_reads() {
        let bits = 0x2d13_06f5_c50d_558f_a059_782b_f319_261f;
        for text in [
            "2d1306f5-c50d-558f-a059-782bf319261f",
            "2D1306F5C50D558FA059782BF319261F",
            "{2d13-06f5-c50d-558f-a059-782b-f319-261f}",
        ] {
            assert_eq!(uuid(text).unwrap(), bits, "{text}");
        }
        for text in [
            "",
            "2d1306f5",
            "2d1306f5--c50d-558f-a059-782bf319261f",
            "2d1306f5-c50d-558f-a059-782bf319261f-",
            "-2d1306f5c50d558fa059782bf319261f",
            "{2d1306f5c50d558fa059782bf319261f",
            "2d1306f5c50d558fa059782bf319261f0",
        ] {
            assert!(uuid(text).is_err(), "{text}");
        }
    }
}
