//! Programs that leave more to be seen than a result may have: both forms stay within their budgets, name what there is,
//! and say what they do not show.

use mcp_protocol::Revision;
use mcp_protocol::content::ContentBlock;
use mcp_protocol::tools::CallToolResult;
use mcp_protocol::wire::ToWire as _;
use serde_json::{Value, json};

use super::results::PANDAS;
use super::{bench, field};

/// What the common clients take.
const TOKENS: usize = 25_000;

/// What the smallest of the common clients takes of a message, pictures included.
const MESSAGE: usize = 1_000_000;

/// The form for programs, which may have half as much again as the text.
const STRUCTURED: usize = 96 * 1024 / 2 * 3;

fn tokens(text: &str) -> usize {
    let o200k = tiktoken_rs::o200k_base_singleton();
    o200k.encode_ordinary(text).len()
}

/// A block as a client puts it before a model; of a picture there is no text.
fn readable(block: &ContentBlock) -> Option<String> {
    if let ContentBlock::Image(_) = block {
        return None;
    }
    let result = CallToolResult::new(vec![block.clone()]).to_wire(Revision::ALL[0]);
    let text = block.as_text().map(str::to_owned);
    Some(text.unwrap_or_else(|| result["content"][0].to_string()))
}

#[track_caller]
fn is_bounded(result: &CallToolResult) {
    let texts: Vec<String> = result.content.iter().filter_map(readable).collect();
    let text = texts.join("\n");
    let structured = result.structured_content.as_ref().unwrap().to_string();
    let message = Value::Object(result.to_wire(Revision::ALL[0])).to_string();
    let found = [
        text.len(),
        tokens(&text),
        structured.len(),
        tokens(&structured),
    ];
    assert!(
        text.len() <= 96 * 1024 && tokens(&text) <= TOKENS,
        "bytes and tokens of text and structured form: {found:?}"
    );
    assert!(
        structured.len() <= STRUCTURED && tokens(&structured) <= TOKENS,
        "bytes and tokens of text and structured form: {found:?}"
    );
    assert!(message.len() <= MESSAGE, "{} bytes in all", message.len());
}

fn notes(result: &CallToolResult) -> String {
    field(result, "notes").to_string()
}

#[track_caller]
fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is missing in: {said}");
    }
}

#[tokio::test]
async fn a_loop_of_frames_shows_what_there_is_room_for_and_names_all() {
    let bench = bench();
    let code = format!("{PANDAS}for n in range(70): display(DataFrame())\nprint('7 ' * 200_000)");
    let result = bench.call(json!({"code": code})).await;
    is_bounded(&result);
    let displays = field(&result, "displays").as_array().unwrap();
    assert_eq!(displays.len(), 64);
    for display in displays {
        assert_eq!(display["kind"], "display");
        assert_eq!(display["table"]["row_count"], 1000);
        assert!(display["media"][0]["uri"].is_string(), "{display}");
    }
    assert_eq!(
        displays[0]["table"]["rows"].as_array().map(Vec::len),
        Some(100)
    );
    assert_eq!(displays[63]["table"]["rows"], Value::Null);
    let cut = displays
        .iter()
        .filter(|one| one["table"]["rows"].as_array().map(Vec::len) != Some(100));
    let what = format!(
        "rows of {} tables are not or not all in the structured result",
        cut.count()
    );
    says(
        &notes(&result),
        &[
            &what,
            "--result-tokens",
            "`display 65` was not returned: too many",
        ],
    );
    let links = result
        .content
        .iter()
        .filter(|block| matches!(block, ContentBlock::ResourceLink(_)));
    assert!(
        links.count() >= 64,
        "whoever reads only the text finds all tables"
    );
    bench.close().await;
}

