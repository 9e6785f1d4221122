//! What stands where modules are named, and packages that mean harm.

use super::super::case::{Case, Enforced, Weakness, case};
use super::super::scene::{Play, Scene};
use super::super::{installs, judge};

pub(super) const SCENE: Scene = Scene {
    name: "modules",
    play: Play::Own(installs::play),
    cases: CASES,
    short: false,
};

/// A shell's line of pip with the caller's words in it.
const INSTALLER: Weakness = Weakness::new("pip in a shell's line", &[]);

/// Without these the world around the server cannot be built.
const WORLD: &str = "root, `ip`, `nsenter` or `unshare`";

/// Refused before anything runs.
const fn written(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Server, INSTALLER)
        .by(judge::arrival)
        .needs(WORLD)
}

const CASES: &[Case] = &[
    written("P01.index-option", "names another index among the modules"),
    written("P01.extra-index-option", "names one more index"),
    written("P01.links-option", "names a page of packages"),
    written("P01.file-option", "names a file of requirements"),
    written("P01.short-option", "writes the option short"),
    written("P01.constraint-option", "names a file of constraints"),
    written("P02.url", "names a package by its URL"),
    written("P02.named-url", "names a URL behind the name"),
    written("P02.source-url", "names a source package by its URL"),
    written("P03.semicolon", "writes a command behind a semicolon"),
    written(
        "P03.substitution",
        "writes a command to be replaced by its output",
    ),
    written("P03.backticks", "writes a command in backticks"),
    written("P03.and", "writes a command behind `&&`"),
    written("P03.newline", "writes a command on a line of its own"),
    written("P03.pipe", "writes a command behind a pipe"),
    written(
        "P06.source",
        "names a package whose build script calls home",
    ),
    written(
        "P06.dependency",
        "names a package that depends on such a one",
    ),
    case(
        "P07.path-file",
        "installs a path file that runs code as somebody else than the program",
        Enforced::Runner,
        INSTALLER,
    )
    .needs(WORLD),
    case(
        "P07.shadow",
        "installs a module in the place of one of Python's own",
        Enforced::Runner,
        INSTALLER,
    )
    .needs(WORLD),
    case(
        "P07.bomb",
        "installs 200 MiB in a small package",
        Enforced::Limits,
        INSTALLER,
    )
    .needs(WORLD),
    case(
        "P10.stalling",
        "waits for an index that says nothing",
        Enforced::Runner,
        STALLED,
    )
    .by(installs::lateness)
    .needs(WORLD),
    written(
        "P12.variable",
        "names variables for the installer's environment",
    ),
    written("P12.file", "sends files that installers read").by(installs::arrival_in_a_run),
    case(
        "N14.after-install",
        "uses the installer's way out afterwards",
        Enforced::Gateway,
        INSTALLER,
    )
    .by(judge::arrival)
    .needs(WORLD),
];

/// Alone: it goes on until it is ended.
const STALLED: Weakness = Weakness::new("pip without a time", &[]);
