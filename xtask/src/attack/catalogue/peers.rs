//! What one program can do to another that runs beside it or after it.

use super::super::case::{Case, Enforced, Weakness, case};
use super::super::scene::{Play, Scene};
use super::super::{judge, neighbours, peers};

pub(super) const TOGETHER: Scene = Scene {
    name: "two programs at once",
    play: Play::Own(peers::together),
    cases: TOGETHER_CASES,
    short: false,
};

pub(super) const IN_TURN: Scene = Scene {
    name: "two programs in turn",
    play: Play::Own(peers::in_turn),
    cases: IN_TURN_CASES,
    short: true,
};

pub(super) const BESIDE: Scene = Scene {
    name: "an innocent neighbour",
    play: Play::Alone(neighbours::play),
    cases: BESIDE_CASES,
    short: false,
};

/// Among the containers of an engine one that comes before all others.
const HEAVY: Weakness = Weakness::new(
    "all processors, and more weight than others",
    &[
        "--cpus",
        "0",
        "--cpu-shares",
        "262144",
        "--tmpfs",
        "/tmp:rw,size=256m",
    ],
);

/// Two containers whose programs are the same user to the kernel.
const ONE_USER: Weakness = Weakness::new(
    "one user for all containers",
    &[
        "--user",
        "10002:10002",
        "--ulimit",
        "nofile=256:256",
        "--ulimit",
        "memlock=65536:65536",
    ],
);

/// Two containers that share what sandboxes have each for itself.
const SHARED: Weakness = Weakness::new(
    "namespaces and a directory shared",
    &[
        "--network",
        "host",
        "--ipc",
        "host",
        "--pid",
        "host",
        "--volume",
        "@DIR@/shared:/tmp",
        "--user",
        "10002:10002",
    ],
);

/// What the kernel counts for a user, over all sandboxes.
const fn counted(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Runner, ONE_USER)
}

const fn apart(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Kernel, SHARED)
}

const TOGETHER_CASES: &[Case] = &[
    counted("S20.peer-inotify", "leaves no inotify instance to others"),
    counted("S20.peer-queues", "leaves no message queue to others"),
    counted("S20.peer-timers", "leaves no timer to others"),
    counted(
        "S20.peer-descriptors-in-flight",
        "leaves others no descriptor to pass on",
    ),
    counted("S20.peer-locked-memory", "leaves others no memory to lock"),
    counted("S20.peer-pipes", "leaves others only narrow pipes"),
    apart("H06.peer-files", "finds the files of another sandbox"),
    apart(
        "H06.peer-memory",
        "finds the shared memory of another sandbox",
    ),
    apart(
        "H06.peer-queue",
        "finds the message queue of another sandbox",
    ),
    apart("H06.peer-process", "finds the processes of another sandbox"),
    apart("N06.peer-port", "calls what another sandbox serves"),
    apart(
        "N06.peer-socket",
        "calls the abstract socket of another sandbox",
    ),
];

/// A sandbox gets one program.
const fn left(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Server, SHARED)
}

const IN_TURN_CASES: &[Case] = &[
    left("H06.left-files", "finds files that an earlier program left"),
    left(
        "H06.left-memory",
        "finds shared memory that an earlier program left",
    ),
    left(
        "H06.left-queue",
        "finds a message queue that an earlier program left",
    ),
];

const fn storm(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Limits, HEAVY).by(judge::found)
}

const BESIDE_CASES: &[Case] = &[
    storm("S01.peer", "starves a neighbour by starting processes"),
    storm("S03.peer", "starves a neighbour by taking memory"),
    storm("S14.peer", "starves a neighbour by looping"),
    storm("S18.peer", "starves a neighbour by writing and reading"),
];
