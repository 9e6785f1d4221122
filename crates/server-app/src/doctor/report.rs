//! What the doctor found, as text for people and as JSON for scripts.

use std::fmt::Write as _;

use executor_core::capabilities::{Capabilities, Capability};
use serde_json::{Value, json};

use super::prove::{self, Proof};
use crate::exit_codes::Exit;

/// How good a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// As it should be, or a fact that is neither.
    Good,
    /// It works, and somebody should know.
    Warning,
    /// Programs cannot be run, or not as promised.
    Bad,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warn",
            Self::Bad => "FAIL",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) area: Area,
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) says: String,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
}

/// What findings are grouped by, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Area {
    Settings,
    Engine,
    Promises,
    WayOut,
    Probe,
}

impl Area {
    const fn heading(self) -> &'static str {
        match self {
            Self::Settings => "Settings",
            Self::Engine => "Engine",
            Self::Promises => "What the engine enforces",
            Self::WayOut => "The way out",
            Self::Probe => "A real sandbox, seen from inside",
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Engine => "engine",
            Self::Promises => "promises",
            Self::WayOut => "way_out",
            Self::Probe => "probe",
        }
    }
}

/// Everything that was found, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: Vec<Finding>,
    /// The exit code of the first failure.
    failure: Option<Exit>,
    /// The promises that the operator does without.
    accepted: Capabilities,
    /// What was tried, if it was.
    proofs: Vec<Proof>,
}

impl Report {
    /// A report for an operator who accepted these gaps.
    pub(crate) fn accepting(accepted: Capabilities) -> Self {
        Self {
            accepted,
            ..Self::default()
        }
    }

    /// Adds what was tried; one broken promise is a failure.
    pub(crate) fn prove(&mut self, proofs: Vec<Proof>) {
        if prove::broken(&proofs, &self.accepted) {
            self.failure.get_or_insert(Exit::PromiseBroken);
        }
        self.proofs = proofs;
    }

    /// Notes a promise that is not kept: a failure, unless it was accepted by name.
    pub(crate) fn broken(
        &mut self,
        area: Area,
        capability: Capability,
        name: &str,
        says: impl Into<String>,
        remedy: Option<String>,
    ) {
        let gap = capability.as_str();
        if self.accepted.has(capability) {
            let says = format!("{}; accepted by `danger.accept` as {gap}", says.into());
            self.add(area, name, Verdict::Warning, says, remedy);
            return;
        }
        let accept = format!("accept it by `--danger-accept {gap}`");
        let remedy = match remedy {
            Some(remedy) => format!("{remedy}; or {accept}"),
            None => accept,
        };
        self.fail(area, name, says, Some(remedy), Exit::PromiseBroken);
    }

    pub(crate) fn good(&mut self, area: Area, name: &str, says: impl Into<String>) {
        self.add(area, name, Verdict::Good, says.into(), None);
    }

    pub(crate) fn warn(&mut self, area: Area, name: &str, says: impl Into<String>) {
        self.add(area, name, Verdict::Warning, says.into(), None);
    }

    /// Notes a failure; the first one decides the exit code.
    pub(crate) fn fail(
        &mut self,
        area: Area,
        name: &str,
        says: impl Into<String>,
        remedy: Option<String>,
        exit: Exit,
    ) {
        self.add(area, name, Verdict::Bad, says.into(), remedy);
        self.failure.get_or_insert(exit);
    }

    fn add(
        &mut self,
        area: Area,
        name: &str,
        verdict: Verdict,
        says: String,
        remedy: Option<String>,
    ) {
        self.findings.push(Finding {
            area,
            name: name.to_owned(),
            verdict,
            says,
            remedy,
        });
    }

    /// What the doctor exits with.
    pub(crate) fn exit(&self) -> Exit {
        self.failure.unwrap_or(Exit::Success)
    }

