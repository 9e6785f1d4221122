//! The store of module sets, and what binds every install.

use std::collections::BTreeSet;
use std::time::Duration;

use executor_core::environments::EnvironmentSettings;
use executor_core::limits::ByteSize;
use executor_core::modules::{Constraints, ModuleSet, ProjectName};
use executor_core::{HotSet, ShapeSettings};
use executor_docker::VolumeName;

use super::Resolver;
use crate::settings::mistake::Refusal;
use crate::settings::quantity::{count, duration_within, size_within, switch};
use crate::settings::source::Given;
use crate::settings::table::find;

/// The volume, unless there is to be none.
pub(super) fn volume(resolver: &mut Resolver<'_>) -> Option<VolumeName> {
    let parse = |text: &str| text.parse::<VolumeName>().map_err(Refusal::because);
    let default = find("environments").and_then(|key| parse(key.default).ok());
    resolver.one("environments", default, |text| match text.trim() {
        "off" => Ok(None),
        text => parse(text).map(Some),
    })
}

pub(super) fn environments(resolver: &mut Resolver<'_>) -> EnvironmentSettings {
    let mut environments = EnvironmentSettings::default();
    environments.size = resolver.one("environments-size", environments.size, |text| {
        size_within(text, ByteSize::mib(64)..=ByteSize::gib(1024))
    });
    environments.age = resolver.one("environments-age", environments.age, |text| {
        duration_within(text, Duration::from_secs(60)..=LONGEST_AGE)
    });
    let memory = environments.builder_memory;
    environments.builder_memory = resolver.one("builder-memory", memory, |text| {
        size_within(text, ByteSize::mib(256)..=ByteSize::gib(16))
    });
    environments.prebuilt = resolver
        .many("prebuild", |text| {
            ModuleSet::parse(text).map_err(|error| {
                let hint = error.hint().to_owned();
                Refusal::because(error).hint(hint)
            })
        })
        .unwrap_or_default();
    environments.playwright = resolver.word("playwright", true, &[("on", true), ("off", false)]);
    environments.offline = resolver.one("offline", false, switch);
    environments
}

/// What sandboxes have made ready while they wait.
pub(super) fn shapes(resolver: &mut Resolver<'_>) -> ShapeSettings {
    let mut shapes = ShapeSettings::default();
    let read = |text: &str| {
        HotSet::parse(text).map_err(|error| {
            let hint = error.hint();
            Refusal::because(error).hint(hint)
        })
    };
    shapes.hot = resolver.many("hot", read).unwrap_or_default();
    shapes.hot_waiting = resolver.one("hot-waiting", 1, |text| count(text, 0..=MOST_WAITING));
    let is_off = |given: &Given| given.text.trim() == "off";
    if !shapes.hot.is_empty() && resolver.raw.last("environments").is_some_and(is_off) {
        let why = "sets are imported from where they are kept, and `environments` is `off`";
        resolver.conflict("hot", Refusal::because(why));
    }
    shapes.browsers = resolver.one("browsers", 0, |text| count(text, 0..=MOST_WAITING));
    shapes
}

/// More of a shape take more memory than any one machine is likely to have.
const MOST_WAITING: usize = 64;

/// A year.
const LONGEST_AGE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

type Rules = (
    Constraints,
    Option<BTreeSet<ProjectName>>,
    BTreeSet<ProjectName>,
);

/// What binds every install: constraints, the names that are allowed, if not all are, and those that are denied.
pub(super) fn rules(resolver: &mut Resolver<'_>) -> Rules {
    let name = |text: &str| text.parse::<ProjectName>().map_err(Refusal::because);
    let allowed = resolver.many("allow-package", name);
    let denied = resolver.many("deny-package", name).unwrap_or_default();
    let path = resolver.path("constraints");
    let constraints = resolver.one("constraints", Constraints::default(), |text| {
        let path = path.ok_or_else(|| Refusal::because("not a path"))?;
        read(&path).map_err(|why| Refusal::because(format!("`{text}` {why}")))
    });
    (
        constraints,
        allowed.map(BTreeSet::from_iter),
        BTreeSet::from_iter(denied),
    )
}

fn read(path: &std::path::Path) -> Result<Constraints, String> {
    let size = std::fs::metadata(path).map(|file| file.len());
    if size.is_ok_and(|size| size > MAX_FILE) {
        return Err(format!("is longer than {MAX_FILE} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    text.parse().map_err(|error| format!("is wrong: {error}"))
}

/// The longest constraints file: far more than the lines that are taken need.
const MAX_FILE: u64 = 1024 * 1024;
