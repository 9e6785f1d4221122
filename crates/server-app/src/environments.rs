//! `env`: the sets of modules that are kept, as their operator sees them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use executor_core::backend::Progress;
use executor_core::environments::StoredSet;
use executor_core::modules::ModuleSet;
use executor_core::{BuildError, BuiltSet, SandboxError};
use serde_json::json;

use crate::assembly::Assembly;
use crate::cli::{EnvDeed, EnvTask};
use crate::exit_codes::Exit;
use crate::failure::{exit_of, explain};
use crate::launch::{complain, print, tidy_up};

/// Does what `task` says and tidies up behind it.
pub(crate) async fn see_to(task: EnvTask, assembly: Assembly) -> Exit {
    let json = task.json;
    if matches!(task.deed, EnvDeed::PruneAll) {
        return remove_all(json, assembly).await;
    }
    let exit = perform(task.deed, json, &assembly).await;
    tidy_up(assembly).await;
    exit
}

async fn perform(deed: EnvDeed, json: bool, assembly: &Assembly) -> Exit {
    let executor = assembly.executor();
    let told = match deed {
        EnvDeed::Build(modules) => {
            let modules = match ModuleSet::parse(&modules.join(",")) {
                Ok(modules) if !modules.is_empty() => modules,
                Ok(modules) => {
                    complain(&format!("nothing to build: {}", modules.notes().join("; ")));
                    return Exit::Success;
                }
                Err(error) => {
                    complain(&format!("error: {error}\nhint: {}", error.hint()));
                    return Exit::Usage;
                }
            };
            let built = executor.build_environment(modules, &Steps).await;
            built.map(|set| built_text(&set, json))
        }
        EnvDeed::Prune | EnvDeed::PruneAll => {
            let pruned = executor.prune_environments(&Steps).await;
            pruned.map(|pruned| match json {
                true => line(&json!({ "removed": pruned.removed, "kept": pruned.kept })),
                false => format!("removed {}, kept {}\n", pruned.removed, pruned.kept),
            })
        }
        EnvDeed::List => {
            let listed = executor.environments(&Steps).await;
            listed.map(|sets| {
                if json {
                    list_json(&sets)
                } else {
                    list_text(&sets)
                }
            })
        }
    };
    match told {
        Ok(text) => print(&text),
        Err(error) => refuse(&error),
    }
}

/// The volume itself goes, which needs no sandbox, and none may be left that has it.
async fn remove_all(json: bool, assembly: Assembly) -> Exit {
    let removed = assembly.backend().remove_store().await;
    tidy_up(assembly).await;
    match removed {
        Ok(removed) if json => print(&line(&json!({ "removed_all": removed }))),
        Ok(true) => print("removed all sets of modules\n"),
        Ok(false) => print("there was nothing to remove\n"),
        Err(error) => failed(&error),
    }
}

fn refuse(error: &BuildError) -> Exit {
    match error {
        BuildError::Install(failure) => {
            let said = failure.output().trim_end();
            if !said.is_empty() {
                complain(said);
            }
            complain(&format!("error: {failure}\nhint: {}", failure.hint()));
            Exit::Failure
        }
        BuildError::Store(why) => {
            complain(&format!("error: the set was not kept: {why}"));
            Exit::Failure
        }
        BuildError::Failed(error) => failed(error),
        other => {
            complain(&format!("error: {other}"));
            Exit::Failure
        }
    }
}

fn failed(error: &SandboxError) -> Exit {
    complain(&explain(error));
    exit_of(error)
}

fn built_text(set: &BuiltSet, json: bool) -> String {
    if json {
        return line(&json!({
            "name": set.name, "bytes": set.bytes.get(), "installed": set.installed, "cached": set.cached,
        }));
    }
    let how = if set.cached { "there already" } else { "built" };
    format!(
        "{how}: {} ({})\n",
        set.installed.join(" "),
        size(set.bytes.get())
    )
}

fn list_json(sets: &[StoredSet]) -> String {
    let sets: Vec<_> = sets
        .iter()
        .map(|set| {
            json!({
                "name": set.name, "bytes": set.bytes.get(), "files": set.files, "installed": set.installed,
                "built": set.built, "used": set.used, "in_use": set.in_use, "requests": set.requests,
                "sound": set.sound,
            })
        })
        .collect();
    line(&json!({ "sets": sets }))
}

/// A table: size, last use, what was asked for, and what is in it.
fn list_text(sets: &[StoredSet]) -> String {
    if sets.is_empty() {
        return "no sets of modules are kept\n".to_owned();
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut text = format!(
        "{:>10}  {:<12}  {:<30}  INSTALLED\n",
        "SIZE", "LAST USE", "MODULES"
    );
    let mut total = 0_u64;
    for set in sets {
        total = total.saturating_add(set.bytes.get());
        let asked: Vec<String> = set.requests.iter().map(|one| one.join(" ")).collect();
        let used = match (set.sound, set.in_use) {
            (false, _) => "broken".to_owned(),
            (true, true) => "in use".to_owned(),
            (true, false) => ago(now.saturating_sub(Duration::from_secs(set.used))),
        };
        text.push_str(&format!(
            "{:>10}  {used:<12}  {:<30}  {}\n",
            size(set.bytes.get()),
            asked.join(" | "),
            set.installed.join(" "),
        ));
    }
    text.push_str(&format!("{:>10}  in all\n", size(total)));
    text
}

/// In the largest unit that leaves one digit before the point.
fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(unit, _)| bytes >= *unit);
    match unit {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

fn ago(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let unit = units.into_iter().find(|(unit, _)| seconds >= *unit);
    match unit {
        Some((unit, name)) => format!("{} {name} ago", seconds / unit),
        None => "just now".to_owned(),
    }
}

fn line(value: &serde_json::Value) -> String {
    format!("{value}\n")
}

/// Says on standard error how far things are.
#[derive(Debug)]
struct Steps;

impl Progress for Steps {
    fn report(&self, message: &str) {
        complain(&format!("[{message}]"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        for (bytes, text) in [
            (12, "12 bytes"),
            (1536, "1.5 KiB"),
            (45 << 20, "45.0 MiB"),
            (3 << 30, "3.0 GiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        for (seconds, text) in [
            (5, "just now"),
            (90, "1 min ago"),
            (7200, "2 h ago"),
            (200_000, "2 d ago"),
        ] {
            assert_eq!(ago(Duration::from_secs(seconds)), text);
        }
    }
}
