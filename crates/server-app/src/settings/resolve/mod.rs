//! Raw settings as resolved ones: every value parsed and held against its bounds, every mistake
//! noted, none fatal before all are known.

mod authorization;
mod environments;
mod http;
mod network;
mod sandbox;

use std::path::PathBuf;

use executor_core::capabilities::{Capabilities, Capability};
use executor_docker::{DockerSettings, EngineEnvironment, ImageRef, PullPolicy, RuntimeName};

use super::foreign::text;
use super::mistake::{Mistake, Refusal};
use super::resolved::{LogFormat, LogLevel, LogSettings, Settings};
use super::source::{Given, Raw, Source};
use super::table::find;
use crate::audit::AuditTo;
use crate::environment::Environment;

/// Which server the settings are for; a rule that binds one must not stop the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two transports")]
pub enum Transport {
    /// Standard input and output.
    Stdio,
    /// HTTP.
    Http,
}

/// Resolves `raw`. What comes out counts only if no mistake was added; nothing comes out only then.
pub(crate) fn resolve(
    raw: &Raw,
    transport: Transport,
    environment: &dyn Environment,
    mistakes: &mut Vec<Mistake>,
) -> Option<Settings> {
    let mut resolver = Resolver {
        raw,
        environment,
        mistakes,
        warnings: Vec::new(),
    };
    let engine = engine(&mut resolver);
    let limits = sandbox::limits(&mut resolver);
    let output = sandbox::output(&mut resolver);
    let results = sandbox::results(&mut resolver);
    let times = sandbox::times(&mut resolver);
    let (concurrency, queue, pool) = sandbox::load(&mut resolver);
    let network = network::network(&mut resolver);
    let modules = network::modules(&mut resolver);
    let shapes = environments::shapes(&mut resolver);
    let http = http::http(&mut resolver, transport, &network);
    let log = log(&mut resolver);
    let audit = audit(&mut resolver);
    let warnings = resolver.warnings;
    Some(Settings {
        engine: engine?,
        limits,
        output,
        results,
        times,
        concurrency,
        queue,
        pool,
        shapes,
        network,
        modules,
        http,
        log,
        audit,
        warnings,
    })
}

/// Takes values out of the raw settings and notes what is wrong with them.
struct Resolver<'a> {
    raw: &'a Raw,
    environment: &'a dyn Environment,
    mistakes: &'a mut Vec<Mistake>,
    warnings: Vec<String>,
}

impl Resolver<'_> {
    /// The value of `key`, or `default` if nobody gave it or it is wrong.
    fn one<T>(
        &mut self,
        key: &'static str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> T {
        let Some(given) = self.raw.last(key) else {
            return default;
        };
        match parse(&given.text) {
            Ok(value) => value,
            Err(refusal) => {
                self.refuse(key, given, refusal);
                default
            }
        }
    }

    /// All values of `key` that are right; `None` if nobody gave the key.
    fn many<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<Vec<T>> {
        let given = self.raw.all(key)?;
        if given.len() > MAX_VALUES {
            let reason = format!("{} values; at most {MAX_VALUES} are taken", given.len());
            self.mistakes.push(Mistake::about(key, reason));
        }
        let mut values = Vec::new();
        for given in given.iter().take(MAX_VALUES) {
            match parse(&given.text) {
                Ok(value) => values.push(value),
                Err(refusal) => self.refuse(key, given, refusal),
            }
        }
        Some(values)
    }

    /// One of a few words.
    fn word<T: Copy>(&mut self, key: &'static str, default: T, words: &[(&str, T)]) -> T {
        self.one(key, default, |text| {
            let found = words.iter().find(|(word, _)| *word == text.trim());
            found.map(|(_, value)| *value).ok_or_else(|| {
                let list: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                Refusal::because(format!("not one of {}", list.join(", ")))
            })
        })
    }

    /// A path; one from the settings file is relative to that file.
    fn path(&self, key: &str) -> Option<PathBuf> {
        let given = self.raw.last(key)?;
        let path = PathBuf::from(&given.text);
        match &given.source {
            Source::File { path: file, .. } => Some(
                file.parent()
                    .map_or_else(|| path.clone(), |directory| directory.join(&path)),
            ),
            Source::Default | Source::Variable(_) | Source::Flag(_) => Some(path),
        }
    }

    fn refuse(&mut self, key: &'static str, given: &Given, refusal: Refusal) {
        self.mistakes.push(match find(key) {
            Some(key) => Mistake::value(key, given, refusal),
            None => Mistake::about(key, "no such key in the table"),
        });
    }

    /// Notes that the value of `key` does not go with the rest.
    fn conflict(&mut self, key: &'static str, refusal: Refusal) {
        match self.raw.last(key) {
            Some(given) => self.refuse(key, given, refusal),
            None => {
                let default = find(key).map_or("", |key| key.default);
                let given = Given {
                    text: default.to_owned(),
                    source: Source::Default,
                };
                self.refuse(key, &given, refusal);
            }
        }
    }
}

