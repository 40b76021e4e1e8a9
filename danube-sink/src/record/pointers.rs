//! Lookup of several JSON pointers in a payload's JSON text.

use super::pointer::{Pointer, index};
use crate::json::{fields, items};

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
    /// Requested parts of this value, ordered by the length of their names, then by name: few names have the same length, so
    /// few are compared. Items of an array are thus in the order of their indices.
    below: Vec<(Box<str>, RequestedPart)>,
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
    fn search(&self, step: &str) -> Result<usize, usize> {
        self.below.binary_search_by(|(name, _)| name.len().cmp(&step.len()).then_with(|| (**name).cmp(step)))
    }

    fn at(&mut self, step: &str) -> &mut Self {
        let position = self.search(step).unwrap_or_else(|position| {
            self.below.insert(position, (step.into(), Self::default()));
            position
        });
        &mut self.below[position].1
    }

    fn find<'a>(&self, json: &'a str, found: &mut [Option<&'a str>]) {
        self.here.iter().for_each(|position| found[*position] = Some(json));
        if self.below.is_empty() {
            return;
        }
        self.below.iter().for_each(|(_, requested)| requested.forget(found));
        for (name, value) in fields(json).into_iter().flatten() {
            if let Ok(position) = self.search(&name) {
                self.below[position].1.find(value, found);
            }
        }
        let Some(mut items) = items(json) else { return };
        let mut passed = 0;
        for (number, below) in self.below.iter().filter_map(|(name, below)| Some((index(name)?, below))) {
            let Some(item) = items.nth(number - passed) else { return };
            below.find(item, found);
            passed = number + 1;
        }
    }

    /// Clears the values of an earlier field with the same name.
    fn forget(&self, found: &mut [Option<&str>]) {
        self.here.iter().for_each(|position| found[*position] = None);
        self.below.iter().for_each(|(_, requested)| requested.forget(found));
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
