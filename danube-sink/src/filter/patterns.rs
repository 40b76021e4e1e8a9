//! The function `matches` of CEL. The library's own compiles its regular expression for each call.

use std::{cell::RefCell, collections::HashMap};

use cel::{
    Env, ExecutionError,
    common::{
        types::{CelBool, CelString, STRING_TYPE},
        value::CowVal,
    },
};
use regex::Regex;

pub(super) const MATCHES: &str = "matches";

/// Patterns that a thread keeps.
const KEPT: usize = 64;

thread_local! {
    static PATTERNS: RefCell<HashMap<String, Option<Regex>>> = RefCell::default();
}

/// Adds `text.matches(pattern)` and `matches(text, pattern)`.
pub(super) fn add(environment: &mut Env) {
    let types = || vec![STRING_TYPE, STRING_TYPE];
    // The names are free: the library has neither without its own regular expressions.
    let _ = environment.add_overload(MATCHES, "matches", types(), matches);
    let _ = environment.add_member_overload(MATCHES, "matches_string", STRING_TYPE, vec![STRING_TYPE], matches);
}

/// Whether a pattern is valid.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    Regex::new(pattern).map(|_| ()).map_err(|error| format!("not a regular expression: {error}"))
}

fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let refused = || ExecutionError::function_error(MATCHES, "not a regular expression");
    let strings: Vec<_> = arguments.iter().filter_map(|argument| argument.downcast_ref::<CelString>()).collect();
    let [text, pattern] = strings.as_slice() else { return Err(refused()) };
    let is_match = PATTERNS.with_borrow_mut(|patterns| {
        if patterns.len() >= KEPT && !patterns.contains_key(pattern.inner()) {
            patterns.clear();
        }
        if let Some(known) = patterns.get(pattern.inner()) {
            return known.as_ref().map(|known| known.is_match(text.inner()));
        }
        let compiled = Regex::new(pattern.inner()).ok();
        let is_match = compiled.as_ref().map(|compiled| compiled.is_match(text.inner()));
        patterns.insert(pattern.inner().to_owned(), compiled);
        is_match
    });
    is_match.map(|is_match| CowVal::owned(CelBool::from(is_match))).ok_or_else(refused)
}
