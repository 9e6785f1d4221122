//! Who the program is, what it could become, and what it may do to process 1.

use super::super::case::{Case, Enforced, Weakness, case};
use super::super::judge;
use super::super::scene::{Play, Scene};
use super::super::servers::Kind;
use super::weaknesses::{DEFAULTS, PRIVILEGED};

pub(super) const SCENE: Scene = Scene {
    name: "identity",
    play: Play::Program {
        text: include_str!("../programs/identity.py"),
        server: Kind::Closed,
        seconds: 60,
    },
    cases: CASES,
    short: true,
};

/// An image with a set-user-id program, and no promise that it is of no use.
const SET_USER_ID: Weakness = Weakness::new(
    "a set-user-id program and new privileges",
    &["--user", "0:0"],
)
.after(
    "cp /usr/bin/id /usr/local/bin/attack-id && chmod 4755 /usr/local/bin/attack-id && \
     exec setpriv --reuid 10002 --regid 10002 --clear-groups python3 -",
);

const fn root(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Kernel, DEFAULTS)
}

const fn admin(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Kernel, PRIVILEGED)
}

/// Refused by a limit that plain containers do not have.
const fn limit(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Limits, UNLIMITED)
}

/// Without the limits of a process.
const UNLIMITED: Weakness = Weakness::new(
    "no limits of a process",
    &["--ulimit", "nofile=1024:4096", "--ulimit", "core=-1:-1"],
);

const CASES: &[Case] = &[
    root("E12.become-root", "becomes root"),
    root("E12.become-root-group", "joins the group root"),
    root("E12.join-groups", "joins other groups"),
    root(
        "E12.become-installer",
        "becomes the user that installs modules",
    ),
    admin("E12.take-capabilities", "takes capabilities"),
    admin("E12.ambient-capability", "makes a capability ambient"),
    root(
        "E12.file-capability",
        "gives a file of its own capabilities",
    ),
    root("E12.give-away", "gives a file of its own to root"),
    case(
        "E12.set-user-id-program",
        "runs every set-user-id program that it finds",
        Enforced::Kernel,
        SET_USER_ID,
    ),
    admin("E12.securebits", "changes what becoming root means"),
    admin(
        "E12.realtime-io",
        "puts its input and output before all others",
    ),
    admin("E12.nice", "puts itself before others").granted(KEPT),
    limit("E12.raise-files", "raises its limit of open files"),
    limit("E12.raise-core", "allows itself core dumps"),
    limit(
        "E12.spare-from-oom",
        "has others killed first when memory ends",
    )
    .needs("the capability by which an engine sets a floor to this"),
    admin("E12.lock-memory", "locks memory beyond its limit"),
    root("E12.seen-capabilities", "has a capability").by(judge::capabilities),
    root("E12.seen-user", "is root").by(judge::is_root),
    root("E12.seen-new-privileges", "can get new privileges").by(judge::new_privileges),
    case(
        "E12.seen-filter",
        "runs without a filter",
        Enforced::Seccomp,
        PRIVILEGED,
    )
    .by(judge::unfiltered),
    root("H01.kill-first", "asks process 1 to end"),
    root("H01.stop-first", "stops process 1"),
    root("H01.segv-first", "makes process 1 crash"),
    case(
        "H01.signal-others",
        "signals processes of other users",
        Enforced::Kernel,
        OTHER_USERS,
    ),
    root("H01.limit-first", "sets process 1's limits"),
    root("H01.pin-first", "pins process 1 to a processor").granted(KEPT),
    root("H01.slow-first", "slows process 1 down").granted(KEPT),
];

/// gVisor leaves it to the host when who runs.
const KEPT: &str = "gVisor keeps the number, and schedules nothing by it";

/// Root, which may signal everybody, beside a process of another user.
const OTHER_USERS: Weakness = Weakness::new("the capability to signal others", &[])
    .after("setpriv --reuid 10001 --clear-groups sleep 60 & exec python3 -");
