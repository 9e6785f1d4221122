//! Programs that use more than they may, in sandboxes with small limits: each limit must end or
//! refuse them, and by its own name.

use std::sync::Arc;
use std::time::Duration;

use executor_core::capabilities::Capability;
use executor_core::gateway::NetworkPolicy;
use executor_core::limits::{ByteSize, WallTime};
use executor_core::{Ending, ExecutionRequest, Executor, Outcome, PoolSettings, ShapeSettings};

use super::proof::{Held, Judge, Keeper, Proof};
use super::shown;
use crate::assembly::Assembly;

/// One program and what must come of it.
struct Strain {
    id: &'static str,
    what: &'static str,
    capability: Capability,
    keeper: Keeper,
    program: &'static str,
    held: fn(&Outcome) -> bool,
}

const MEMORY: ByteSize = ByteSize::mib(128);
const PROCESSES: u32 = 24;
/// How many the program tries to start.
const TRIED_PROCESSES: u32 = 500;
const OPEN_FILES: u32 = 64;
const SHM: ByteSize = ByteSize::mib(8);
const CPU_MILLIS: u32 = 500;
const PRINTED: ByteSize = ByteSize::kib(64);
const TIME: Duration = Duration::from_secs(8);

const STRAINS: [Strain; 8] = [
    Strain {
        id: "strain.memory",
        what: "a program that takes four times its memory is ended",
        capability: Capability::MemoryLimit,
        keeper: Keeper::Kernel,
        program: "block = bytearray(512 << 20)\nfor at in range(0, len(block), 4096): block[at] = 1\nprint('took it')",
        held: out_of_memory,
    },
    Strain {
        id: "strain.memory.files",
        what: "files in /tmp count as memory",
        capability: Capability::MemoryLimit,
        keeper: Keeper::Kernel,
        program: "file = open('/tmp/fill', 'wb', 0)\nfor _ in range(240): file.write(bytes(1 << 20))\nprint('took it')",
        held: out_of_memory,
    },
    Strain {
        id: "strain.disk",
        what: "/dev/shm takes no more than its size",
        capability: Capability::DiskLimit,
        keeper: Keeper::Kernel,
        program: "file = open('/dev/shm/fill', 'wb', 0)\ntry:\n    for _ in range(64):\n        if file.write(bytes(1 << 20)) < 1 << 20: raise OSError(28, 'short')\n    print('took it')\nexcept OSError as error:\n    print(error.errno)",
        held: |outcome| printed(outcome) == "28",
    },
    Strain {
        id: "strain.processes",
        what: "a program starts no more processes than it may",
        capability: Capability::ProcessLimit,
        keeper: Keeper::Kernel,
        program: "import os, signal\nchildren = []\ntry:\n    while len(children) < 500:\n        child = os.fork()\n        if not child: signal.pause()\n        children.append(child)\nexcept OSError: pass\nfor child in children: os.kill(child, 9)\nprint(len(children))",
        held: |outcome| {
            printed(outcome)
                .parse()
                .is_ok_and(|count: u32| count < PROCESSES)
        },
    },
    Strain {
        id: "strain.open-files",
        what: "a program opens no more files than it may",
        capability: Capability::OpenFilesLimit,
        keeper: Keeper::Kernel,
        program: "import resource\ntry: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))\nexcept (OSError, ValueError): pass\nfiles = []\ntry:\n    while len(files) < 2000: files.append(open('/dev/null'))\nexcept OSError: pass\nprint(len(files))",
        held: |outcome| {
            printed(outcome)
                .parse()
                .is_ok_and(|count: u32| count < OPEN_FILES)
        },
    },
    Strain {
        id: "strain.cpu",
        what: "busy processes together get no more processor time than they may",
        capability: Capability::CpuLimit,
        keeper: Keeper::Kernel,
        program: "import os, resource, time\nend = time.monotonic() + 2\nbegun = time.monotonic()\nfor _ in range(3):\n    if not os.fork():\n        while time.monotonic() < end: pass\n        os._exit(0)\nfor _ in range(3): os.wait()\nused = resource.getrusage(resource.RUSAGE_CHILDREN)\nprint(int((used.ru_utime + used.ru_stime) * 1000 / (time.monotonic() - begun)))",
        // Half as much again: a quota is handed out in slices of a tenth of a second.
        held: |outcome| {
            let most = CPU_MILLIS.saturating_mul(3) / 2;
            printed(outcome)
                .parse()
                .is_ok_and(|millis: u32| millis <= most)
        },
    },
    Strain {
        id: "strain.output",
        what: "a program that prints without end is ended",
        capability: Capability::Isolation,
        keeper: Keeper::Us,
        program: "while True: print('x' * 1000)",
        held: |outcome| matches!(outcome.ending, Ending::OutputLimit(_)),
    },
    Strain {
        id: "strain.time",
        what: "a program that never ends is ended, with all that it started",
        capability: Capability::Isolation,
        keeper: Keeper::Us,
        program: "import os, signal\nfor number in (1, 2, 15): signal.signal(number, signal.SIG_IGN)\nif not os.fork(): os.setsid()\nwhile True: signal.pause()",
        held: |outcome| matches!(outcome.ending, Ending::TimedOut(_)),
    },
];

