//! What people write in notebooks, through the real server: `notebook/*.md` has the programs and what is to come of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::client::{Answer, turn};
use super::environments::Volume;

const PAGES: &[(&str, &str)] = &[
    ("language", include_str!("notebook/language.md")),
    ("processes", include_str!("notebook/processes.md")),
    ("data", include_str!("notebook/data.md")),
    ("pictures", include_str!("notebook/pictures.md")),
];

/// What `all` means among the modules: one set, so that it is installed once.
const ALL: &str =
    "beautifulsoup4, lxml, matplotlib, numpy, openpyxl, pandas, pillow, plotly, scipy, sympy";

/// Programs under way at once.
const AT_ONCE: usize = 4;

/// A program, and what is expected of it.
#[derive(Debug)]
struct Program {
    /// Its page and its heading.
    name: String,
    code: String,
    /// The lines above it, as key and value.
    lines: Vec<(String, String)>,
}

/// The programs of a page: a heading, a list, a block of code each.
fn programs(page: &str, text: &str) -> Vec<Program> {
    let sections = text.split("\n## ").skip(1);
    let program = |section: &str| {
        let (heading, rest) = section.split_once('\n').expect("a heading");
        let (list, rest) = rest.split_once("```python\n").expect("a program");
        let (code, _) = rest.split_once("```").expect("the end of the program");
        let line = |line: &str| {
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.trim().trim_matches('`').replace("\\n", "\n");
            (key.to_owned(), value)
        };
        Program {
            name: format!("{page}: {heading}"),
            code: code.to_owned(),
            lines: list
                .lines()
                .filter_map(|it| it.strip_prefix("- "))
                .map(line)
                .collect(),
        }
    };
    sections.map(program).collect()
}

impl Program {
    fn arguments(&self) -> Value {
        let mut arguments = json!({ "code": self.code });
        for (key, value) in &self.lines {
            match key.as_str() {
                "modules" if value == "all" => arguments["modules"] = json!(ALL),
                "modules" => arguments["modules"] = json!(value),
                "stdin" => arguments["stdin"] = json!(value),
                "timeout" => arguments["timeout_seconds"] = json!(value.parse::<f64>().unwrap()),
                _ => {}
            }
        }
        arguments
    }

    /// What is not as expected.
    fn objections(&self, answer: &Answer) -> Vec<String> {
        let text = answer.text();
        let is = |kind: &str| {
            answer
                .content()
                .iter()
                .filter(|block| block["type"] == kind)
                .count()
        };
        let links: Vec<&str> = answer
            .content()
            .iter()
            .filter_map(|block| {
                let name = block["name"].as_str();
                name.or_else(|| block["resource"]["uri"].as_str())
            })
            .collect();
        let mut wrong = Vec::new();
        let mut must_fail = false;
        for (key, value) in &self.lines {
            let holds = match key.as_str() {
                "modules" | "stdin" | "timeout" => true,
                "error" => {
                    must_fail = true;
                    true
                }
                "says" => all_text(answer).contains(value.as_str()),
                "not" => !text.contains(value.as_str()),
                "prints" => answer.stdout() == value,
                "link" => links.iter().any(|link| link.ends_with(value.as_str())),
                "picture" => answer
                    .content()
                    .iter()
                    .any(|block| block["mimeType"] == value.as_str()),
                "pictures" => is("image").to_string() == *value,
                "table" => {
                    let rows: u64 = value.parse().expect("a number of rows");
                    let displays = answer.field("displays").as_array();
                    displays
                        .into_iter()
                        .flatten()
                        .any(|one| one["table"]["row_count"] == rows)
                }
                other => panic!("`{other}` is no expectation, in `{}`", self.name),
            };
            if !holds {
                wrong.push(format!("{key}: {value}"));
            }
        }
        if answer.is_error() != must_fail {
            wrong.push(format!("error: {must_fail}"));
        }
        wrong
    }
}

/// The text of all blocks, that of embedded files included.
fn all_text(answer: &Answer) -> String {
    let embedded = answer
        .content()
        .iter()
        .filter_map(|block| block["resource"]["text"].as_str());
    embedded.fold(answer.text(), |text, more| text + "\n" + more)
}

#[test]
fn there_are_many_and_no_two_have_one_name() {
    let mut names = BTreeMap::new();
    for (page, text) in PAGES {
        for program in programs(page, text) {
            assert!(!program.lines.is_empty(), "{program:?}");
            *names.entry(program.name).or_insert(0) += 1;
        }
    }
    assert!(names.len() >= 60, "{}", names.len());
    assert!(names.values().all(|count| *count == 1), "{names:?}");
}

#[tokio::test]
async fn programs_give_what_a_notebook_gives() {
    let what = "programs_give_what_a_notebook_gives";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    for set in [ALL, "playwright", "kaleido, plotly"] {
        let modules: Vec<&str> = ["build"].into_iter().chain(set.split(", ")).collect();
        let (code, _, err) = volume.env(&modules).await;
        assert_eq!(code, 0, "{err}");
    }
    let mut client = volume.server(&[]).await;
    let mut waiting: Vec<Program> = PAGES
        .iter()
        .flat_map(|(page, text)| programs(page, text))
        .collect();
    waiting.reverse();
    let mut running: BTreeMap<u64, Program> = BTreeMap::new();
    let mut failures = Vec::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(program) = waiting.pop()
        {
            let id = client.start_call(program.arguments()).await;
            running.insert(id, program);
        }
        if running.is_empty() {
            break;
        }
        let (id, answer) = client.next_answer().await;
        let program = running.remove(&id).expect("an answer to one of ours");
        let answer = Answer::of(answer);
        let wrong = program.objections(&answer);
        if !wrong.is_empty() {
            let kinds: Vec<_> = answer
                .content()
                .iter()
                .map(|block| &block["type"])
                .collect();
            let explanation = answer.field("explanation");
            let mut seen = format!(
                "{} {explanation} {kinds:?} {}",
                answer.ending(),
                answer.text()
            );
            seen.truncate(seen.floor_char_boundary(1500));
            failures.push(format!(
                "{}\n  expected {}\n  got {seen}",
                program.name,
                wrong.join("; ")
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} programs:\n{}",
        failures.len(),
        failures.join("\n")
    );
    client.close().await;
    volume.remove().await;
}
