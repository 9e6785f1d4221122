//! `doctor`: what is there, what is enforced, what is missing, and what to do about it.
//!
//! It changes nothing: an image that is missing is named and not pulled.

mod probe;
mod prove;
mod report;

use executor_core::backend::Progress;
use executor_core::capabilities::Capabilities;
use executor_core::gateway::NetworkPolicy;
use executor_docker::{EngineReport, Gap, PullPolicy};
use futures_util::FutureExt as _;

use self::report::{Area, Report};
use crate::assembly::Assembly;
use crate::cli::{DoctorTask, Program};
use crate::exit_codes::Exit;
use crate::failure::exit_of;
use crate::gaps::consequence;
use crate::launch;
use crate::settings::Settings;
use crate::trust::{FEW, FoundCertificates};

/// Looks at everything that `settings` name, prints what it found, and says whether programs can
/// be run as promised.
pub(crate) async fn examine(program: Program, task: &DoctorTask, settings: &Settings) -> Exit {
    let mut settings = settings.clone();
    settings.engine.pull = PullPolicy::Never;
    let mut report = Report::accepting(settings.engine.accepted.clone());
    about_settings(&settings, &mut report);
    if task.prove {
        // The programs are our own: a host that keeps nothing is tried all the same, and what the
        // operator really accepted is the report's to hold against.
        settings.engine.accepted = Capabilities::all();
    }
    match Assembly::new(&settings) {
        Ok(assembly) => {
            about_engine(&assembly, &mut report).await;
            about_way_out(&settings, &mut report);
            if report.exit() == Exit::Success {
                about_sandbox(&assembly, &mut report).await;
            }
            if task.prove && assembly.executor().prepare(&Told).await.is_ok() {
                report.prove(prove::prove(&assembly, &settings).await);
            }
            launch::tidy_up(assembly).await;
        }
        Err(error) => {
            let remedy = error.hint().map(str::to_owned);
            report.fail(
                Area::Engine,
                "engine",
                error.chain(),
                remedy,
                exit_of(&error),
            );
        }
    }
    let text = if task.json {
        report.json(program.name)
    } else {
        report.text(program.name)
    };
    match launch::print(&text) {
        Exit::Success => report.exit(),
        exit => exit,
    }
}

fn about_settings(settings: &Settings, report: &mut Report) {
    let limits = &settings.limits;
    report.good(
        Area::Settings,
        "one sandbox",
        format!(
            "{} of memory, {}.{:03} processors, {} processes, {} in /tmp",
            limits.memory,
            limits.cpu_millis / 1000,
            limits.cpu_millis % 1000,
            limits.processes,
            limits.tmp
        ),
    );
    report.good(
        Area::Settings,
        "one run",
        format!(
            "{} unless the call says otherwise, at most {}; {} for its modules",
            settings.times.program, settings.times.ceiling, settings.times.install
        ),
    );
    report.good(
        Area::Settings,
        "at once",
        format!(
            "{} sandboxes, {} calls in the queue",
            settings.concurrency, settings.queue
        ),
    );
    for warning in &settings.warnings {
        report.warn(Area::Settings, "loosened", warning.as_str());
    }
}

async fn about_engine(assembly: &Assembly, report: &mut Report) {
    match assembly.backend().describe().await {
        Ok(engine) => describe(&engine, report),
        Err(error) => {
            let remedy = error.hint().map(str::to_owned);
            report.fail(
                Area::Engine,
                "engine",
                error.chain(),
                remedy,
                exit_of(&error),
            );
        }
    }
}

