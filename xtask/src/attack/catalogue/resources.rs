//! Bombs and programs that do not end.

use super::super::case::{Case, Enforced, Weakness, case};
use super::super::limits;
use super::super::scene::{Play, Scene};
use super::super::servers::Kind;
use super::weaknesses::{DEFAULTS, UNFILTERED};

pub(super) const BOMBS: Scene = Scene {
    name: "bombs",
    play: Play::Each {
        text: include_str!("../programs/bombs.py"),
        server: Kind::Closed,
        seconds: 45,
    },
    cases: BOMB_CASES,
    short: false,
};

pub(super) const ENDLESS: Scene = Scene {
    name: "what does not end",
    play: Play::Each {
        text: include_str!("../programs/endless.py"),
        server: Kind::Closed,
        seconds: 2,
    },
    cases: ENDLESS_CASES,
    short: false,
};

/// Bounded by our limits; a plain container's are far higher.
const fn bomb(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Limits, DEFAULTS)
}

/// A container that may use swap.
const SWAPPING: Weakness = Weakness::new("swap allowed", &["--memory-swap", "2g"]);

/// Core files allowed.
const CORES: Weakness = Weakness::new("core files allowed", &["--ulimit", "core=-1:-1"]);

/// No share of the processors.
const ALL_PROCESSORS: Weakness = Weakness::new("no bound on processors", &["--cpus", "0"]);

/// Names that nobody counts.
const UNCOUNTED: Weakness = Weakness::new(
    "a /tmp without a count of names",
    &["--tmpfs", "/tmp:rw,mode=1777,nr_inodes=0,size=256m"],
);

/// A shared memory that is not ours to bound.
const LARGE_SHM: Weakness = Weakness::new("a large /dev/shm", &["--shm-size", "256m"]);

const BOMB_CASES: &[Case] = &[
    bomb("S01.fork-bomb", "starts 200 processes").by(limits::processes),
    bomb("S01.fork-tree", "starts processes that start processes").by(limits::processes),
    bomb("S01.vfork-storm", "starts 200 other programs").by(limits::processes),
    bomb("S02.thread-bomb", "starts 200 threads").by(limits::processes),
    bomb("S03.heap", "takes 400 MiB of heap").by(limits::memory),
    bomb("S03.mapped", "takes 400 MiB of mapped memory").by(limits::memory),
    bomb("S05.children", "takes 400 MiB in eight processes").by(limits::memory),
    bomb(
        "S05.spared-children",
        "takes 420 MiB in processes that the kernel shall spare",
    )
    .by(limits::memory),
    case(
        "S06.swap",
        "uses swap beyond its memory",
        Enforced::Limits,
        SWAPPING,
    )
    .by(limits::swap)
    .needs("a kernel that counts swap"),
    bomb(
        "S07.shared-memory-counts",
        "takes 400 MiB in nameless files",
    )
    .by(limits::memory),
    bomb("S20.system-v-counts", "takes 400 MiB of System V memory").by(limits::memory),
    bomb("S07.fill-tmp", "writes 64 MiB into /tmp").by(limits::completion),
    bomb("S07.sparse-file", "reserves 64 MiB in /tmp").by(limits::completion),
    case(
        "S07.names",
        "makes 150,000 files",
        Enforced::Limits,
        UNCOUNTED,
    )
    .by(limits::completion),
    case(
        "S08.fill-shm",
        "writes 64 MiB into /dev/shm",
        Enforced::Limits,
        LARGE_SHM,
    )
    .by(limits::completion),
    case(
        "S10.fill-root",
        "writes 64 MiB onto the engine's disk",
        Enforced::Engine,
        DEFAULTS,
    )
    .by(limits::completion),
    case(
        "S10.fill-home",
        "writes 64 MiB into /var/tmp",
        Enforced::Engine,
        DEFAULTS,
    )
    .by(limits::completion),
    bomb("S12.descriptors", "opens 400 files"),
    bomb("S12.sockets", "opens 400 sockets"),
    case("S13.core", "leaves a core file", Enforced::Limits, CORES).by(limits::completion),
    case(
        "S14.all-processors",
        "takes all processors",
        Enforced::Limits,
        ALL_PROCESSORS,
    )
    .by(limits::share),
];

/// Ended by process 1 when the time is over; a plain container has no time.
const fn endless(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Runner, NO_TIME).by(limits::lateness)
}

/// As much as a sandbox, but nobody ends it.
const NO_TIME: Weakness = Weakness::new("no time limit", UNFILTERED.options);

/// The first process of a container cannot be stopped from inside.
const NO_TIME_BUT_A_PARENT: Weakness =
    Weakness::new("no time limit, below a parent", UNFILTERED.options).after("python3 -; true");

const ENDLESS_CASES: &[Case] = &[
    endless("S14.busy-loop", "loops"),
    endless(
        "S19.throttled",
        "loops four times at once, with a share of one processor",
    ),
    endless("S15.sleep", "sleeps"),
    endless("S15.read-pipe", "waits for what never comes"),
    endless("S15.lock", "waits for itself"),
    endless("S16.ignore-signals", "ignores all signals"),
    endless("S16.block-signals", "blocks all signals"),
    case(
        "S16.stop-itself",
        "stops itself",
        Enforced::Runner,
        NO_TIME_BUT_A_PARENT,
    )
    .by(limits::lateness),
    endless("S16.new-session", "goes on in a session of its own"),
    endless("S23.interval-timer", "floods itself with timers"),
    endless("S17.many-maps", "has 60,000 mappings to be taken down"),
];
