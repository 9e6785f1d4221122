//! The command that installs a set of modules: arguments, environment, and the hosts that it has to reach.
//!
//! Nothing of a request is ever part of a text that somebody parses as options: each requirement is an argument of its
//! own behind `--`, and has been taken apart and put together again before.

use std::collections::BTreeSet;
use std::fmt;

use super::constraints::{Constraints, ProjectName};
use super::error::ModuleError;
use super::index::{IndexHost, IndexUrl};
use super::output::Installed;
use super::pin::Pin;
use super::probe;
use super::set::ModuleSet;

/// What an operator decides about installs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InstallSettings {
    /// The index that is asked; the Python Package Index by default.
    pub index: IndexUrl,
    /// Further indexes. The installer takes the newest version of *any* of them, so each one is trusted for every name.
    pub extra_indexes: Vec<IndexUrl>,
    /// Hosts that an index links to for its files, beyond itself.
    pub file_hosts: Vec<IndexHost>,
    /// Whether packages without a wheel may be built, which runs code of theirs during the install.
    pub source_packages: SourcePackages,
    /// Projects held to the version that the image carries.
    pub pins: Vec<Pin>,
    /// Requirements that bind whatever is installed, named or not, without asking for any of it.
    pub constraints: Constraints,
    /// The only projects that a request may name, if not all; what those depend on comes with them.
    pub allowed: Option<BTreeSet<ProjectName>>,
    /// Projects that are never installed, named or not.
    pub denied: BTreeSet<ProjectName>,
    /// The interpreter in the image.
    pub python: String,
    /// The directory in the sandbox that receives the modules.
    pub target: String,
}

/// Whether an install may build packages from source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "a yes and a no")]
pub enum SourcePackages {
    /// Wheels only: nothing of a package runs while it is installed.
    #[default]
    Refused,
    /// Source packages are built inside the sandbox when there is no wheel.
    Allowed,
}

impl Default for InstallSettings {
    fn default() -> Self {
        Self {
            index: IndexUrl::pypi(),
            extra_indexes: Vec::new(),
            file_hosts: Vec::new(),
            source_packages: SourcePackages::default(),
            pins: Vec::new(),
            constraints: Constraints::default(),
            allowed: None,
            denied: BTreeSet::new(),
            python: "python3".to_owned(),
            target: "/modules".to_owned(),
        }
    }
}

impl InstallSettings {
    /// The hosts that the gateway opens while modules are installed: the indexes, where their files lie, and what the
    /// operator added. Sorted, each once.
    #[must_use]
    pub fn index_hosts(&self) -> Vec<IndexHost> {
        let hosts: BTreeSet<IndexHost> = self
            .indexes()
            .flat_map(|index| [Some(index.host()), index.file_host()])
            .flatten()
            .chain(self.file_hosts.iter().cloned())
            .collect();
        hosts.into_iter().collect()
    }

    pub(crate) fn indexes(&self) -> impl Iterator<Item = &IndexUrl> {
        std::iter::once(&self.index).chain(&self.extra_indexes)
    }
}

/// One install, ready to be run in a sandbox as an ordinary command with an empty standard input.
///
/// The argument vector holds the index addresses with their passwords: it is for the sandbox and not for a log, and
/// `Debug` shows the requirements only.
#[derive(Clone)]
pub struct InstallPlan {
    requirements: Vec<String>,
    notes: Vec<String>,
    settings: InstallSettings,
}

impl InstallPlan {
    /// The plan for `modules`, with the pinned projects held to their versions.
    ///
    /// # Errors
    /// When the set asks for another version of a pinned project, or for one that is not allowed.
    pub fn new(modules: ModuleSet, settings: &InstallSettings) -> Result<Self, ModuleError> {
        let modules = modules.held_to(&settings.pins)?;
        for requirement in modules.requirements() {
            let name = requirement.name();
            let unlisted =
                |names: &BTreeSet<ProjectName>| !names.iter().any(|one| one.as_str() == name);
            if !unlisted(&settings.denied) || settings.allowed.as_ref().is_some_and(unlisted) {
                return Err(ModuleError::not_allowed(name));
            }
        }
        Ok(Self {
            requirements: modules
                .requirements()
                .iter()
                .map(ToString::to_string)
                .collect(),
            notes: modules.notes().to_vec(),
            settings: settings.clone(),
        })
    }

