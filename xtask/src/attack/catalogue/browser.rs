//! Browsers: what a page can do, and what a program can do with one.

use super::super::case::{Case, Enforced, Weakness, case};
use super::super::scene::{Play, Scene};
use super::super::servers::Kind;
use super::super::{browsers, judge, limits};
use super::weaknesses::DEFAULTS;

pub(super) const BROWSERS: Scene = Scene {
    name: "browsers",
    play: Play::Each {
        text: browsers::PROGRAM,
        server: Kind::Browser,
        seconds: 60,
    },
    cases: CASES,
    short: false,
};

pub(super) const PAGES: Scene = Scene {
    name: "pages",
    play: Play::Own(browsers::play),
    cases: PAGE_CASES,
    short: false,
};

/// Whoever ends the program does not end what it has started.
const GOES_ON: Weakness =
    Weakness::new("processes that go on", DEFAULTS.options).after("python3 -; sleep 6");

const CASES: &[Case] = &[
    case(
        "B01.memory",
        "opens a page that takes more than a gigabyte",
        Enforced::Limits,
        DEFAULTS,
    )
    .by(limits::browser_memory),
    case(
        "B02.tree",
        "leaves a browser with all of its processes",
        Enforced::Runner,
        GOES_ON,
    )
    .by(limits::survival),
    case(
        "B05.rights",
        "has rights in a page's process that it has not itself",
        Enforced::Kernel,
        DEFAULTS,
    ),
];

/// The way out goes through somebody who refuses nothing.
const OPEN_PROXY: Weakness = Weakness::new("a proxy without a policy", &[]);

const fn page(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Gateway, OPEN_PROXY)
        .by(judge::arrival)
        .needs("root, `ip`, `nsenter` or `unshare`")
}

const PAGE_CASES: &[Case] = &[
    page(
        "B04.metadata",
        "opens a page that asks the metadata service",
    ),
    page("B04.lan", "opens a page that asks an address in 10/8"),
    page(
        "B04.loopback",
        "opens a page that asks the server's loopback",
    ),
    page(
        "B04.own-address",
        "opens a page that asks the server's own address",
    ),
    page(
        "B04.name",
        "opens a page that asks a name with a private address",
    ),
    page(
        "B04.rebinding",
        "opens a page that asks a name that changes its address",
    ),
    page(
        "B04.redirect",
        "opens a page that is sent to a private address",
    ),
];
