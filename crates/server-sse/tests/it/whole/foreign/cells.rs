//! What each client is asked to do, and what it must then have seen.

use std::time::Duration;

use executor_testkit::engine::Engine;
use executor_testkit::witness::{container_of, marker, visible_program};
use serde_json::{Value, json};

use super::follower::{Ended, Follower};

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    List,
    Call,
    Error,
    Unicode,
    Big,
    Kinds,
    Progress,
    Cancel,
    Parallel,
}

impl Cell {
    /// In the order of the columns, in which they are tried too.
    pub(super) const ALL: [Self; 9] = [
        Self::List,
        Self::Call,
        Self::Error,
        Self::Unicode,
        Self::Big,
        Self::Kinds,
        Self::Progress,
        Self::Cancel,
        Self::Parallel,
    ];

    /// The head of the column.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Call => "call",
            Self::Error => "error",
            Self::Unicode => "unicode",
            Self::Big => "big output",
            Self::Kinds => "kinds",
            Self::Progress => "progress",
            Self::Cancel => "cancel",
            Self::Parallel => "parallel",
        }
    }

    /// What stands behind the column, for the document.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::List => "it lists `execute-python`, and nothing else",
            Self::Call => "a program's output arrives",
            Self::Error => {
                "a program that fails is a result that is marked as an error, with the traceback"
            }
            Self::Unicode => {
                "characters of every length and direction, and a carriage return, come through both ways"
            }
            Self::Big => {
                "the largest result that the server sends arrives, and the connection lives on"
            }
            Self::Kinds => {
                "a text, a picture, an embedded file and a link to a file arrive, each as what it is in that revision"
            }
            Self::Progress => {
                "lines arrive while the program prints them: in order, their numbers growing, before the result"
            }
            Self::Cancel => {
                "the container is gone soon after, and the connection serves the next call"
            }
            Self::Parallel => "eight calls at once, each with its own answer",
        }
    }
}

/// What is known besides the client.
#[derive(Debug)]
pub(super) struct Company<'a> {
    pub(super) engine: &'a Engine,
    /// Whether results have a structured form in the revision that is spoken.
    pub(super) structured: bool,
}

/// Tries one cell; an error says what was seen instead.
pub(super) async fn judge(
    cell: Cell,
    client: &mut Follower,
    company: &Company<'_>,
) -> Result<(), String> {
    match cell {
        Cell::List => {
            let tools = client.list().await?;
            holds(tools == json!(["execute-python"]), &tools)
        }
        Cell::Call => call(client, company, "call").await,
        Cell::Error => error(client, company).await,
        Cell::Unicode => unicode(client, company).await,
        Cell::Big => big(client, company).await,
        Cell::Kinds => kinds(client, company).await,
        Cell::Progress => progress(client).await,
        Cell::Cancel => cancel(client, company).await,
        Cell::Parallel => parallel(client).await,
    }
}

async fn call(client: &mut Follower, company: &Company<'_>, name: &str) -> Result<(), String> {
    let Ended { end, .. } = client.call(name, "print(6 * 7)").await?;
    holds(
        end["failed"] == false && end["text"] == "42\n" && stdout(&end, company, "42\n"),
        &end,
    )
}

async fn error(client: &mut Follower, company: &Company<'_>) -> Result<(), String> {
    let Ended { end, .. } = client.call("error", "print('before')\n1 / 0").await?;
    let text = end["text"].as_str().unwrap_or_default();
    let exit_code = &end["structured"]["exit_code"];
    holds(
        end["failed"] == true
            && text.contains("ZeroDivisionError: division by zero")
            && stdout(&end, company, "before\n")
            && (*exit_code == 1) == company.structured,
        &end,
    )
}

/// Two bytes, three and four, one that is two units of UTF-16, right to left, and a combining mark.
const CHARACTERS: &str = "Öl 漢字 🐍 𝒳 שלום مرحبا e\u{301}";

