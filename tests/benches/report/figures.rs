//! The benchmark's output: figures with their goals, controls, and the reasons for missing figures.

use std::fmt::Display;

/// Selection of measurements, their number of rounds, and the printer of their results.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) is_quick: bool,
    /// Filter: only figures whose name contains this text are measured.
    pub(crate) only: String,
}

/// Goal of a figure: its lower or upper limit.
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
    /// Whether any of these figures is selected.
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

    pub(crate) fn not_measured(&self, name: &str, reason: impl Display) {
        if self.wants(&[name]) {
            println!("left out {name}: {reason}");
        }
    }

    pub(crate) fn progress(&self, text: impl Display) {
        eprintln!("{text}");
    }
}

/// Formats a value with at least three significant digits.
fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// Median of the values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], values[middle]) } else { values[middle] }
}
