//! What is printed to harm those who read it, what pretends to be a result, and what outlives its
//! program.

use super::super::case::{Case, Enforced, Weakness, case};
use super::super::limits;
use super::super::scene::{Play, Scene};
use super::super::servers::Kind;
use super::weaknesses::DEFAULTS;

pub(super) const SCENE: Scene = Scene {
    name: "output and endings",
    play: Play::Each {
        text: include_str!("../programs/output.py"),
        server: Kind::Closed,
        seconds: 5,
    },
    cases: CASES,
    short: false,
};

/// A plain container's output is passed on as it is.
const fn raw(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Server, RAW)
}

const RAW: Weakness = Weakness::new("its output as it is", DEFAULTS.options);

/// The program is not the first process, and whoever reads waits for the end of its output.
const PIPED: Weakness =
    Weakness::new("a reader that waits for the pipe", &[]).after("python3 - | cat; sleep 30");

/// The container goes on after its program.
const GOES_ON: Weakness =
    Weakness::new("a container that outlives its program", &[]).after("python3 -; sleep 4");

/// The program and those who look after it are of one user.
const ONE_USER: Weakness = Weakness::new(
    "one user for the program and its supervisor",
    &["--user", "10002:10002"],
)
.after(
    "sleep 30 & supervisor=$!; python3 -; wait $supervisor; \
     [ $? = 137 ] && echo '@H01.kill-all done'",
);

/// The program is asked to end, and believed.
const BELIEVED: Weakness = Weakness::new("a program that is believed", &[])
    .after("timeout --preserve-status 2 python3 - && echo '@H04.exit-while-killed done'; true");

const CASES: &[Case] = &[
    raw("O01.endless", "prints without an end").by(limits::flood),
    raw("O02.one-line", "prints one line without an end").by(limits::flood),
    raw("O07.tiny-writes", "prints millions of pieces").by(limits::flood),
    raw("O05.terminal", "prints commands of a terminal").by(limits::harmful),
    raw("O05.overwrite", "prints over what it printed").by(limits::harmful),
    raw("O05.direction", "prints changes of direction").by(limits::harmful),
    raw("O05.tags", "prints hidden words for a model").by(limits::harmful),
    raw("O05.invisible", "prints invisible characters").by(limits::harmful),
    raw("O05.null", "prints zero bytes").by(limits::harmful),
    raw("O06.message", "prints answers of the protocol").by(limits::forgery),
    raw("O06.event", "prints events of the HTTP transport").by(limits::forgery),
    raw("O06.headers", "prints headers").by(limits::forgery),
    raw(
        "H04.frames",
        "writes the end of its run to every descriptor",
    )
    .by(limits::forgery),
    raw(
        "H04.runner-objects",
        "writes with what is left of the runner in memory",
    )
    .by(limits::forgery),
    raw(
        "H04.status-lines",
        "writes to every descriptor of every process",
    )
    .by(limits::forgery),
    case(
        "H04.exit-while-killed",
        "claims success while it is ended",
        Enforced::Runner,
        BELIEVED,
    )
    .by(limits::claimed_success),
    case(
        "O10.hold-output",
        "leaves a daemon that holds its output",
        Enforced::Runner,
        PIPED,
    )
    .by(limits::lateness),
    case(
        "O11.print-late",
        "prints after its end",
        Enforced::Runner,
        GOES_ON,
    )
    .by(limits::late_words),
    case("H02.daemon", "leaves a daemon", Enforced::Runner, GOES_ON).by(limits::survival),
    case(
        "H02.stopped",
        "leaves a stopped process",
        Enforced::Runner,
        GOES_ON,
    )
    .by(limits::survival),
    case(
        "H01.kill-all",
        "kills everybody",
        Enforced::Kernel,
        ONE_USER,
    )
    .by(limits::supervisor),
];