    /// Whether there is nothing to install, so that no command has to be run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// What was dropped or replaced on the way from the request to this plan.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What the installer is asked for, one requirement each.
    #[must_use]
    pub fn requirements(&self) -> &[String] {
        &self.requirements
    }

    /// The hosts that have to be open while the plan runs; see [`InstallSettings::index_hosts`].
    #[must_use]
    pub fn index_hosts(&self) -> Vec<IndexHost> {
        self.settings.index_hosts()
    }

    /// The first of these projects, as `name-version`, that is denied. What was asked for was looked at before; this is
    /// about what came with it.
    pub(crate) fn denied<'a>(&self, installed: &'a [Installed]) -> Option<&'a str> {
        let denied = &self.settings.denied;
        let mut names = installed.iter().map(|one| one.name.as_str());
        names.find(|name| {
            name.parse()
                .is_ok_and(|name: ProjectName| denied.contains(&name))
        })
    }

    /// The constraints that bind this install, a line each.
    pub(crate) fn constraints(&self) -> String {
        let pins = self.settings.pins.iter().map(|pin| pin.constraint() + "\n");
        pins.chain([self.settings.constraints.to_string()])
            .collect()
    }

    /// The argument vector. No entry that stems from a request begins with a hyphen.
    #[must_use]
    pub fn argv(&self) -> Vec<String> {
        let scratch = self.scratch();
        let companion = probe::settings(
            &scratch,
            &self.settings.target,
            &self.constraints(),
            self.settings.indexes(),
            &self.uv(),
        );
        let mut argv = vec![
            self.settings.python.clone(),
            "-I".to_owned(),
            "-c".to_owned(),
            probe::SOURCE.to_owned(),
        ];
        argv.push(companion);
        argv.extend(PIP_INSTALL.iter().map(|&word| word.to_owned()));
        argv.push(format!("--target={}", self.settings.target));
        argv.push(format!("--constraint={scratch}/constraints.txt"));
        argv.push(match self.settings.source_packages {
            SourcePackages::Refused => "--only-binary=:all:".to_owned(),
            SourcePackages::Allowed => "--prefer-binary".to_owned(),
        });
        argv.push(format!("--index-url={}", self.settings.index.reveal()));
        argv.extend(
            self.settings
                .extra_indexes
                .iter()
                .map(|index| format!("--extra-index-url={}", index.reveal())),
        );
        // An index in clear text is the operator's decision; the installer would ignore it otherwise.
        let clear_text = self
            .settings
            .indexes()
            .filter_map(IndexUrl::clear_text_host);
        argv.extend(clear_text.map(|host| format!("--trusted-host={host}")));
        argv.push("--".to_owned());
        argv.extend(self.requirements.iter().cloned());
        argv
    }

    /// What `uv` is told, which does the same several times as fast where it is on the path. When it fails, pip is
    /// asked, whose words are the ones that are understood here.
    fn uv(&self) -> Vec<String> {
        let mut arguments: Vec<String> = UV_INSTALL.iter().map(|&word| word.to_owned()).collect();
        arguments.push(format!("--target={}", self.settings.target));
        arguments.push(format!("--constraint={}/constraints.txt", self.scratch()));
        if self.settings.source_packages == SourcePackages::Refused {
            arguments.push("--only-binary=:all:".to_owned());
        }
        arguments.push(format!("--default-index={}", self.settings.index.reveal()));
        let extra = self.settings.extra_indexes.iter();
        arguments.extend(extra.map(|index| format!("--index={}", index.reveal())));
        arguments.push("--".to_owned());
        arguments.extend(self.requirements.iter().cloned());
        arguments
    }

    /// The variables that the command needs besides what the sandbox sets for its proxy and certificates.
    ///
    /// Everything temporary lies below the target: downloads are unpacked there and then renamed into place, so that
    /// no byte is copied between file systems and one number bounds them all.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let scratch = self.scratch();
        [
            ("HOME", scratch.as_str()),
            ("TMPDIR", scratch.as_str()),
            ("PIP_CONFIG_FILE", "/dev/null"),
            ("LC_ALL", "C.UTF-8"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("UV_HTTP_TIMEOUT", "15"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    pub(crate) fn settings(&self) -> &InstallSettings {
        &self.settings
    }

    fn scratch(&self) -> String {
        format!("{}/.install", self.settings.target)
    }
}

impl fmt::Debug for InstallPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstallPlan")
            .field("requirements", &self.requirements)
            .finish_non_exhaustive()
    }
}

