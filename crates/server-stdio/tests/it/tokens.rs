//! What the tool's description and schemas cost a model that is given them: `docs/tokens.md` is made here, from what the
//! real server sends. `UPDATE_EXPECT=1` renews it.

use std::fmt::Write as _;

use expect_test::expect_file;
use serde_json::{Value, json};

use crate::program::Program;

const REVISIONS: [&str; 5] = [
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
    "2026-07-28",
];

/// The newest, which the tables by part and by option are of.
const NEWEST: &str = "2026-07-28";

/// The servers of the table by option.
const OPTIONS: &[(&str, &[&str])] = &[
    ("none", &[]),
    ("`--network none`", &["--network", "none"]),
    (
        "`--allow pypi.org --allow files.pythonhosted.org`",
        &["--allow", "pypi.org", "--allow", "files.pythonhosted.org"],
    ),
    ("`--results-time 90s`", &["--results-time", "90s"]),
    ("`--task-after never`", &["--task-after", "never"]),
    ("`--hot numpy,pandas`", &["--hot", "numpy,pandas"]),
];

/// What a model may be given of the tool at most, in tokens: a list of tools is paid for with every request.
const MOST: usize = 700;

/// What a server says of itself and of its tool.
struct Said {
    tool: Value,
    instructions: String,
}

impl Said {
    /// Asks a server without an engine, which needs none for that.
    fn of(revision: &str, options: &[&str]) -> Self {
        let mut server = Program::without_engine(options).start();
        let mut ask = |id: u32, method: &str, mut params: Value| -> Value {
            if revision == NEWEST {
                let key = |name: &str| format!("io.modelcontextprotocol/{name}");
                params["_meta"][key("protocolVersion")] = revision.into();
                params["_meta"][key("clientCapabilities")] = json!({});
            }
            let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
            server.send(&request.to_string());
            let answer: Value = serde_json::from_str(&server.line()).unwrap();
            assert_eq!(answer["id"], id, "{answer}");
            answer["result"].clone()
        };
        let greeting = if revision == NEWEST {
            ask(0, "server/discover", json!({}))
        } else {
            let info = json!({ "name": "test", "version": "1" });
            let params =
                json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": info });
            ask(0, "initialize", params)
        };
        let list = ask(1, "tools/list", json!({}));
        assert_eq!(list["tools"].as_array().map(Vec::len), Some(1), "{list}");
        Self {
            tool: list["tools"][0].clone(),
            instructions: greeting["instructions"].as_str().unwrap().to_owned(),
        }
    }

    /// The part of the tool of this name, as JSON; nothing if it is not there.
    fn part(&self, name: &str) -> String {
        match &self.tool[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            part => part.to_string(),
        }
    }

    /// What clients commonly give a model of a tool.
    fn given(&self) -> String {
        json!({
            "name": self.tool["name"], "description": self.tool["description"],
            "parameters": self.tool["inputSchema"],
        })
        .to_string()
    }
}

fn tokens(text: &str) -> usize {
    tiktoken_rs::o200k_base_singleton()
        .encode_ordinary(text)
        .len()
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let said = Said::of(NEWEST, &[]);
    for (name, text) in [
        ("description", said.part("description")),
        ("parameters, as a schema", said.part("inputSchema")),
        (
            "**given to a model**: name, description, parameters",
            said.given(),
        ),
        ("schema of the structured form", said.part("outputSchema")),
        ("title, annotations", {
            said.part("title") + &said.part("annotations")
        }),
        ("instructions of the server", said.instructions.clone()),
    ] {
        let _ = writeln!(
            page,
            "| {name} | {} | {} |",
            text.chars().count(),
            tokens(&text)
        );
    }
    page.push_str(BY_REVISION);
    for revision in REVISIONS {
        let said = Said::of(revision, &[]);
        let _ = writeln!(
            page,
            "| {revision} | {} | {} | {} |",
            tokens(&said.tool.to_string()),
            tokens(&said.given()),
            tokens(&said.instructions),
        );
    }
    page.push_str(BY_OPTION);
    for (name, options) in OPTIONS {
        let said = Said::of(NEWEST, options);
        let _ = writeln!(
            page,
            "| {name} | {} | {} |",
            tokens(&said.part("description")),
            tokens(&said.given()),
        );
    }
    page
}

const HEAD: &str = "\
# What the tool costs a model

<!-- Made from what the server sends by the tests of `server-stdio`: run them with `UPDATE_EXPECT=1` to renew it. -->

A list of tools is read by a model with every request, so every word of it is paid for again and again. Counted with the vocabulary `o200k_base`;
others differ by some percent. Most clients give a model the name, the description and the schema of the parameters, and many the
server's instructions besides; the schema of the structured form is for programs, and read by few models.

## By part

| part | characters | tokens |
|---|---|---|
";

const BY_REVISION: &str = "
## By revision

The entry of the tool as it is sent, as JSON. Before 2025-06-18 there is no structured form and no schema of it, before 2025-03-26 there are no annotations.

| revision | whole entry | of it given to a model | instructions |
|---|---|---|---|
";

const BY_OPTION: &str = "
## By option

The description tells the limits in force, so it differs with the server's options.

| options | description | given to a model |
|---|---|---|
";

#[test]
fn the_document_has_what_the_tool_costs() {
    expect_file!["../../../../docs/tokens.md"].assert_eq(&page());
}

#[test]
fn a_model_is_given_little() {
    for (name, options) in OPTIONS {
        let given = tokens(&Said::of(NEWEST, options).given());
        assert!((100..=MOST).contains(&given), "{name}: {given}");
    }
}
