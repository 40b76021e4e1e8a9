//! The lines that are printed.

use std::fmt::Display;

/// What to measure, and how long.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) is_quick: bool,
    /// Part of the names of what is measured; empty for all.
    pub(crate) only: String,
}

/// What a figure has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(goal) => write!(f, ">={goal}"),
            Self::AtMost(goal) => write!(f, "<={goal}"),
        }
    }
}

impl Report {
    /// Whether any of these is to be measured.
    pub(crate) fn wants(&self, names: &[&str]) -> bool {
        names.iter().any(|name| name.contains(&self.only))
    }

    pub(crate) fn rounds(&self, quick: usize, full: usize) -> usize {
        if self.is_quick { quick } else { full }
    }

    pub(crate) fn figure(&self, name: &str, value: f64, goal: Goal) {
        println!("figure {name} {} {goal}", shown(value));
    }

    pub(crate) fn control(&self, name: &str, value: f64) {
        println!("control {name} {}", shown(value));
    }

    pub(crate) fn void(&self, name: &str, reason: impl Display) {
        println!("void {name}: {reason}");
    }

    pub(crate) fn left_out(&self, name: &str, reason: impl Display) {
        if self.wants(&[name]) {
            println!("left out {name}: {reason}");
        }
    }

    pub(crate) fn progress(&self, text: impl Display) {
        eprintln!("{text}");
    }
}

/// Three digits at least that say something.
fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// The value in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], values[middle]) } else { values[middle] }
}
