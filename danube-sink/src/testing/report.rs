//! Report of the conformance kit.

use std::{fmt, time::Duration};

/// Report of the conformance kit, with the result of each scenario. It prints as a list.
#[derive(Debug, Clone)]
#[must_use = "a report fails the test only if you call `assert()`"]
pub struct Report {
    scenarios: Vec<Scenario>,
}

/// A scenario that was run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Scenario {
    /// The scenario's name.
    pub name: &'static str,
    /// The result.
    pub result: ScenarioResult,
    /// What the kit could not check, and the subject should know.
    pub notes: Vec<String>,
    /// The duration.
    pub took: Duration,
}

/// Result of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScenarioResult {
    /// The connector conforms.
    Passed,
    /// The scenario was skipped, for this reason.
    Skipped(String),
    /// The scenario failed, with these findings.
    Failed(Vec<String>),
}

impl Report {
    pub(super) fn new(scenarios: Vec<Scenario>) -> Self {
        Self { scenarios }
    }

    /// Every scenario, in the order of execution.
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// The scenarios that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Scenario> {
        self.scenarios.iter().filter(|scenario| matches!(scenario.result, ScenarioResult::Failed(_)))
    }

    /// Whether no scenario failed.
    pub fn passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// Fails the calling test unless every scenario passed or was skipped. Prints the report if the kit could not check
    /// everything: a passing test shows it with `--nocapture`.
    ///
    /// # Panics
    /// With the whole report, if a scenario failed.
    #[track_caller]
    #[expect(clippy::print_stdout, reason = "the output of a test")]
    pub fn assert(&self) {
        assert!(self.passed(), "the connector does not conform\n{self}");
        if !self.is_complete() {
            println!("{self}");
        }
    }

    /// Whether the kit checked everything: no scenario was skipped, and none has notes.
    fn is_complete(&self) -> bool {
        let is_skipped = |result: &ScenarioResult| matches!(result, ScenarioResult::Skipped(_));
        self.scenarios.iter().all(|scenario| scenario.notes.is_empty() && !is_skipped(&scenario.result))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Scenario { name, result, notes, took } in &self.scenarios {
            let seconds = took.as_secs_f64();
            match result {
                ScenarioResult::Passed => writeln!(f, "passed    {name} ({seconds:.2} s)")?,
                ScenarioResult::Skipped(reason) => writeln!(f, "skipped   {name}: {reason}")?,
                ScenarioResult::Failed(findings) => {
                    writeln!(f, "FAILED    {name} ({seconds:.2} s)")?;
                    for finding in findings {
                        writeln!(f, "          - {finding}")?;
                    }
                }
            }
            for note in notes {
                writeln!(f, "          note: {note}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_scenario_or_a_note_makes_a_report_incomplete() {
        let scenario = |result, notes: &[&str]| {
            let notes = notes.iter().map(|note| note.to_string()).collect();
            Report::new(vec![Scenario { name: "a scenario", result, notes, took: Duration::ZERO }])
        };
        assert!(scenario(ScenarioResult::Passed, &[]).is_complete());
        assert!(!scenario(ScenarioResult::Passed, &["no rejected record was counted"]).is_complete());
        let skipped = scenario(ScenarioResult::Skipped("the subject has no `count`".to_owned()), &[]);
        assert!(!skipped.is_complete() && skipped.passed());
        skipped.assert();
    }
}