#[tokio::test]
async fn forged_heads_make_no_result_too_long() {
    let bench = bench();
    // What the program's process lays down, it may lay down itself.
    let code = "import json, os, struct\n\
        spool = os.path.join(os.environ['HOME'], '.displays')\n\
        os.makedirs(spool, exist_ok=True)\n\
        def lay_down(n, **head):\n\
        \x20   head = json.dumps({'kind': 'display', 'text': '', 'table': None, 'parts': []} | head, ensure_ascii=False).encode()\n\
        \x20   open(f'{spool}/{n:020}-1', 'wb').write(struct.pack('>I', len(head)) + head)\n\
        wide = '\\u202e9+\"' * 40\n\
        for n in range(64):\n\
        \x20   table = {'columns': [{'name': wide, 'type': wide}] * 64, 'rows': [['7\"\\n'] * 64] * 200, 'row_count': 2**63, 'column_count': 64}\n\
        \x20   parts = [{'name': '\\u00e9/' * 80 + str(part), 'type': 'text/csv', 'bytes': 0} for part in range(8)]\n\
        \x20   lay_down(n, text='\\x1b' * 60_000, table=table, notes=['\\u202e' * 400] * 8, parts=parts)\n\
        print('\\x1b9' * 300_000)\n";
    let result = bench.call(json!({"code": code})).await;
    is_bounded(&result);
    let displays = field(&result, "displays").as_array().unwrap();
    let first = displays.first().expect("a display");
    assert_eq!(first["table"]["row_count"], 1_u64 << 63, "{first}");
    says(
        &notes(&result),
        &["pictures and files of ", "the texts of ", "rows of "],
    );
    bench.close().await;
}

#[tokio::test]
async fn many_files_and_pictures_beside_a_long_output_are_named() {
    let bench = bench();
    let code = "import zlib, struct, random, hashlib\n\
        def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))\n\
        def png(side): return b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(random.randbytes(side * (side + 1)))) + chunk(b'IEND', b'')\n\
        for n in range(20): display(png(300))\n\
        display('7 ' * 50_000, range(10 ** 9))\n\
        for n in range(110): open(f'file-{n:03}.txt', 'w').write('x')\n\
        for n in range(9000): print(hashlib.sha256(b'%d' % n).hexdigest())\n";
    let result = bench.call(json!({"code": code})).await;
    is_bounded(&result);
    let files = field(&result, "files").as_array().unwrap();
    assert_eq!(files.len(), 100);
    assert!(
        files
            .iter()
            .all(|file| file["uri"].is_string() && file["size"].is_u64())
    );
    // What is short is shown, however long the ones before it were.
    let mut texts = result.content.iter().filter_map(ContentBlock::as_text);
    assert!(texts.any(|text| text == "range(0, 1000000000)"));
    let text = super::text(&result);
    says(
        text,
        &[
            " bytes omitted …",
            "pictures are linked to and not shown: the pictures of a result may have 512 KiB together; only the operator can allow more (`--result-pictures`)",
            "68 more files were returned",
            "was not returned: too many; 100 files and 64 displays are returned",
        ],
    );
    bench.close().await;
}

#[tokio::test]
async fn outputs_of_any_kind_stay_below_what_clients_take() {
    let bench = bench();
    for (kind, code) in [
        (
            "digits",
            "import random\nfor n in range(20_000): print(random.randrange(10 ** 9))",
        ),
        ("short numbers", "print(*(n % 97 for n in range(200_000)))"),
        (
            "hexadecimal",
            "import random\nfor n in range(9000): print(random.randbytes(24).hex())",
        ),
        (
            "base64",
            "import base64, random\nprint(base64.b64encode(random.randbytes(300_000)).decode())",
        ),
        (
            "ideographs",
            "print(''.join(chr(0x4e00 + n * 7 % 3000) for n in range(100_000)))",
        ),
        (
            "punctuation",
            "import random, string\nprint(''.join(random.choices(string.punctuation, k=200_000)))",
        ),
        (
            "bytes",
            "import sys, random\nsys.stdout.buffer.write(random.randbytes(200_000))",
        ),
        (
            "words",
            "print('some words of a text that goes on and on. ' * 9000)",
        ),
    ] {
        let code = format!(
            "{code}\nimport sys\nprint('9 8 7 6 ' * 50_000, file=sys.stderr)\n'1,' * 60_000"
        );
        let result = bench.call(json!({"code": code})).await;
        assert!(!result.is_error, "{kind}");
        is_bounded(&result);
        let shown = field(&result, "stdout").as_str().unwrap();
        let shown = tokens(shown);
        assert!(
            shown > 5000,
            "{kind}: {shown} tokens are far less than there is room for"
        );
    }
    bench.close().await;
}
