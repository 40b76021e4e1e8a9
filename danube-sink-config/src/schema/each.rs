//! `for` and `any` in constants.

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

/// Whether an item of a slice has a property: `Iterator::any` for constants.
macro_rules! any {
    ($item:pat in $items:expr => $has:expr) => {{
        let mut items: &[_] = $items;
        loop {
            let [item, rest @ ..] = items else { break false };
            items = rest;
            let $item = item;
            if $has {
                break true;
            }
        }
    }};
}

pub(crate) use any;
pub(crate) use each;
