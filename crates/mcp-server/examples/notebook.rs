//! A notebook as an MCP server over standard input and output: tools, resources, a prompt with proposals, progress, a
//! question to the user. A client starts it as `cargo run --package mcp-server --example notebook`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use mcp_protocol::completion::{CompleteParams, CompleteResult};
use mcp_protocol::content::{ContentBlock, ResourceContents};
use mcp_protocol::input::InputRequest;
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::prompts::{self, GetPromptResult, PromptArgument, PromptMessage};
use mcp_protocol::resources::{ReadResourceResult, Resource, ResourceTemplate};
use mcp_protocol::subscriptions::Change;
use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::{
    CallContext, Completer, Page, Prompt, ResourceProvider, Server, Tool, ToolError, async_trait,
};
use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

type Arguments = Map<String, Value>;
type Answer<T> = Result<T, ToolError>;

/// The notes by title. It is everything that the server offers, so it has all the traits itself.
#[derive(Debug, Default)]
struct Notebook {
    notes: Mutex<BTreeMap<String, String>>,
}

/// Writes a note. Its fields become the schema of the arguments, their comments what models read about them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Write {
    /// The title of the note: letters, digits, hyphens.
    title: String,
    /// What to write down.
    text: String,
}

/// A tool that writes.
#[derive(Debug)]
struct WriteNote(Arc<Notebook>);

#[async_trait]
impl Tool for WriteNote {
    fn definition(&self) -> tools::Tool {
        tools::Tool::new("write-note", schema::<Write>())
            .with_description("Writes a note, and asks the user before it replaces one")
    }

    async fn call(&self, arguments: Arguments, context: CallContext) -> Answer<CallToolResult> {
        // What a model can mend is a result, not an error.
        let write: Write = match serde_json::from_value(Value::Object(arguments)) {
            Ok(write) => write,
            Err(error) => return Ok(CallToolResult::error(error.to_string())),
        };
        let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        if write.title.is_empty() || !write.title.chars().all(fits) {
            return Ok(CallToolResult::error("use letters, digits, hyphens"));
        }
        // The lock is not held while the user thinks.
        let exists = self.0.notes.lock().await.contains_key(&write.title);
        if exists {
            let question = format!("Replace the note {}?", write.title);
            let request = InputRequest::form(question, schema::<Replace>());
            if !context.can_ask(&request) {
                return Ok(CallToolResult::error("there is such a note already"));
            }
            let answer = context.ask("replace", request).await?;
            if answer.field("replace") != Some(&Value::Bool(true)) {
                return Ok(CallToolResult::error("the user wants to keep the old note"));
            }
        }
        let uri = uri(&write.title);
        self.0.notes.lock().await.insert(write.title, write.text);
        context.announce(Change::Resource(uri.clone()));
        Ok(CallToolResult::text(format!("wrote {uri}")))
    }
}

/// What the user is asked before a note is replaced.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Replace {
    /// Whether to replace it.
    replace: bool,
}

/// No arguments.
#[derive(JsonSchema)]
struct Nothing {}

/// A tool that takes its time. A cancel drops the future of `call`, wherever it waits: there is nothing else to do.
#[derive(Debug)]
struct CountWords(Arc<Notebook>);

#[async_trait]
impl Tool for CountWords {
    fn definition(&self) -> tools::Tool {
        tools::Tool::new("count-words", schema::<Nothing>())
            .with_description("Counts the words of all notes, slowly")
    }

    async fn call(&self, _: Arguments, context: CallContext) -> Answer<CallToolResult> {
        let notes = self.0.notes.lock().await.clone();
        let total = u64::try_from(notes.len()).ok();
        let mut words = 0;
        for (done, (title, text)) in (1..).zip(&notes) {
            tokio::time::sleep(Duration::from_millis(300)).await;
            words += text.split_whitespace().count();
            context.progress_at(done, total, Some(format!("counted {title}")));
        }
        Ok(CallToolResult::text(format!("{words} words")))
    }
}

#[async_trait]
impl ResourceProvider for Notebook {
    async fn list(&self, _: Option<&str>, _: CallContext) -> Answer<Page<Resource>> {
        let notes = self.notes.lock().await;
        let listed = notes.keys().map(|title| Resource::new(uri(title), title));
        Ok(Page::last(listed.collect()))
    }

    async fn templates(&self, _: Option<&str>, _: CallContext) -> Answer<Page<ResourceTemplate>> {
        let template = ResourceTemplate::new("note://{title}", "a note by its title");
        Ok(Page::last(vec![template]))
    }

    async fn read(&self, uri: &str, _: CallContext) -> Answer<Option<ReadResourceResult>> {
        let notes = self.notes.lock().await;
        let text = uri.strip_prefix("note://").and_then(|it| notes.get(it));
        let plain = Some("text/plain".to_owned());
        Ok(
            text.map(|text| {
                ReadResourceResult::new(vec![ResourceContents::text(uri, plain, text)])
            }),
        )
    }
}

#[async_trait]
impl Prompt for Notebook {
    fn definition(&self) -> prompts::Prompt {
        prompts::Prompt::new("summarise").with_argument(PromptArgument::required("title"))
    }

    async fn get(
        &self,
        arguments: BTreeMap<String, String>,
        _: CallContext,
    ) -> Answer<GetPromptResult> {
        let title = arguments.get("title").map_or("", String::as_str);
        let text = format!("Summarise {} in one sentence.", uri(title));
        let message = PromptMessage::user(ContentBlock::text(text));
        Ok(GetPromptResult::new(vec![message]))
    }
}

#[async_trait]
impl Completer for Notebook {
    async fn complete(&self, params: CompleteParams, _: CallContext) -> Answer<CompleteResult> {
        let notes = self.notes.lock().await;
        let fitting = notes
            .keys()
            .filter(|title| title.starts_with(&params.value));
        Ok(CompleteResult::new(fitting.cloned().collect()))
    }
}

fn uri(title: &str) -> String {
    format!("note://{title}")
}

/// The schema of a struct, as MCP wants it: an object.
fn schema<T: JsonSchema>() -> Map<String, Value> {
    std::mem::take(schema_for!(T).ensure_object())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let notebook = Arc::new(Notebook::default());
    let server = Server::builder(Implementation::new("notebook", "1.0.0"))
        .tool(Arc::new(WriteNote(Arc::clone(&notebook))))
        .tool(Arc::new(CountWords(Arc::clone(&notebook))))
        .resources(Arc::clone(&notebook) as Arc<dyn ResourceProvider>)
        .prompt(Arc::clone(&notebook) as Arc<dyn Prompt>)
        .completions(notebook)
        .announces_updates()
        .build()?;
    // It ends when its client closes the input. Cancelling the token ends it too, from wherever that is called for.
    server.serve_stdio(CancellationToken::new()).await?;
    Ok(())
}