async fn unicode(client: &mut Follower, company: &Company<'_>) -> Result<(), String> {
    // The count shows that the program arrived as it was sent, not only that it came back so.
    let code = format!("text = '{CHARACTERS}'\nprint(len(text), text, end='\\r\\n')");
    let Ended { end, .. } = client.call("unicode", &code).await?;
    let line = format!("{} {CHARACTERS}", CHARACTERS.chars().count());
    // The text is for reading, and writes a carriage return out; a link to the bytes follows it.
    let text = end["text"].as_str().unwrap_or_default();
    holds(
        end["failed"] == false
            && text.starts_with(&format!("{line}\\r\n"))
            && stdout(&end, company, &format!("{line}\r\n")),
        &end,
    )
}

/// Prints far more than is kept, on both streams, and much of it in characters that JSON writes as two.
const BIG: &str = r#"
import sys
for stream in sys.stdout, sys.stderr:
    stream.write('first\n')
    for _ in range(2 ** 15):
        stream.write('"\\é🐍' * 8 + '\n')
    stream.write('last\n')
"#;

/// What the result holds of standard output at least, and its text of both streams: of this text, which is hard on
/// tokenizers, a byte or two are a token.
const BIG_STDOUT: usize = 8 * 1024;
const BIG_TEXT: usize = 16 * 1024;

async fn big(client: &mut Follower, company: &Company<'_>) -> Result<(), String> {
    let Ended { end, .. } = client.call("big", BIG).await?;
    let text = end["text"].as_str().unwrap_or_default();
    let structured = &end["structured"];
    let stdout = structured["stdout"].as_str().unwrap_or_default();
    let whole = stdout.starts_with("first\n")
        && stdout.ends_with("last\n")
        && structured["stdout"].to_string().len() > BIG_STDOUT
        && structured["truncated"] == true;
    let right = end["failed"] == false
        && text.len() > BIG_TEXT
        && text.contains("first\n")
        && text.contains("last\n")
        && whole == company.structured;
    if right {
        return Ok(());
    }
    let shown: String = end.to_string().chars().take(500).collect();
    Err(format!("it saw {} bytes of text: {shown}", text.len()))
}

/// Prints, shows the smallest picture, and leaves a file that is linked to and one that is embedded.
const KINDS: &str = r#"
import struct, zlib
def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
head = chunk(b'IHDR', struct.pack('>IIBBBBB', 1, 1, 8, 0, 0, 0, 0))
display(b'\x89PNG\r\n\x1a\n' + head + chunk(b'IDAT', zlib.compress(bytes(2))) + chunk(b'IEND', b''))
with open('linked.bin', 'wb') as file: file.write(bytes(9))
with open('small.csv', 'w') as file: file.write('a,b\n1,2\n')
print('text')
"#;

async fn kinds(client: &mut Follower, company: &Company<'_>) -> Result<(), String> {
    let Ended { end, .. } = client.call("kinds", KINDS).await?;
    let kinds = end["kinds"].as_array().cloned().unwrap_or_default();
    let [text, picture, link, embedded] = kinds.as_slice() else {
        return holds(false, &end);
    };
    let picture_data = picture[1].as_str().unwrap_or_default();
    // Links are as old as the structured form; before that a line of text stands for one.
    let is_linked = if company.structured {
        *link == json!(["resource_link", "linked.bin"])
    } else {
        let lines = end["text"].as_str().unwrap_or_default();
        link[0] == "text" && lines.contains("[linked.bin](python-executor://runs/")
    };
    holds(
        text[0] == "text"
            && picture[0] == "image"
            && picture_data.starts_with("iVBORw0KGgo")
            && is_linked
            && *embedded == json!(["resource", "a,b\n1,2\n"]),
        &end,
    )
}

/// How many of the five lines must be seen: some clients lose the last message when the result is close behind it.
const LINES_AT_LEAST: usize = 3;