fn describe(engine: &EngineReport, report: &mut Report) {
    let EngineReport {
        name,
        version,
        api,
        platform,
        endpoint,
        ..
    } = engine;
    let mut good = |name: &str, says: String| report.good(Area::Engine, name, says);
    good("engine", format!("{name} {version} at {endpoint}"));
    good(
        "API",
        format!(
            "{api}, for {platform} containers, on Linux {}",
            engine.kernel
        ),
    );
    let rootless = if engine.rootless {
        "rootless"
    } else {
        "with root"
    };
    good(
        "runtime",
        format!(
            "{}, {rootless}; images on {}",
            engine.runtime, engine.storage
        ),
    );
    good("control groups", engine.cgroup.clone());
    for warning in &engine.warnings {
        report.warn(Area::Engine, "note", warning.as_str());
    }
    if engine.image_present {
        report.good(Area::Engine, "image", format!("{} is there", engine.image));
    } else {
        report.fail(
            Area::Engine,
            "image",
            format!("{} is not on the engine", engine.image),
            Some(
                "a server that starts pulls it, unless `pull` is `never`; or pull or load it \
                 yourself, or name another one by `--image`"
                    .to_owned(),
            ),
            Exit::EngineUnavailable,
        );
    }
    for row in &engine.enforced {
        let name = row.capability.as_str();
        if row.enforced {
            report.good(Area::Promises, name, row.why);
        } else {
            let remedy = row.remedy.map(str::to_owned);
            report.broken(Area::Promises, row.capability, name, row.why, remedy);
        }
    }
}

fn about_way_out(settings: &Settings, report: &mut Report) {
    let network = &settings.network;
    let policy = match &network.policy {
        NetworkPolicy::None => "programs reach nothing".to_owned(),
        NetworkPolicy::Public => "programs reach public addresses on ports 80 and 443".to_owned(),
        policy => format!("programs reach {policy}"),
    };
    report.good(Area::WayOut, "policy", policy);
    report.good(
        Area::WayOut,
        "package index",
        settings.modules.index.to_string(),
    );
    if network.proxies.are_in_use() {
        report.warn(
            Area::WayOut,
            "proxy",
            "this host's proxy is used: names are resolved there, so what they resolve to is not \
             checked here",
        );
    } else {
        report.good(
            Area::WayOut,
            "proxy",
            "none: this host reaches the outside directly",
        );
    }
    match network.certificates.find() {
        Ok(FoundCertificates {
            warning: Some(warning),
            ..
        }) => report.warn(Area::WayOut, "authorities", warning),
        Ok(FoundCertificates { count, origin, .. }) => {
            let says = match count {
                0 => format!("none beyond Mozilla's list in {origin}"),
                count => format!("{count} beyond Mozilla's list, from {origin}"),
            };
            report.good(Area::WayOut, "authorities", says);
        }
        Err(error) => {
            let remedy = Some(FEW.to_owned());
            let says = error.to_string();
            report.fail(Area::WayOut, "authorities", says, remedy, Exit::Failure);
        }
    }
}

async fn about_sandbox(assembly: &Assembly, report: &mut Report) {
    if let Err(error) = assembly.executor().prepare(&Told).await {
        let broken = assembly.backend().broken().now_or_never();
        if let Some(broken) = broken.filter(|broken| !broken.gaps.is_empty()) {
            about_gaps(&broken.gaps, report);
            return;
        }
        let remedy = error.hint().map(str::to_owned);
        report.fail(
            Area::Probe,
            "prepare",
            error.chain(),
            remedy,
            exit_of(&error),
        );
        return;
    }
    about_gaps(&assembly.backend().gaps(), report);
    let counted = if assembly.executor().capabilities().counts_kills() {
        "counted in each sandbox, so that a result says it when memory ran out"
    } else {
        "not counted here: a result says `killed`, probably by the memory limit"
    };
    report.good(Area::Probe, "memory kills", counted);
    let own_kernel = prove::Ground::of(assembly).await.own_kernel;
    probe::probe(assembly.executor(), own_kernel, report).await;
}

/// What the look from inside found that the engine did not admit, or that was accepted.
fn about_gaps(gaps: &[Gap], report: &mut Report) {
    for gap in gaps {
        let name = gap.capability.as_str();
        let says = format!("{}: {}", gap.why, consequence(gap.capability));
        report.broken(
            Area::Probe,
            gap.capability,
            name,
            says,
            Some(gap.remedy.clone()),
        );
    }
}

/// Long preparations are told on standard error, so that nobody waits in the dark.
struct Told;

impl Progress for Told {
    fn report(&self, message: &str) {
        launch::complain(&format!("[{message}]"));
    }
}