/// The installer's fixed words. Bytecode is not compiled ahead: the sandbox runs one program, which compiles what it
/// imports and no more.
const PIP_INSTALL: &[&str] = &[
    "--isolated",
    "install",
    "--no-input",
    "--no-color",
    "--no-cache-dir",
    "--no-compile",
    "--disable-pip-version-check",
    "--progress-bar=off",
    "--retries=2",
    "--timeout=15",
];

/// The fixed words of `uv`. Of several indexes it takes the newest version of any, as pip does.
const UV_INSTALL: &[&str] = &[
    "--no-config",
    "--no-cache",
    "--no-progress",
    "--no-python-downloads",
    "--color=never",
    "pip",
    "install",
    "--index-strategy=unsafe-best-match",
];

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::{InstallPlan, InstallSettings, SourcePackages};
    use crate::modules::{ModuleSet, Pin};

    fn plan(modules: &str, settings: &InstallSettings) -> InstallPlan {
        InstallPlan::new(ModuleSet::parse(modules).expect("a set"), settings).expect("a plan")
    }

    #[track_caller]
    fn check(modules: &str, settings: &InstallSettings, expected: &Expect) {
        let mut argv = plan(modules, settings).argv();
        argv[3] = "<companion>".to_owned();
        argv[4] = argv[4].replace("\",\"", "\",\n\"");
        expected.assert_eq(&argv.join("\n"));
    }

    #[test]
    fn arguments() {
        check(
            "requests[socks]>=2,<3, numpy",
            &InstallSettings::default(),
            &expect![[r#"
                python3
                -I
                -c
                <companion>
                {"constraints":"",
                "indexes":["https://pypi.org/simple"],"marker":"install-report: ",
                "scratch":"/modules/.install",
                "target":"/modules",
                "uv":["--no-config",
                "--no-cache",
                "--no-progress",
                "--no-python-downloads",
                "--color=never",
                "pip",
                "install",
                "--index-strategy=unsafe-best-match",
                "--target=/modules",
                "--constraint=/modules/.install/constraints.txt",
                "--only-binary=:all:",
                "--default-index=https://pypi.org/simple",
                "--",
                "requests[socks]<3,>=2",
                "numpy"]}
                --isolated
                install
                --no-input
                --no-color
                --no-cache-dir
                --no-compile
                --disable-pip-version-check
                --progress-bar=off
                --retries=2
                --timeout=15
                --target=/modules
                --constraint=/modules/.install/constraints.txt
                --only-binary=:all:
                --index-url=https://pypi.org/simple
                --
                requests[socks]<3,>=2
                numpy"#]],
        );
    }

    #[test]
    fn settings() {
        let settings = InstallSettings {
            index: "http://index.corp:8080/simple".parse().expect("an address"),
            extra_indexes: vec![
                "https://me:pw@second.corp/simple"
                    .parse()
                    .expect("an address"),
            ],
            source_packages: SourcePackages::Allowed,
            pins: vec![Pin::playwright("1.53.0").expect("a version")],
            ..InstallSettings::default()
        };
        let argv = plan("pytest-playwright", &settings).argv();
        let (_, tail) = argv.split_at(15);
        expect![[r"
            --target=/modules
            --constraint=/modules/.install/constraints.txt
            --prefer-binary
            --index-url=http://index.corp:8080/simple
            --extra-index-url=https://me:pw@second.corp/simple
            --trusted-host=index.corp:8080
            --
            pytest-playwright"]]
        .assert_eq(&tail.join("\n"));
        assert!(
            argv[4].contains(r#""constraints":"playwright==1.53.0\n""#),
            "{}",
            argv[4]
        );
        assert!(!format!("{:?}", plan("numpy", &settings)).contains("pw"));
    }

    #[test]
    fn hosts() {
        let shown = |settings: &InstallSettings| {
            settings
                .index_hosts()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown(&InstallSettings::default()),
            ["files.pythonhosted.org:443", "pypi.org:443"]
        );
        let own = InstallSettings {
            index: "http://[fd00::1]:81/s".parse().expect("an address"),
            ..InstallSettings::default()
        };
        assert_eq!(shown(&own), ["[fd00::1]:81"]);
    }

    #[test]
    fn nothing_to_install() {
        let plan = plan("json, os", &InstallSettings::default());
        assert!(plan.is_empty());
        assert_eq!(plan.notes().len(), 2);
    }
}
