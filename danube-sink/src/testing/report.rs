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

    /// Fails the calling test unless every scenario passed or was skipped.
    ///
    /// # Panics
    /// With the whole report, if a scenario failed.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.passed(), "the connector does not conform\n{self}");
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
