//! What the kit found.

use std::{fmt, time::Duration};

/// What became of each scenario. Printed, it is a list with a line for each.
#[derive(Debug, Clone)]
#[must_use = "a report that nobody looks at fails no test: call `assert()`"]
pub struct Report {
    scenarios: Vec<Scenario>,
}

/// One scenario, played.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Scenario {
    /// What was played.
    pub name: &'static str,
    /// What became of it.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// What became of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was as it has to be.
    Passed,
    /// It was not played, and why.
    LeftOut(String),
    /// What was not as it has to be.
    Failed(Vec<String>),
}

impl Report {
    pub(super) fn new(scenarios: Vec<Scenario>) -> Self {
        Self { scenarios }
    }

    /// Every scenario, in the order in which they were played.
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// The scenarios that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Scenario> {
        self.scenarios.iter().filter(|scenario| matches!(scenario.verdict, Verdict::Failed(_)))
    }

    /// Whether none failed.
    pub fn passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// Fails the test that calls it, unless every scenario passed or was left out.
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
