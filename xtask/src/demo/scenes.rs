//! What the demo shows: programs, and what must come of them.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{origin, pictures};
use crate::say;
use crate::server::Client;

/// The tool that all scenes call.
const TOOL: &str = "execute-python";
/// The title of the page that a program serves to itself.
const OWN_TITLE: &str = "A page from inside the sandbox";

/// One call of the tool.
#[derive(Debug)]
pub(super) struct Scene {
    title: &'static str,
    modules: &'static str,
    program: String,
    fails: bool,
    /// What the text for the model must contain.
    contains: &'static [&'static str],
    /// How many pictures there must be.
    pictures: usize,
}

/// All scenes, in the order of the demo; `origin` is the address of the page outside.
pub(super) fn all(origin: &str) -> Vec<Scene> {
    vec![
        Scene {
            title: "Hello, and a sum",
            modules: "",
            program: "print(\"Hello from a fresh sandbox\")\nprint(2 + 2)\n".to_owned(),
            fails: false,
            contains: &["Hello from a fresh sandbox\n4"],
            pictures: 0,
        },
        Scene {
            title: "A module from the package index",
            modules: "requests",
            program: "import requests\nprint(\"requests\", requests.__version__)\n".to_owned(),
            fails: false,
            contains: &["requests 2."],
            pictures: 0,
        },
        Scene {
            title: "A browser: a page of the program's own, and one through the gateway",
            modules: "playwright",
            program: BROWSER
                .replace("@OWN_TITLE@", OWN_TITLE)
                .replace("@ORIGIN@", origin),
            fails: false,
            contains: &[OWN_TITLE, origin::TITLE, "bytes of PNG"],
            pictures: 2,
        },
        Scene {
            title: "A plot",
            modules: "matplotlib",
            program: PLOT.to_owned(),
            fails: false,
            contains: &[],
            pictures: 1,
        },
        Scene {
            title: "A program that fails",
            modules: "",
            program: "def share(cake, guests):\n    return cake / guests\n\nprint(share(1, 0))\n"
                .to_owned(),
            fails: true,
            contains: &[
                "Traceback",
                "in share",
                "ZeroDivisionError: division by zero",
            ],
            pictures: 0,
        },
    ]
}

const BROWSER: &str = r#"import http.server
import threading

from playwright.sync_api import sync_playwright


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>@OWN_TITLE@</title><h1>Hello</h1>")

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()

with sync_playwright() as playwright:
    browser = playwright.chromium.launch()
    page = browser.new_page()
    for address in (f"http://localhost:{server.server_port}/", "@ORIGIN@"):
        page.goto(address)
        picture = page.screenshot()
        assert picture.startswith(b"\x89PNG")
        print(f"{page.title()}: {len(picture)} bytes of PNG")
    browser.close()
"#;

const PLOT: &str = r#"import matplotlib.pyplot as plt

hours = range(24)
plt.plot(hours, [(hour - 12) ** 2 / 6 + 4 for hour in hours], marker="o")
plt.title("Drawn in a sandbox")
plt.xlabel("hour")
"#;

impl Scene {
    /// Calls the tool, shows what came of it, puts pictures into `dir`, and compares that with what must.
    pub(super) fn play(&self, number: usize, client: &mut Client, dir: &Path) -> Result<()> {
        say::result(&format!("{number}. {}", self.title));
        let mut arguments = json!({ "code": self.program });
        if !self.modules.is_empty() {
            say::result(&format!("   modules: {}", self.modules));
            if let Some(object) = arguments.as_object_mut() {
                object.insert("modules".to_owned(), self.modules.into());
            }
        }
        let called = Instant::now();
        let answer = client.call(TOOL, &arguments, |said| say::progress("server", said))?;
        let took = called.elapsed();
        let text = text_of(&answer);
        for line in text.lines() {
            say::result(&format!("   | {line}"));
        }
        let pictures = pictures::save(&answer, dir, &format!("scene-{number}"))?;
        for path in &pictures {
            say::result(&format!("   picture: {}", path.display()));
        }
        say::result(&format!(
            "   {} in {}\n",
            self.ending(&answer),
            say::seconds(took)
        ));
        if pictures.len() != self.pictures {
            bail!(
                "there are {} pictures, and {} were expected",
                pictures.len(),
                self.pictures
            );
        }
        self.compare(&answer, &text)
    }

    /// How the program ended, as the structured result has it.
    fn ending(&self, answer: &Value) -> String {
        let result = answer.get("structuredContent");
        let field = |name| result.and_then(|result| result.get(name));
        let inside = field("duration_ms").and_then(Value::as_f64);
        let inside = inside.map_or_else(String::new, |ms| format!(" (the program: {ms:.0} ms)"));
        match field("exit_code").and_then(Value::as_i64) {
            Some(code) => format!("exit code {code}{inside}"),
            None => format!("no exit code{inside}"),
        }
    }

    fn compare(&self, answer: &Value, text: &str) -> Result<()> {
        let fails = answer
            .get("isError")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        if fails != self.fails {
            bail!("`isError` is {fails}, and {} was expected", self.fails);
        }
        for expected in self.contains {
            if !text.contains(expected) {
                bail!("the text does not contain `{expected}`");
            }
        }
        let result = answer
            .get("structuredContent")
            .context("there is no `structuredContent`")?;
        let code = result.get("exit_code").and_then(Value::as_i64);
        let expected = i64::from(self.fails);
        if code != Some(expected) {
            bail!("`exit_code` is {code:?}, and {expected} was expected");
        }
        Ok(())
    }
}

/// All text of a result.
fn text_of(answer: &Value) -> String {
    let parts = answer.get("content").and_then(Value::as_array);
    parts
        .into_iter()
        .flatten()
        .filter_map(|part| part.get("text")?.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_answer_is_noticed() {
        let check = |answer: &Value, expected: Option<&str>| {
            let scenes = all("http://x.test/");
            let scene = scenes.first().unwrap();
            let outcome = scene.compare(answer, &text_of(answer));
            match (outcome, expected) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}"),
                (outcome, expected) => panic!("{outcome:?} for {expected:?}"),
            }
        };
        let answer = |text: &str, error: bool, code: i64| {
            json!({
                "content": [{ "type": "text", "text": text }],
                "isError": error,
                "structuredContent": { "exit_code": code },
            })
        };
        let good = "Hello from a fresh sandbox\n4\n";
        check(&answer(good, false, 0), None);
        check(&answer(good, true, 0), Some("`isError` is true"));
        check(&answer(good, false, 3), Some("`exit_code` is Some(3)"));
        check(&answer("Hello", false, 0), Some("does not contain"));
        check(
            &json!({ "content": [{ "text": good }] }),
            Some("structuredContent"),
        );
    }

    #[test]
    fn the_browser_gets_its_addresses() {
        let scenes = all("http://x.test/");
        assert!(
            scenes.iter().all(|scene| !scene.program.contains('@')),
            "{scenes:?}"
        );
    }
}
