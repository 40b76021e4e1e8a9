//! Column types, parsed from ClickHouse's type names.

use super::number::Range;

/// A column type, as far as values are checked against it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ColumnType {
    Integer(Range),
    /// The largest finite number of the type.
    Float(f64),
    Decimal {
        /// Digits before the decimal point; `behind` is those after it.
        before: i64,
        behind: i64,
    },
    Bool,
    String,
    FixedString(usize),
    Enum {
        /// ClickHouse's name of the type.
        kind: String,
        /// The names, and the number of each.
        names: Vec<(String, i64)>,
    },
    Date,
    Date32,
    DateTime {
        /// Whether its time zone is UTC.
        is_utc: bool,
    },
    DateTime64 {
        digits: usize,
        /// The name of its time zone.
        zone: String,
    },
    Time,
    Uuid,
    Ipv4,
    Ipv6,
    Nullable(Box<ColumnType>),
    Array(Box<ColumnType>),
    /// The elements, with their names if the type has names.
    Tuple(Vec<(Option<String>, ColumnType)>),
    Map(Box<ColumnType>, Box<ColumnType>),
    /// The paths that have a type, with dots between names.
    Json(Vec<(String, ColumnType)>),
    /// A type whose values are checked by the server alone.
    Other,
}

/// The largest finite `BFloat16`.
const BFLOAT16: f64 = 3.389_531_389_251_535_5e38;

impl ColumnType {
    /// Whether the type's default depends on the statement: the server stores 1970-01-01 for a value that a row lacks, and 1900-01-01
    /// in a column that the statement does not name.
    pub(crate) fn has_two_defaults(&self) -> bool {
        match self {
            Self::Date32 => true,
            Self::Tuple(elements) => elements.iter().any(|(_, kind)| kind.has_two_defaults()),
            _ => false,
        }
    }

    /// Parses a type name of ClickHouse, on a server in this time zone.
    pub(crate) fn of(text: &str, zone: &str) -> Self {
        let text = text.trim();
        let (name, parts) = match text.split_once('(') {
            Some((name, rest)) => (name, split(rest.strip_suffix(')').unwrap_or(rest))),
            None => (text, Vec::new()),
        };
        let digits = |at: usize| parts.get(at).and_then(|text| text.parse::<usize>().ok());
        let of = |at: usize| Self::of(parts.get(at).copied().unwrap_or_default(), zone);
        let zone_at = |at: usize| parts.get(at).and_then(|text| literal(text, '\'')).unwrap_or_else(|| zone.to_owned());
        let tuple = || Self::Tuple(parts.iter().map(|part| named(part, zone)).collect());
        let point = || Self::Tuple(vec![(None, Self::Float(f64::MAX)), (None, Self::Float(f64::MAX))]);
        let array = |of: Self| Self::Array(Box::new(of));
        match name {
            "Float64" => Self::Float(f64::MAX),
            "Float32" => Self::Float(f32::MAX.into()),
            "BFloat16" => Self::Float(BFLOAT16),
            "Decimal" => match (digits(0), digits(1).unwrap_or_default()) {
                (Some(all), behind) if behind <= all && all <= 76 => {
                    Self::Decimal { before: (all - behind) as i64, behind: behind as i64 }
                }
                _ => Self::Other,
            },
            "Bool" => Self::Bool,
            "String" => Self::String,
            "FixedString" => digits(0).map_or(Self::Other, Self::FixedString),
            "Enum8" | "Enum16" => match parts.iter().map(|part| enum_name(part)).collect() {
                Some(names) => Self::Enum { kind: text.to_owned(), names },
                None => Self::Other,
            },
            "Date" => Self::Date,
            "Date32" => Self::Date32,
            "DateTime" => Self::DateTime { is_utc: is_utc(&zone_at(0)) },
            "DateTime64" => digits(0).map_or(Self::Other, |digits| Self::DateTime64 { digits, zone: zone_at(1) }),
            "Time" | "Time64" => Self::Time,
            "UUID" => Self::Uuid,
            "IPv4" => Self::Ipv4,
            "IPv6" => Self::Ipv6,
            "Nullable" => Self::Nullable(Box::new(of(0))),
            // These types include `NULL`.
            "Dynamic" | "Variant" => Self::Nullable(Box::new(Self::Other)),
            "LowCardinality" => of(0),
            "SimpleAggregateFunction" => of(1),
            "Array" => array(of(0)),
            "Nested" => array(tuple()),
            "Tuple" => tuple(),
            "QBit" => array(of(0)),
            "JSON" => {
                let typed = parts.iter().map(|part| named(part, zone));
                Self::Json(typed.filter_map(|(path, kind)| Some((path.filter(|path| path != "SKIP")?, kind))).collect())
            }
            "Map" => Self::Map(Box::new(of(0)), Box::new(of(1))),
            "Point" => point(),
            "Ring" | "LineString" => array(point()),
            "Polygon" | "MultiLineString" => array(array(point())),
            "MultiPolygon" => array(array(array(point()))),
            _ => {
                let integer = || {
                    if name.starts_with("Interval") {
                        return Range::of(64, true);
                    }
                    let (bits, is_signed) = match name.strip_prefix('U') {
                        Some(name) => (name.strip_prefix("Int")?, false),
                        None => (name.strip_prefix("Int")?, true),
                    };
                    Range::of(bits.parse().ok()?, is_signed)
                };
                integer().map_or(Self::Other, Self::Integer)
            }
        }
    }
}

