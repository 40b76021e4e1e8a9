//! `for` in constants.

/// Visits the items of a slice, as `for` does outside of constants.
macro_rules! each {
    ($item:pat in $items:expr => $body:block) => {{
        let mut items: &[_] = $items;
        while let [item, rest @ ..] = items {
            items = rest;
            let $item = item;
            $body
        }
    }};
}

pub(crate) use each;