/// A kill that no counter explains is one where no counter is to be seen.
fn out_of_memory(outcome: &Outcome) -> bool {
    let by_name = outcome
        .ending
        .reason()
        .is_some_and(|reason| reason.contains("memory"));
    matches!(outcome.ending, Ending::OutOfMemory(_) | Ending::Killed(_)) || by_name
}

fn printed(outcome: &Outcome) -> String {
    let stdout = outcome.stdout.to_bytes();
    String::from_utf8_lossy(&stdout).trim().to_owned()
}

/// Runs all of them, two at a time.
pub(super) async fn prove(assembly: &Assembly, own_kernel: bool) -> Vec<Proof> {
    let executor = match small(assembly) {
        Ok(executor) => executor,
        Err(error) => {
            return STRAINS
                .iter()
                .map(|one| judge(one, &Err(error.to_string()), own_kernel))
                .collect();
        }
    };
    let runs = STRAINS.iter().map(|strain| {
        let mut request = ExecutionRequest::new(strain.program);
        if strain.id == "strain.time" {
            request.timeout = WallTime::new(Duration::from_secs(1)).ok();
        }
        let execution = executor.execute(request);
        async move {
            let outcome = match execution {
                Ok(execution) => Ok(execution.outcome().await),
                Err(error) => Err(error.to_string()),
            };
            judge(strain, &outcome, own_kernel)
        }
    });
    let proofs = futures_util::future::join_all(runs).await;
    executor.shutdown().await;
    proofs
}

/// Another executor on the same engine.
fn small(assembly: &Assembly) -> Result<Executor, executor_core::SandboxError> {
    let mut settings = assembly.executor().settings().clone();
    settings.limits.memory = MEMORY;
    settings.limits.processes = PROCESSES;
    settings.limits.open_files = OPEN_FILES;
    settings.limits.shm = SHM;
    settings.limits.cpu_millis = CPU_MILLIS;
    // More than memory, so that it is memory that gives out.
    settings.limits.tmp = ByteSize::mib(256);
    settings.output.printed = PRINTED;
    settings.output.kept = PRINTED;
    settings.timeout = WallTime::new(TIME).unwrap_or(settings.timeout);
    settings.concurrency = 2;
    settings.queue = STRAINS.len();
    settings.network = NetworkPolicy::None;
    settings.pool = PoolSettings::none();
    settings.shapes = ShapeSettings::default();
    Executor::builder(Arc::clone(assembly.backend()) as Arc<_>)
        .settings(settings)
        .build()
}

/// What a kernel of the sandbox's own makes of a strain otherwise than the host's.
///
/// The host counts its threads, and not the processes inside: many are refused, or are too many for the
/// memory, and that ends the whole sandbox. And its clocks go on while the host lets it wait, so
/// processor time is not to be measured inside.
fn judge_inside(strain: &Strain, outcome: &Outcome) -> Option<Held> {
    match strain.id {
        "strain.processes" => Some(match &outcome.ending {
            Ending::SandboxDied(_) => Held::Yes,
            Ending::Exited(_) => Held::from(
                printed(outcome)
                    .parse()
                    .is_ok_and(|count: u32| count < TRIED_PROCESSES),
            ),
            _ => Held::Unknown,
        }),
        "strain.cpu" => Some(Held::Unknown),
        // The engine does not always say that it was the memory that ended all of it.
        "strain.memory" | "strain.memory.files" => {
            matches!(outcome.ending, Ending::SandboxDied(_)).then_some(Held::Yes)
        }
        _ => None,
    }
}

/// By whose word it is known what came of it.
fn judge_of(strain: &Strain, outcome: &Result<Outcome, String>) -> Judge {
    match outcome.as_ref().map(|outcome| &outcome.ending) {
        // What this server counted and timed by itself.
        _ if strain.keeper == Keeper::Us => Judge::Host,
        Ok(Ending::SandboxDied(_) | Ending::SandboxLost(_)) => Judge::Engine,
        // The program's count, or process 1's report of its end.
        _ => Judge::Inside,
    }
}

fn judge(strain: &Strain, outcome: &Result<Outcome, String>, own_kernel: bool) -> Proof {
    let inside = outcome
        .as_ref()
        .ok()
        .filter(|_| own_kernel)
        .and_then(|outcome| judge_inside(strain, outcome));
    let (held, seen) = match outcome {
        Ok(outcome) => match &outcome.ending {
            Ending::Failed(error) => (Held::Unknown, error.to_string()),
            Ending::Cancelled | Ending::SandboxLost(_) => {
                (Held::Unknown, outcome.ending.to_string())
            }
            Ending::Exited(_) => (Held::from((strain.held)(outcome)), printed(outcome)),
            ending => (Held::from((strain.held)(outcome)), ending.to_string()),
        },
        Err(why) => (Held::Unknown, why.clone()),
    };
    Proof {
        id: strain.id.to_owned(),
        what: strain.what.to_owned(),
        capability: strain.capability,
        keeper: strain.keeper,
        judge: judge_of(strain, outcome),
        held: inside.unwrap_or(held),
        seen: shown(&seen),
    }
}