    /// For people.
    pub(crate) fn text(&self, program: &str) -> String {
        let mut text = format!("{program} {}\n", env!("CARGO_PKG_VERSION"));
        let mut area = None;
        let width = self
            .findings
            .iter()
            .map(|finding| finding.name.len())
            .max()
            .unwrap_or(0);
        for finding in &self.findings {
            if area != Some(finding.area) {
                area = Some(finding.area);
                let _ = writeln!(text, "\n{}", finding.area.heading());
            }
            let Finding {
                name,
                verdict,
                says,
                ..
            } = finding;
            let _ = writeln!(text, "  {:4}  {name:width$}  {says}", verdict.as_str());
            if let Some(remedy) = &finding.remedy {
                let _ = writeln!(text, "        {:width$}  -> {remedy}", "");
            }
        }
        if !self.proofs.is_empty() {
            text.push_str(&prove::table(&self.proofs, &self.accepted));
        }
        let count = |verdict| {
            self.findings
                .iter()
                .filter(|finding| finding.verdict == verdict)
                .count()
        };
        let summary = match (count(Verdict::Bad), count(Verdict::Warning)) {
            (0, _) if self.failure.is_some() => {
                "A promise was broken: run no programs of others on this host.".to_owned()
            }
            (0, 0) => "All is well.".to_owned(),
            (0, 1) => "All is well, with one warning.".to_owned(),
            (0, warnings) => format!("All is well, with {warnings} warnings."),
            (1, _) => {
                "One thing has to be mended before programs can be run as promised.".to_owned()
            }
            (bad, _) => {
                format!("{bad} things have to be mended before programs can be run as promised.")
            }
        };
        let _ = writeln!(text, "\n{summary}");
        text
    }

    /// For scripts.
    pub(crate) fn json(&self, program: &str) -> String {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|finding| {
                json!({
                    "area": finding.area.as_str(),
                    "name": finding.name,
                    "verdict": finding.verdict.as_str().to_ascii_lowercase(),
                    "says": finding.says,
                    "remedy": finding.remedy,
                })
            })
            .collect();
        let report = json!({
            "program": program,
            "version": env!("CARGO_PKG_VERSION"),
            "good": self.failure.is_none(),
            "exit_code": self.exit().code(),
            "findings": findings,
            "proofs": prove::json(&self.proofs, &self.accepted),
        });
        format!("{report:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        report.good(Area::Engine, "engine", "Docker 28");
        report.warn(Area::Engine, "age", "old");
        report.fail(
            Area::Promises,
            "memory-limit",
            "no control group",
            Some("delegate it".to_owned()),
            Exit::PromiseBroken,
        );
        report
    }

    #[test]
    fn people_read_it_by_area() {
        expect![[r#"
            server 0.1.0

            Engine
              ok    engine        Docker 28
              warn  age           old

            What the engine enforces
              FAIL  memory-limit  no control group
                                  -> delegate it

            One thing has to be mended before programs can be run as promised.
        "#]]
        .assert_eq(&report().text("server"));
    }

    #[test]
    fn an_accepted_gap_is_a_warning_and_no_failure() {
        let mut report = Report::accepting(Capabilities::of([Capability::MemoryLimit]));
        let mut broken = |capability, name| {
            report.broken(Area::Probe, capability, name, "gone", None);
            report.exit()
        };
        assert_eq!(
            broken(Capability::MemoryLimit, "memory-limit"),
            Exit::Success
        );
        assert_eq!(
            broken(Capability::CpuLimit, "cpu-limit"),
            Exit::PromiseBroken
        );
        expect![[r"
            server 0.1.0

            A real sandbox, seen from inside
              warn  memory-limit  gone; accepted by `danger.accept` as memory-limit
              FAIL  cpu-limit     gone
                                  -> accept it by `--danger-accept cpu-limit`

            One thing has to be mended before programs can be run as promised.
        "]]
        .assert_eq(&report.text("server"));
    }

    #[test]
    fn scripts_read_whether_it_is_good() {
        let json: Value = serde_json::from_str(&report().json("server")).unwrap();
        assert_eq!(json["good"], false);
        assert_eq!(json["exit_code"], 4);
        assert_eq!(json["findings"][2]["remedy"], "delegate it");
        assert_eq!(Report::default().exit(), Exit::Success);
    }
}