/// Seconds between the lines. A newer line takes the place of one that waits, so a machine that stands still for a
/// while merges some; then the program is run again, more slowly.
const PAUSES: [&str; 3] = ["0.2", "1", "4"];

async fn progress(client: &mut Follower) -> Result<(), String> {
    let mut seen = Value::Null;
    for pause in PAUSES {
        let code = format!(
            "import time\nfor number in range(5):\n    print('line', number, flush=True)\n    time.sleep({pause})"
        );
        let Ended { end, progress } = client.call("progress", &code).await?;
        let numbers: Vec<f64> = progress
            .iter()
            .filter_map(|report| report["progress"].as_f64())
            .collect();
        let messages = progress
            .iter()
            .filter_map(|report| report["message"].as_str());
        let lines: Vec<&str> = messages
            .filter(|message| message.starts_with("line "))
            .collect();
        let right = end["failed"] == false
            && numbers.len() == progress.len()
            && numbers.is_sorted_by(|one, next| one < next)
            && lines.is_sorted_by(|one, next| one < next);
        if right && lines.len() >= LINES_AT_LEAST {
            return Ok(());
        }
        seen = json!({ "end": end, "progress": progress });
        if !right {
            break;
        }
    }
    Err(format!("it saw {seen}"))
}

/// What may pass until a container shows that its program runs, and until it is gone.
const UP: Duration = Duration::from_secs(60);
const GONE: Duration = Duration::from_secs(10);

/// Starts a call that would last, and gives its container once the program runs in it.
async fn lasting(client: &mut Follower) -> Result<String, String> {
    let marker = marker().map_err(|error| error.to_string())?;
    let code = visible_program(&marker, "time.sleep(600)");
    client.start_call("lasting", &code).await?;
    container_of(&marker, UP)
        .await
        .map_err(|error| error.to_string())
}

async fn cancel(client: &mut Follower, company: &Company<'_>) -> Result<(), String> {
    let container = lasting(client).await?;
    client.cancel("lasting").await?;
    let gone = company.engine.until_gone(&container, GONE).await;
    gone.map_err(|error| error.to_string())?;
    let Ended { end, .. } = client.end_of("lasting").await?;
    holds(end["cancelled"] == true, &end)?;
    call(client, company, "next").await
}

/// For a client that cannot cancel: the end of its connection is the end of its calls.
pub(super) async fn hang_up(mut client: Follower, company: &Company<'_>) -> Result<(), String> {
    let container = lasting(&mut client).await?;
    client.close().await?;
    let gone = company.engine.until_gone(&container, GONE).await;
    gone.map(drop).map_err(|error| error.to_string())
}

async fn parallel(client: &mut Follower) -> Result<(), String> {
    const CALLS: usize = 8;
    for number in 0..CALLS {
        let code = format!("import time\ntime.sleep(0.2)\nprint('answer {number}')");
        client
            .start_call(&format!("parallel {number}"), &code)
            .await?;
    }
    let mut answered = 0;
    while answered < CALLS {
        let report = client.report().await?;
        let call = report["call"].as_str().unwrap_or_default();
        let Some(number) = call.strip_prefix("parallel ") else {
            continue;
        };
        if report.get("progress").is_some() {
            continue;
        }
        holds(
            report["failed"] == false && report["text"] == format!("answer {number}\n"),
            &report,
        )?;
        answered += 1;
    }
    Ok(())
}

/// Whether a result's structured form has this output, or is missing where there is none.
fn stdout(end: &Value, company: &Company<'_>, expected: &str) -> bool {
    let structured = &end["structured"];
    if company.structured {
        structured["stdout"] == expected
    } else {
        structured.is_null()
    }
}

fn holds(right: bool, seen: &Value) -> Result<(), String> {
    if right {
        Ok(())
    } else {
        Err(format!("it saw {seen}"))
    }
}
