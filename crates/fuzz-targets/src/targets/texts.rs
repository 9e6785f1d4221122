//! Small languages: network rules, modules, and what an installer prints.

use executor_core::gateway::{AllowRule, NetworkPolicy, OpenedHost};
use executor_core::modules::{InstallEnd, InstallPhase, InstallPlan, InstallSettings, ModuleSet};

use crate::target::{Breach, Tally, hold};

fn bytes(seeds: &[&str]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

pub(super) const RULE_WORDS: &[&[u8]] = &[
    b"example.com",
    b"*.",
    b"*",
    b":",
    b":80",
    b":*",
    b":1-65535",
    b":0",
    b"=",
    b"10.0.0.7",
    b"[::1]",
    b"169.254.169.254",
    b"0x7f.1",
    b"2130706433",
    b"localhost",
    b"metadata.google.internal",
    b"xn--",
    "bücher".as_bytes(),
    "ｅ".as_bytes(),
    "。".as_bytes(),
    b"@",
    b"/",
    b"%65",
    b",",
    b" ",
    b"none",
    b"public",
];

pub(super) fn rules() -> Vec<Vec<u8>> {
    bytes(&[
        "example.com",
        "*.example.com:8000-8010",
        "example.com:*",
        "host.test=10.0.0.7",
        "host.test=127.0.0.1:8123",
        "host.test:80=[::1]:8123",
        "none",
        "public",
        "a.example,*.b.example:443",
        "Bücher.example",
    ])
}

/// What is taken is written in one way, and says the same when it is read again.
pub(super) fn rule(input: &[u8]) -> Result<Tally, Breach> {
    let text = String::from_utf8_lossy(input);
    let rule = text.parse::<AllowRule>();
    match &rule {
        Ok(rule) => {
            let shown = rule.to_string();
            hold(shown.parse().as_ref() == Ok(rule), || {
                format!("`{text}` is `{shown}`, which is another rule")
            })?;
        }
        Err(error) => {
            hold(error.to_string().len() < 1000, || {
                "an error without end".to_owned()
            })?;
            let _ = error.hint();
        }
    }
    let opened = text.parse::<OpenedHost>();
    if let Err(error) = &opened {
        hold(error.to_string().len() < 1000, || {
            "an error without end".to_owned()
        })?;
    }
    let policy = text.parse::<NetworkPolicy>();
    Ok(Tally::one(rule.is_ok() || opened.is_ok() || policy.is_ok()))
}

pub(super) const MODULE_WORDS: &[&[u8]] = &[
    b"numpy",
    b"PIL",
    b"json",
    b",",
    b"[",
    b"]",
    b"(",
    b")",
    b">=",
    b"==",
    b"===",
    b"~=",
    b"!=",
    b"1.0",
    b"1!2",
    b".*",
    b"+local",
    b"--index-url=",
    b"-r",
    b" @ file:///",
    b"git+https://",
    b";",
    b"$(id)",
    b"`",
    b"\n",
    b"..",
    b"/",
    b"_",
    "ｎ".as_bytes(),
    b"#",
];

pub(super) fn modules() -> Vec<Vec<u8>> {
    bytes(&[
        "numpy",
        "pandas>=2,<3, numpy",
        "requests[socks,security], foo (>=1,<2),",
        "a==1!2.0+local.1",
        "PIL, cv2, json",
        "a~=1.4.2,!=1.4.5",
        "playwright==1.53.*",
        "",
    ])
}

/// What is taken is plain, says the same when it is read again, and never looks like an option.
pub(super) fn module(input: &[u8]) -> Result<Tally, Breach> {
    let text = String::from_utf8_lossy(input);
    match ModuleSet::parse(&text) {
        Ok(set) => {
            for requirement in set.requirements() {
                let shown = requirement.to_string();
                let plain = |c: char| c.is_ascii_alphanumeric() || "._-[],<>=!~*+".contains(c);
                hold(
                    shown.starts_with(|c: char| c.is_ascii_alphanumeric()),
                    || format!("`{text}` asks for `{shown}`"),
                )?;
                hold(shown.chars().all(plain), || {
                    format!("`{text}` asks for `{shown}`")
                })?;
            }
            let plan = InstallPlan::new(set, &InstallSettings::default());
            if let Ok(plan) = plan {
                for requirement in plan.requirements() {
                    hold(!requirement.starts_with('-'), || {
                        format!("`{text}` plans `{requirement}`")
                    })?;
                }
            }
            Ok(Tally::one(true))
        }
        Err(error) => {
            let told = format!("{error}; {}", error.hint());
            hold(told.is_ascii() && told.len() < 2000, || {
                format!("told {told:?}")
            })?;
            Ok(Tally::one(false))
        }
    }
}

pub(super) const INSTALLER_WORDS: &[&[u8]] = &[
    b"Collecting ",
    b"Downloading ",
    b" (1.2 MB)",
    b"Building wheels for collected packages: ",
    b"Installing collected packages: ",
    b"Successfully installed ",
    b"ERROR: ",
    b"No matching distribution found for ",
    b"\n",
    b"-1.0",
    b"https://me:secret@x/",
    b"\x1b[31m",
    b"\r",
    b" kB)",
    b"error: subprocess-exited-with-error",
    b"Could not find a version that satisfies the requirement ",
    b"[Errno 28] No space left on device",
];

pub(super) fn installers() -> Vec<Vec<u8>> {
    bytes(&[
        "Collecting numpy\nDownloading numpy-2.0-cp312-manylinux.whl (18.2 MB)\nInstalling collected packages: numpy\nSuccessfully installed numpy-2.0",
        "Collecting x>=2 (from y)\nBuilding wheels for collected packages: x\nSuccessfully installed x-2.0.1 y-1!2+a zope-interface-6.0",
        "ERROR: Could not find a version that satisfies the requirement nope (from versions: none)\nERROR: No matching distribution found for nope",
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "error: subprocess-exited-with-error\n× python setup.py bdist_wheel did not run successfully.",
    ])
}

/// What is taken from it is plain and bounded, however it was printed.
pub(super) fn installer(input: &[u8]) -> Result<Tally, Breach> {
    let text = String::from_utf8_lossy(input);
    let plain =
        |text: &str| text.len() <= 300 && text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    let mut known = false;
    for line in text.lines() {
        if let Some(phase) = InstallPhase::parse(line) {
            known = true;
            let shown = phase.to_string();
            hold(plain(&shown), || format!("{line:?} is told as {shown:?}"))?;
        }
    }
    let installed = InstallPlan::installed(&text);
    hold(installed.len() <= 1000, || {
        format!("{} packages", installed.len())
    })?;
    for one in &installed {
        hold(plain(&one.name) && plain(&one.version), || {
            format!("installed {one:?}")
        })?;
    }
    if let Ok(plan) =
        ModuleSet::parse("numpy").and_then(|set| InstallPlan::new(set, &InstallSettings::default()))
    {
        let failure = plan.diagnose(&InstallEnd::new(&text).exit_code(1));
        hold(failure.to_string().len() < 10_000, || {
            "a diagnosis without end".to_owned()
        })?;
    }
    Ok(Tally::one(known || !installed.is_empty()))
}
