//! Report of the conformance kit.

use std::{fmt, time::Duration};

/// Report of the conformance kit, with the verdict of each scenario. It prints as a list.
#[derive(Debug, Clone)]
#[must_use = "a report fails the test only if you call `assert()`"]
pub struct Report {
    scenarios: Vec<Scenario>,
}

/// Result of one scenario.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Scenario {
    /// The scenario's name.
    pub name: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// The duration.
    pub took: Duration,
}

/// Verdict of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The connector conforms.
    Passed,
    /// The scenario was left out, for this reason.
    LeftOut(String),
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
        self.scenarios.iter().filter(|scenario| matches!(scenario.verdict, Verdict::Failed(_)))
    }

    /// Whether no scenario failed.
    pub fn passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// Fails the calling test unless every scenario passed or was left out.
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
        for Scenario { name, verdict, took } in &self.scenarios {
            let seconds = took.as_secs_f64();
            match verdict {
                Verdict::Passed => writeln!(f, "passed    {name} ({seconds:.2} s)")?,
                Verdict::LeftOut(reason) => writeln!(f, "left out  {name}: {reason}")?,
                Verdict::Failed(findings) => {
                    writeln!(f, "FAILED    {name} ({seconds:.2} s)")?;
                    for finding in findings {
                        writeln!(f, "          - {finding}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
