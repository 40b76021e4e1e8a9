//! Values with parts: arrays, tuples, maps, and objects whose paths have types.

use danube_sink::json::{items, members, string};

use super::{
    column_type::ColumnType,
    value::{Rules, Violation, Written, put},
};

pub(super) fn array<'j>(
    items: impl Iterator<Item = &'j str>,
    mut write: impl FnMut(usize, &'j str, &mut Vec<u8>) -> Written,
    row: &mut Vec<u8>,
) -> Written {
    row.push(b'[');
    for (number, item) in items.enumerate() {
        if number > 0 {
            row.push(b',');
        }
        write(number, item, row)?;
    }
    put(row, "]")
}

pub(super) fn tuple(
    json: &str,
    elements: &[(Option<String>, ColumnType)],
    rules: &Rules,
    row: &mut Vec<u8>,
) -> Written {
    if let Some(items) = items(json) {
        let mut kinds = elements.iter();
        array(
            items,
            |number, item, row| {
                let (_, kind) = kinds.next().ok_or("more items than the tuple has elements")?;
                kind.write(item, rules, row).map_err(|violation| violation.below(number))
            },
            row,
        )?;
        return if kinds.next().is_none() { Ok(()) } else { Err("fewer items than the tuple has elements".into()) };
    }
    let members = members(json).ok_or("neither an array nor an object")?;
    let mut seen = vec![false; elements.len()];
    row.push(b'{');
    let begin = row.len();
    for (written, value) in members {
        let name = string(written);
        match elements.iter().position(|(element, _)| element.as_deref() == name.as_deref()) {
            Some(at) if seen[at] => return Err(Violation::from("a name twice").below(name.unwrap_or_default())),
            Some(at) => {
                seen[at] = true;
                put(row, if row.len() > begin { "," } else { "" })?;
                put(row, written)?;
                put(row, ":")?;
                let below = |violation: Violation| violation.below(name.unwrap_or_default());
                elements[at].1.write(value, rules, row).map_err(below)?;
            }
            None if rules.skip_unknown => {}
            None => return Err("a field that the tuple does not have".into()),
        }
    }
    put(row, "}")
}

pub(super) fn map(json: &str, key: &ColumnType, value: &ColumnType, rules: &Rules, row: &mut Vec<u8>) -> Written {
    let members: Vec<_> = members(json).ok_or("not an object")?.collect();
    let mut names: Vec<_> = members.iter().map(|(name, _)| string(name)).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("a name twice".into());
    }
    row.push(b'{');
    for (number, (name, of)) in members.into_iter().enumerate() {
        put(row, if number > 0 { "," } else { "" })?;
        let begin = row.len();
        key.write(name, rules, row).map_err(Violation::of_key)?;
        if row.get(begin) != Some(&b'"') {
            row.insert(begin, b'"');
            row.push(b'"');
        }
        row.push(b':');
        value.write(of, rules, row).map_err(|violation| violation.below("*"))?;
    }
    put(row, "}")
}

/// Appends an object whose paths have types.
pub(super) fn json_paths(
    json: &str,
    above: &str,
    typed: &[(String, ColumnType)],
    rules: &Rules,
    row: &mut Vec<u8>,
) -> Written {
    row.push(b'{');
    for (number, (written, value)) in members(json).ok_or("not an object")?.enumerate() {
        put(row, if number > 0 { "," } else { "" })?;
        put(row, written)?;
        row.push(b':');
        let path = format!("{above}{}", string(written).unwrap_or_default());
        match typed.iter().find(|(typed, _)| *typed == path) {
            Some((_, kind)) => kind.write(value, rules, row).map_err(|violation| violation.below(&path))?,
            None if value.starts_with('{') => json_paths(value, &format!("{path}."), typed, rules, row)?,
            None => put(row, value)?,
        }
    }
    put(row, "}")
}