/// Whether a time zone is UTC.
pub(crate) fn is_utc(zone: &str) -> bool {
    ["UTC", "Etc/UTC", "GMT", "Etc/GMT"].contains(&zone)
}

/// Parses an element of a tuple: a type, with or without a name before it.
fn named(text: &str, zone: &str) -> (Option<String>, ColumnType) {
    let name = match text.starts_with('`') {
        true => end_of_literal(text).map(|end| (literal(&text[..end], '`'), &text[end..])),
        false => {
            let space = text.find(' ').filter(|space| !text[..*space].contains('('));
            space.map(|space| (Some(text[..space].to_owned()), &text[space..]))
        }
    };
    let (name, kind) = name.unwrap_or((None, text));
    (name, ColumnType::of(kind, zone))
}

/// Parses a value of an enum, `'a' = 1`.
fn enum_name(text: &str) -> Option<(String, i64)> {
    let end = end_of_literal(text)?;
    let number = text[end..].trim().strip_prefix('=')?;
    Some((literal(&text[..end], '\'')?, number.trim().parse().ok()?))
}

/// Splits at commas that are not within parentheses or quotation marks.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth, mut at) = (Vec::new(), 0, 0_i32, 0);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'\'' | b'`' => at += end_of_literal(&text[at..]).unwrap_or(text.len() - at) - 1,
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(text[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(text[begin..].trim());
    parts
}

/// The index after the closing quotation mark of the literal that the text begins with.
fn end_of_literal(text: &str) -> Option<usize> {
    let (mark, mut at) = (*text.as_bytes().first()?, 1);
    loop {
        match text.as_bytes().get(at)? {
            b'\\' => at += 2,
            byte if *byte == mark => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The content of a literal in quotation marks.
fn literal(text: &str, mark: char) -> Option<String> {
    let mut characters = text.strip_prefix(mark)?.strip_suffix(mark)?.chars();
    let mut content = String::new();
    while let Some(character) = characters.next() {
        content.push(match character {
            '\\' => match characters.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                other => other,
            },
            other => other,
        });
    }
    Some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_servers_print_them() {
        let of = |text: &str| ColumnType::of(text, "Asia/Tokyo");
        let integer = |bits, is_signed| ColumnType::Integer(Range::of(bits, is_signed).unwrap());
        assert_eq!(of("UInt8"), integer(8, false));
        assert_eq!(of("Int256"), integer(256, true));
        assert_eq!(of("Decimal(9, 2)"), ColumnType::Decimal { before: 7, behind: 2 });
        assert_eq!(of("LowCardinality(Nullable(String))"), ColumnType::Nullable(Box::new(ColumnType::String)));
        assert_eq!(of("SimpleAggregateFunction(sum, UInt64)"), integer(64, false));
        assert_eq!(of("DateTime('UTC')"), ColumnType::DateTime { is_utc: true });
        assert_eq!(of("DateTime"), ColumnType::DateTime { is_utc: false });
        assert_eq!(ColumnType::of("DateTime", "Etc/UTC"), ColumnType::DateTime { is_utc: true });
        assert_eq!(
            of("DateTime64(3, 'Europe/Berlin')"),
            ColumnType::DateTime64 { digits: 3, zone: "Europe/Berlin".to_owned() }
        );
        let names = vec![("a'b,(".to_owned(), 1), ("\\\t".to_owned(), -2)];
        let kind = r"Enum8('a\'b,(' = 1, '\\\t' = -2)";
        assert_eq!(of(kind), ColumnType::Enum { kind: kind.to_owned(), names });
        let tuple = ColumnType::Tuple(vec![
            (Some("a b`".to_owned()), integer(8, false)),
            (Some("d".to_owned()), of("Decimal(9, 2)")),
        ]);
        assert_eq!(of(r"Tuple(`a b\`` UInt8, d Decimal(9, 2))"), tuple);
        assert_eq!(
            of("Tuple(UInt8, Enum8('x y' = 1))"),
            ColumnType::Tuple(vec![(None, integer(8, false)), (None, of("Enum8('x y' = 1)"))])
        );
        assert_eq!(
            of("Map(String, Array(UInt8))"),
            ColumnType::Map(Box::new(ColumnType::String), Box::new(ColumnType::Array(Box::new(integer(8, false)))))
        );
        let json = ColumnType::Json(vec![("a.b".to_owned(), integer(8, false))]);
        assert_eq!(of("JSON(max_dynamic_paths=10, a.b UInt8, SKIP c, SKIP REGEXP 'x y')"), json);
        for other in ["AggregateFunction(uniq, UInt64)", "", "Intx", "Decimal", "Enum8('a"] {
            assert_eq!(of(other), ColumnType::Other, "{other}");
        }
    }
}
