//! What pip really says, shortened, and what is made of it.

use std::time::Duration;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::InstallEnd;
use crate::modules::{InstallPlan, InstallSettings, ModuleSet, SourcePackages};

fn plan(settings: &InstallSettings) -> InstallPlan {
    InstallPlan::new(ModuleSet::parse("numpy").expect("a set"), settings).expect("a plan")
}

#[track_caller]
fn check_with(settings: &InstallSettings, end: InstallEnd<'_>, expected: &Expect) {
    let failure = plan(settings).diagnose(&end.exit_code(1));
    expected.assert_eq(&format!("{failure}\nhint: {}", failure.hint()));
}

#[track_caller]
fn check(output: &str, expected: &Expect) {
    check_with(
        &InstallSettings::default(),
        InstallEnd::new(output),
        expected,
    );
}

const NONE: &str =
    "ERROR: Could not find a version that satisfies the requirement docopt (from versions: none)
ERROR: No matching distribution found for docopt
";

fn with_report(known: bool, wheels: u64, sources: u64, error: &str) -> String {
    format!(
        "{NONE}install-report: {{\"name\": \"docopt\", \"known\": {known}, \"wheels\": {wheels}, \"sources\": {sources}, \"error\": {error}}}"
    )
}

#[test]
fn a_project_that_cannot_be_had() {
    let unknown = expect![[r"
        the package index has no project `docopt`
        hint: check the spelling, and use the project's name on the index rather than the name in `import`"]];
    check(&with_report(false, 0, 0, "null"), &unknown);
    check(NONE, &unknown);
    check(
        &with_report(true, 0, 11, "null"),
        &expect![[r"
        module `docopt` has no wheel for the sandbox's Python and platform
        hint: use `docopt-ng`, which comes as a wheel; for this one there are source packages, which the operator can allow with `--allow-source-packages`"]],
    );
    check(
        &with_report(true, 264, 0, "null"),
        &expect![[r"
        module `docopt` has no wheel for the sandbox's Python and platform
        hint: there is no source package either: it is made for another platform or another version of Python"]],
    );
    check(
        &with_report(false, 0, 0, "\"HTTP status 503\""),
        &expect![[r"
        the package index could not be reached: HTTP status 503
        hint: try again; if it stays, the operator can check the index address and the host's way to it with `doctor`"]],
    );
}

#[test]
fn versions_out_of_reach() {
    let output = "ERROR: Could not find a version that satisfies the requirement numpy==1.1 (from versions: 1.23.2, 1.26.4, 2.0.0, 2.4.4, 2.4.5, 2.4.6)
ERROR: No matching distribution found for numpy==1.1
install-report: {\"name\": \"numpy\", \"known\": true, \"wheels\": 4223, \"sources\": 158, \"error\": null}";
    check(
        output,
        &expect![[r"
        no version of a module satisfies `numpy==1.1`; the newest that could be installed are 1.26.4, 2.0.0, 2.4.4, 2.4.5, 2.4.6
        hint: loosen the version bounds; older releases may exist as source packages only, which the operator can allow with `--allow-source-packages`"]],
    );
    let allowed = InstallSettings {
        source_packages: SourcePackages::Allowed,
        ..InstallSettings::default()
    };
    check_with(
        &allowed,
        InstallEnd::new(output),
        &expect![[r"
        no version of a module satisfies `numpy==1.1`; the newest that could be installed are 1.26.4, 2.0.0, 2.4.4, 2.4.5, 2.4.6
        hint: loosen the version bounds"]],
    );
}

#[test]
fn conflicts() {
    check(
        "Collecting pytest-playwright
ERROR: Cannot install playwright==1.40.0 because these package versions have conflicting dependencies.

The conflict is caused by:
    The user requested playwright==1.40.0
    The user requested (constraint) playwright==1.53.0

To fix this you could try to:
1. loosen the range of package versions you've specified

ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/",
        &expect![[r#"
            the modules exclude each other: The user requested playwright==1.40.0; The user requested (constraint) playwright==1.53.0
            hint: the version called a constraint is the one that the sandbox image carries; choose another version of the module that excludes it"#]],
    );
}

#[test]
fn the_way_to_the_index() {
    let broken = |error: &str| {
        format!(
            "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by '{error}': /simple/docopt/\n{}",
            with_report(false, 0, 0, "\"something\"")
        )
    };
    check(
        &broken(
            "NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7faa>: Failed to establish a new connection: [Errno -2] Name or service not known')",
        ),
        &expect![[r"
            the package index could not be reached: Failed to establish a new connection: [Errno -2] Name or service not known
            hint: try again; if it stays, the operator can check the index address and the host's way to it with `doctor`"]],
    );
    check(
        &broken(
            "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 403 Forbidden'))",
        ),
        &expect![[r"
            the package index could not be reached: Tunnel connection failed: 403 Forbidden
            hint: try again; if it stays, the operator can check the index address and the host's way to it with `doctor`"]],
    );
    check(
        "ERROR: HTTP error 429 while getting https://files/x.whl",
        &expect![[r"
        the package index could not be reached: HTTP error 429 while getting https://files/x.whl
        hint: try again; if it stays, the operator can check the index address and the host's way to it with `doctor`"]],
    );
    let certificate = expect![[r"
        the certificate of the package index was not accepted
        hint: the operator can add the certificate of the index or of the company proxy to the host's trusted ones"]];
    check(
        &format!(
            "Could not fetch URL https://pypi.org/simple/six/: There was a problem confirming the ssl certificate: x - skipping\n{NONE}"
        ),
        &certificate,
    );
    check(
        &with_report(
            false,
            0,
            0,
            "\"[SSL: CERTIFICATE_VERIFY_FAILED] self-signed\"",
        ),
        &certificate,
    );
    check(
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
        &expect![[r"
            a downloaded file was not the one that the package index announced
            hint: try again; if it stays, the index or a proxy before it serves a damaged file"]],
    );
}

#[test]
fn what_does_not_fit() {
    let output = "Collecting pandas
  Downloading pandas-3.1.1-cp311.whl.metadata (12 kB)
  Downloading pandas-3.1.1-cp311.whl (12.4 MB)
  Downloading numpy-2.4.6-cp311.whl (16.9 MB)
ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device
";
    let full = InstallEnd::new(output).space(512 << 20, 0);
    check_with(
        &InstallSettings::default(),
        full,
        &expect![[r"
        the modules do not fit into 512 MiB; the largest downloads were `numpy-2.4.6-cp311.whl` (16.9 MB), `pandas-3.1.1-cp311.whl` (12.4 MB)
        hint: ask for fewer or smaller modules, or have the operator raise the limit for modules"]],
    );
    check(
        output,
        &expect![[r"
        the modules do not fit; the largest downloads were `numpy-2.4.6-cp311.whl` (16.9 MB), `pandas-3.1.1-cp311.whl` (12.4 MB)
        hint: ask for fewer or smaller modules, or have the operator raise the limit for modules"]],
    );
}

#[test]
fn what_the_host_knows_goes_first() {
    let settings = InstallSettings::default();
    check_with(
        &settings,
        InstallEnd::new(NONE).timed_out(Duration::from_secs(120)),
        &expect![[r"
        installing the modules took longer than 120 s
        hint: ask for fewer modules, give exact versions so that less has to be resolved, or have the operator raise the limit for installs"]],
    );
    check_with(
        &settings,
        InstallEnd::new(NONE).out_of_memory(Some(3 << 29)),
        &expect![[r"
        the installer ran out of memory: the limit is 1.5 GiB
        hint: ask for fewer or smaller modules, or have the operator raise the memory limit"]],
    );
}

#[test]
fn the_rest() {
    check(
        "/usr/bin/python3: No module named pip",
        &expect![[r"
        the sandbox image has no pip
        hint: the operator has to use a sandbox image whose Python has pip"]],
    );
    check(
        "  ERROR: Failed building wheel for docopt\nERROR: Could not build wheels",
        &expect![[r"
        module `docopt` could not be built from source
        hint: choose a version that comes as a wheel"]],
    );
    check(
        "strange",
        &expect![[r"
        the installer ended with exit code 1
        hint: the installer's own words are below"]],
    );
}

#[test]
fn the_words_are_bounded_and_hold_no_secret() {
    let settings = InstallSettings {
        index: "https://me:hunter2@index.corp/simple"
            .parse()
            .expect("an address"),
        ..InstallSettings::default()
    };
    let output = format!(
        "{}x hunter2 x\n{NONE}install-report: {{}}\nWARNING: Running pip as the 'root' user\n",
        "long line\n".repeat(9999)
    );
    let failure = plan(&settings).diagnose(&InstallEnd::new(&output));
    assert!(failure.output().len() <= 4096);
    assert!(failure.output().ends_with("x *** x\nERROR: Could not find a version that satisfies the requirement docopt (from versions: none)\nERROR: No matching distribution found for docopt"));
}

proptest! {
    #[test]
    fn any_output_is_diagnosed(
        head in "\\PC{0,40}",
        sign in prop::sample::select(vec![
            "ERROR: No matching distribution found for ", "(from versions: ", "after connection broken by ", "The conflict is caused by:",
            "ResolutionImpossible", "ERROR: Failed building wheel for ", "[Errno 28] Downloading ", "install-report: ", ">: ", "x: /",
        ]),
        tail in "\\PC{0,40}\\n?\\PC{0,20}",
    ) {
        let failure = plan(&InstallSettings::default()).diagnose(&InstallEnd::new(&format!("{head}{sign}{tail}")));
        prop_assert!(failure.to_string().len() < 2000);
    }
}
