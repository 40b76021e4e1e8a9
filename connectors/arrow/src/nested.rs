//! Values of lists, structs and maps: checked by the rules of scalar columns, and written as JSON for Arrow's reader.
//!
//! On its own, that reader truncates `7.5` to `7`, rounds decimals, makes `1e39` infinite and takes any number for a time.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write};

use arrow_schema::{
    DataType::{self, FixedSizeList, LargeList, LargeListView, List, ListView, Map, Struct},
    Field,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, value::RawValue};

use super::{scalar, time::is_count, value::Rules, violation::Violation};

/// The members of an object; if a name repeats, the last one counts.
type Object<'v> = BTreeMap<Cow<'v, str>, &'v RawValue>;

/// The value as JSON for Arrow's reader, checked at every depth.
pub(super) fn canonical(kind: &DataType, json: &str, rules: Rules) -> Result<String, Violation> {
    let mut out = String::with_capacity(json.len());
    write(kind, json, rules, &mut out).map(|()| out)
}

fn write(kind: &DataType, json: &str, rules: Rules, out: &mut String) -> Result<(), Violation> {
    match kind {
        Struct(fields) => {
            let values: Object<'_> = serde_json::from_str(json).map_err(|_| Violation::new("is not a JSON object"))?;
            let is_new =
                |(name, value): &(&Cow<'_, str>, &&RawValue)| value.get() != "null" && fields.find(name).is_none();
            if let Some((name, _)) = values.iter().find(|member| rules.rejects_new && is_new(member)) {
                return Err(Violation::new_field(name));
            }
            let written = fields.iter().map(|field| {
                let value = values.get(field.name().as_str()).map(|value| value.get());
                (Value::from(field.name().as_str()).to_string(), &**field, value.unwrap_or("null"))
            });
            write_all(written, ['{', '}'], rules, out)
        }
        Map(entries, _) => {
            let Struct(entry) = entries.data_type() else { return Err(Violation::new("has an invalid map type")) };
            let [key, value] = &entry[..] else { return Err(Violation::new("has an invalid map type")) };
            let values: Object<'_> = serde_json::from_str(json).map_err(|_| Violation::new("is not a JSON object"))?;
            let mut written = Vec::with_capacity(values.len());
            for (name, json) in values {
                let name = Value::from(name).to_string();
                let name = scalar::text(key.data_type(), &name, None).map_err(|violation| violation.below("a key"))?;
                written.push((Value::from(name).to_string(), &**value, json.get()));
            }
            write_all(written, ['{', '}'], rules, out)
        }
        List(item) | LargeList(item) | FixedSizeList(item, _) | ListView(item) | LargeListView(item) => {
            let items: Vec<&RawValue> =
                serde_json::from_str(json).map_err(|_| Violation::new("is not a JSON array"))?;
            write_all(items.into_iter().map(|json| (String::new(), &**item, json.get())), ['[', ']'], rules, out)
        }
        _ => write_scalar(kind, json, rules, out),
    }
}

/// Writes the items of an array, or the members of an object, which have a quoted name.
fn write_all<'f>(
    values: impl IntoIterator<Item = (String, &'f Field, &'f str)>,
    [open, close]: [char; 2],
    rules: Rules,
    out: &mut String,
) -> Result<(), Violation> {
    out.push(open);
    for (number, (name, field, json)) in values.into_iter().enumerate() {
        out.push_str(if number > 0 { "," } else { "" });
        out.push_str(&name);
        out.push_str(if name.is_empty() { "" } else { ":" });
        let written = match json {
            "null" if field.is_nullable() => {
                out.push_str(json);
                Ok(())
            }
            "null" => Err(Violation::new("is null or missing")),
            json => write(field.data_type(), json, rules, out),
        };
        written.map_err(|violation| match &*name {
            "" => violation.below(number),
            _ => violation.below(field.name()),
        })?;
    }
    out.push(close);
    Ok(())
}

fn write_scalar(kind: &DataType, json: &str, rules: Rules, out: &mut String) -> Result<(), Violation> {
    let text = scalar::text(kind, json, rules.unit)?;
    match kind {
        kind if kind.is_binary() => {
            let bytes = STANDARD.decode(&*text).map_err(|_| Violation::new("is not base64"))?;
            out.push('"');
            bytes.iter().for_each(|byte| write!(out, "{byte:02x}").unwrap_or_default());
            out.push('"');
        }
        // `NaN` is not a JSON number.
        kind if kind.is_numeric() && !text.ends_with(['N', 'y']) => out.push_str(&text),
        kind if is_count(kind) || *kind == DataType::Boolean => out.push_str(&text),
        _ if json.starts_with('"') => out.push_str(json),
        _ => out.push_str(&Value::from(text).to_string()),
    }
    Ok(())
}
