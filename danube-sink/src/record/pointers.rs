//! Lookup of several JSON pointers in a payload's JSON text.

use serde_json::Value;

use super::pointer::{Pointer, index};
use crate::json::{Members, items, string};

/// Several JSON pointers, whose values are found together in a payload's JSON text. A step that they share is read once.
///
/// ```
/// use danube_sink::{Pointer, config::Pointers};
///
/// let pointers = ["/price", "/user/id", "/user/name"].map(|text| text.parse::<Pointer>().unwrap());
/// let pointers: Pointers = pointers.iter().collect();
/// let payload = r#"{ "user": { "id": 7, "age": 36 }, "price": 0.12345678901234567890 }"#;
/// assert_eq!(pointers.of_json(payload), [Some("0.12345678901234567890"), Some("7"), None]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Pointers {
    count: usize,
    requested: RequestedPart,
}

/// The requested parts of a value.
#[derive(Debug, Clone, Default)]
struct RequestedPart {
    /// Positions of this value in the result.
    here: Vec<usize>,
    /// Requested parts of this value, as they were requested: most payloads have them in this order.
    below: Vec<NamedPart>,
    /// Their positions, ordered by the length of their names, then by name: few names have the same length, so few are compared.
    /// Items of an array are thus in the order of their indices.
    sorted: Vec<usize>,
}

/// A requested part of a value.
#[derive(Debug, Clone)]
struct NamedPart {
    name: Box<str>,
    /// The name as most payloads have it: in quotation marks and with the colon.
    written: Box<str>,
    requested: RequestedPart,
}

impl<'p> FromIterator<&'p Pointer> for Pointers {
    fn from_iter<I: IntoIterator<Item = &'p Pointer>>(pointers: I) -> Self {
        let mut all = Self::default();
        for pointer in pointers {
            let requested = pointer.steps.iter().fold(&mut all.requested, |requested, step| requested.at(step));
            requested.here.push(all.count);
            all.count += 1;
        }
        all
    }
}

impl Pointers {
    /// JSON text of each pointer's value in a valid JSON text, in the order of the pointers. If an object has several fields of one
    /// name, the last one counts.
    pub fn of_json<'a>(&self, payload: &'a str) -> Vec<Option<&'a str>> {
        let mut found = vec![None; self.count];
        self.requested.find(payload.trim_ascii(), &mut found);
        found
    }
}

impl RequestedPart {
    /// The position of a part, or that of its position among the sorted.
    fn search(&self, step: &str) -> Result<usize, usize> {
        let by_length = |position: &usize| {
            let name = &*self.below[*position].name;
            name.len().cmp(&step.len()).then_with(|| name.cmp(step))
        };
        self.sorted.binary_search_by(by_length).map(|found| self.sorted[found])
    }

    fn at(&mut self, step: &str) -> &mut Self {
        let position = self.search(step).unwrap_or_else(|sorted| {
            let written = format!("{}:", Value::from(step));
            self.sorted.insert(sorted, self.below.len());
            self.below.push(NamedPart { name: step.into(), written: written.into(), requested: Self::default() });
            self.below.len() - 1
        });
        &mut self.below[position].requested
    }

    fn find<'a>(&self, json: &'a str, found: &mut [Option<&'a str>]) {
        self.here.iter().for_each(|position| found[*position] = Some(json));
        if self.below.is_empty() {
            return;
        }
        self.below.iter().for_each(|part| part.requested.forget(found));
        if let Some(members) = Members::of(json) {
            self.find_members(members, found);
        } else if let Some(mut items) = items(json) {
            let mut passed = 0;
            let parts = self.sorted.iter().map(|position| &self.below[*position]);
            for (number, part) in parts.filter_map(|part| Some((index(&part.name)?, part))) {
                let Some(item) = items.nth(number - passed) else { return };
                part.requested.find(item, found);
                passed = number + 1;
            }
        }
    }

    fn find_members<'a>(&self, mut members: Members<'a>, found: &mut [Option<&'a str>]) {
        let mut expected = 0;
        loop {
            if let Some(part) = self.below.get(expected)
                && let Some(value) = members.next_if(&part.written)
            {
                part.requested.find(value, found);
                expected += 1;
                continue;
            }
            let Some((name, value)) = members.next() else { return };
            if let Some(Ok(position)) = string(name).map(|name| self.search(&name)) {
                self.below[position].requested.find(value, found);
                expected = position + 1;
            }
        }
    }

    /// Clears the values of an earlier field with the same name.
    fn forget(&self, found: &mut [Option<&str>]) {
        self.here.iter().for_each(|position| found[*position] = None);
        self.below.iter().for_each(|part| part.requested.forget(found));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), name().prop_map(Value::from)];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(name(), inner, 0..4).prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    /// Field names, so few that random pointers find some.
    fn name() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["a", "b", "0", "1", "", "a/b", "~", "\"\\", "ü\n"]).prop_map(str::to_owned)
    }

    fn pointer() -> impl Strategy<Value = Pointer> {
        prop::collection::vec(name(), 0..4).prop_map(|steps| steps.into_iter().collect())
    }

    proptest! {
        #[test]
        fn pointers_find_the_same_in_text_and_value(payload in json(), pointers in prop::collection::vec(pointer(), 0..6)) {
            let all: Pointers = pointers.iter().collect();
            for text in [payload.to_string(), format!(" {payload:#}\n")] {
                let found: Vec<Option<Value>> =
                    all.of_json(&text).iter().map(|value| value.map(|value| serde_json::from_str(value).unwrap())).collect();
                let expected: Vec<_> = pointers.iter().map(|pointer| pointer.of(&payload).cloned()).collect();
                prop_assert_eq!(found, expected);
                let read: Vec<Pointer> = pointers.iter().map(|pointer| pointer.as_str().parse().unwrap()).collect();
                prop_assert_eq!(&read, &pointers);
            }
        }
    }

    #[test]
    fn items_are_found_by_their_numbers() {
        let pointers: Vec<Pointer> =
            ["/10", "/9", "/2/0", "/07", "/99", "/a"].iter().map(|text| text.parse().unwrap()).collect();
        let pointers: Pointers = pointers.iter().collect();
        let found = pointers.of_json("[0,1,[2],3,4,5,6,7,8,9,10,11]");
        assert_eq!(found, [Some("10"), Some("9"), Some("2"), None, None, None]);
    }

    #[test]
    fn the_last_field_of_a_name_counts() {
        let pointers: Vec<Pointer> = ["/a/x", "/a/y", "/a"].iter().map(|text| text.parse().unwrap()).collect();
        let pointers: Pointers = pointers.iter().collect();
        assert_eq!(pointers.of_json(r#"{"a":{"x":1},"a":{"y":2}}"#), [None, Some("2"), Some(r#"{"y":2}"#)]);
    }
}