/// The most values that a list takes.
const MAX_VALUES: usize = 256;

fn engine(resolver: &mut Resolver<'_>) -> Option<DockerSettings> {
    let parse = |text: &str| text.parse::<ImageRef>().map_err(Refusal::because);
    let default = find("image").and_then(|key| parse(key.default).ok());
    let image = resolver.one("image", default, |text| parse(text.trim()).map(Some))?;
    let mut engine = DockerSettings::new(image);
    engine.host = resolver.one("docker-host", None, |text| Ok(Some(text.trim().to_owned())));
    let words = [
        ("missing", PullPolicy::Missing),
        ("never", PullPolicy::Never),
    ];
    engine.pull = resolver.word("pull", PullPolicy::Missing, &words);
    engine.runtime = resolver.one("runtime", None, |text| {
        let runtime = text.trim().parse::<RuntimeName>();
        runtime.map(Some).map_err(Refusal::because)
    });
    engine.accepted = accepted(resolver);
    engine.store = environments::volume(resolver);
    let environment = resolver.environment;
    engine.environment = EngineEnvironment::from_lookup(|name| text(environment, name));
    Some(engine)
}

fn audit(resolver: &mut Resolver<'_>) -> AuditTo {
    let path = resolver.path("audit");
    resolver.one("audit", AuditTo::Off, |text| match (text.trim(), path) {
        ("", _) => Err(Refusal::because("neither `off`, `stderr` nor a path")),
        ("off", _) | (_, None) => Ok(AuditTo::Off),
        ("stderr", _) => Ok(AuditTo::Stderr),
        (_, Some(path)) => Ok(AuditTo::File(path)),
    })
}

/// The promises that the operator does without, if this host does not keep them.
fn accepted(resolver: &mut Resolver<'_>) -> Capabilities {
    let lists = resolver.many("danger.accept", |text| {
        let names = text.split(',').map(str::trim);
        names
            .filter(|name| !name.is_empty())
            .map(gap)
            .collect::<Result<Vec<_>, _>>()
    });
    Capabilities::of(lists.into_iter().flatten().flatten())
}

fn gap(name: &str) -> Result<Capability, Refusal> {
    let known = Capability::ALL.into_iter();
    if let Some(found) = known.clone().find(|one| one.as_str() == name) {
        return Ok(found);
    }
    let near = known
        .map(|one| (strsim::jaro_winkler(one.as_str(), name), one.as_str()))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let names = Capability::ALL.map(Capability::as_str).join("`, `");
    Err(
        Refusal::because("no promise has this name").hint(match near {
            Some((_, near)) => format!("did you mean `{near}`?"),
            None => format!("they are `{names}`"),
        }),
    )
}

fn log(resolver: &mut Resolver<'_>) -> LogSettings {
    let level = resolver.word(
        "log-level",
        LogLevel::Info,
        &[
            ("off", LogLevel::Off),
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Trace),
        ],
    );
    let format = resolver.word(
        "log-format",
        LogFormat::Text,
        &[("text", LogFormat::Text), ("json", LogFormat::Json)],
    );
    LogSettings { level, format }
}
