//! What programs leave to be seen, as content of results, and what is linked to, as resources.

use mcp_protocol::Revision;
use mcp_protocol::content::{ContentBlock, ResourceBody};
use mcp_protocol::tools::CallToolResult;
use mcp_server::{CallContext, Principal, ResourceProvider as _};
use serde_json::{Value, json};

use super::{Bench, bench, field, text};

/// One line a block.
fn blocks(result: &CallToolResult) -> Vec<String> {
    let shown = |block: &ContentBlock| match block {
        ContentBlock::Text(text) => format!("text {:?}", text.text),
        ContentBlock::Image(media) => format!("image {}", media.mime_type),
        ContentBlock::ResourceLink(link) => format!(
            "link {} {}",
            link.name,
            link.mime_type.as_deref().unwrap_or("-")
        ),
        ContentBlock::Resource(embedded) => match &embedded.contents.body {
            ResourceBody::Text(text) => format!("embedded {text:?}"),
            other => format!("embedded {other:?}"),
        },
        other => format!("{other:?}"),
    };
    result.content.iter().map(shown).collect()
}

fn context(principal: &str) -> CallContext {
    CallContext::new(Revision::ALL[0]).with_principal(Principal::new(principal))
}

async fn read(bench: &Bench, uri: &str, principal: &str) -> Option<ResourceBody> {
    let results = bench.tool.results();
    let read = results
        .read(uri, context(principal))
        .await
        .expect("an answer");
    read.map(|read| read.contents.into_iter().next().expect("one").body)
}

fn uri(result: &CallToolResult, name: &str) -> String {
    let files = field(result, "files").as_array().expect("files");
    let file = files
        .iter()
        .find(|file| file["name"] == name)
        .expect("a file");
    file["uri"].as_str().expect("a uri").to_owned()
}

#[tokio::test]
async fn the_value_of_the_last_line_is_shown() {
    let bench = bench();
    let result = bench.call(json!({"code": "2 + 2"})).await;
    assert_eq!(blocks(&result), [r#"text "4""#]);
    assert_eq!(
        field(&result, "displays"),
        &json!([{"kind": "value", "text": "4"}])
    );
    let result = bench
        .call(json!({"code": "print('out')\ndisplay('a')\n'\\u202e'"}))
        .await;
    assert_eq!(
        blocks(&result),
        [r#"text "out\n""#, r#"text "'a'""#, r#"text "'\\u202e'""#]
    );
    let result = bench.call(json!({"code": "None"})).await;
    assert_eq!(blocks(&result), [r#"text "(no output)""#]);
    bench.close().await;
}

#[tokio::test]
async fn a_value_that_is_not_shown_for_the_length_of_the_program_is_missed() {
    let bench = bench();
    for (length, expected) in [
        (128 * 1024, "4"),
        (
            128 * 1024 + 1,
            "(no output)\nnote: the program is longer than 128 KiB, so the value of its last line is not shown; \
             `print` or `display()` it",
        ),
    ] {
        let code = format!("#{}\n2 + 2", "x".repeat(length - 7));
        assert_eq!(code.len(), length);
        let result = bench.call(json!({"code": code})).await;
        assert_eq!(text(&result), expected);
    }
    bench.close().await;
}

#[tokio::test]
async fn long_texts_are_cut_and_linked_to() {
    let bench = bench();
    let code = "print('x' * 300_000)\n'y' * 60_000";
    let result = bench.call(json!({"code": code})).await;
    let seen = blocks(&result);
    assert!(seen[0].contains(" bytes omitted …"));
    assert_eq!(seen[1], "link stdout.txt text/plain");
    assert!(seen[2].contains(" bytes omitted …"), "{}", seen[2]);
    assert_eq!(seen[3], "link display-1/text.txt text/plain");
    let total: usize = seen.iter().map(String::len).sum();
    assert!(total < 96 * 1024, "{total}");
    let ContentBlock::ResourceLink(link) = &result.content[1] else {
        panic!("a link")
    };
    let whole = read(&bench, &link.uri, "local").await;
    assert_eq!(whole, Some(ResourceBody::Text("x".repeat(300_000) + "\n")));
    bench.close().await;
}

#[tokio::test]
async fn files_come_back_as_what_they_are() {
    let bench = bench();
    let code = "import zlib, struct\n\
        def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))\n\
        def png(side): return b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(bytes(side * (side + 1)))) + chunk(b'IEND', b'')\n\
        open('a.png', 'wb').write(png(8))\nopen('b-large.png', 'wb').write(png(2000))\nopen('c.csv', 'w').write('a,b\\n1,2\\n')\n\
        open('d.bin', 'wb').write(bytes(5))\nopen('e.txt', 'w').write('\\u202e')\nopen('f.txt', 'w').write('x' * 5000)\nopen('g.html', 'w').write('<script>')\n\
        import os; os.symlink('/etc/passwd', 'h-link')\n";
    let result = bench.call(json!({"code": code})).await;
    assert_eq!(
        blocks(&result)[1..],
        [
            "image image/png",
            "link a.png image/png",
            "link b-large.png image/png",
            "embedded \"a,b\\n1,2\\n\"",
            "link d.bin application/octet-stream",
            "link e.txt text/plain",
            "link f.txt text/plain",
            "embedded \"<script>\"",
        ]
    );
    assert_eq!(
        text(&result),
        "note: `h-link` was not returned: a symbolic link; copy what it leads to"
    );
    let files = field(&result, "files");
    assert_eq!(
        files[2]["sha256"],
        "492d5ea496056f1a6a6592241032fab764c321596317930b4fa0e1e8bc3b7470"
    );
    let there = read(&bench, &uri(&result, "d.bin"), "local").await;
    assert_eq!(there, Some(ResourceBody::Blob("AAAAAAA=".to_owned())));
    bench.close().await;
}

#[tokio::test]
async fn links_are_for_their_caller_alone() {
    let bench = bench();
    let arguments = json!({"code": "open('a.bin', 'wb').write(bytes(3))"});
    let result = bench.call_in(arguments, context("anna")).await;
    let uri = uri(&result, "a.bin");
    assert!(read(&bench, &uri, "anna").await.is_some());
    assert!(read(&bench, &uri, "bert").await.is_none());
    let code = "print(open('again', 'rb').read())";
    let arguments = json!({"code": code, "files": [{"name": "again", "uri": uri}]});
    let own = bench.call_in(arguments.clone(), context("anna")).await;
    assert_eq!(text(&own), "b'\\x00\\x00\\x00'\n");
    let foreign = bench.call_in(arguments, context("bert")).await;
    assert!(foreign.is_error && text(&foreign).contains("which is not there (any more)"));
    bench.close().await;
}

#[tokio::test]
async fn files_and_input_go_with_the_program() {
    let bench = bench();
    let result = bench
        .call(json!({
            "code": "import sys\nprint(open('d/a.csv').read(), open('b', 'rb').read(), input(), sys.stdin.read())",
            "files": [{"name": "d/a.csv", "text": "é"}, {"name": "b", "base64": "AP8="}],
            "stdin": "one\ntwo",
        }))
        .await;
    assert_eq!(blocks(&result), [r#"text "é b'\\x00\\xff' one two\n""#]);
    for (files, expected) in [
        (
            json!([{"name": "/etc/x", "text": ""}]),
            "it is not relative",
        ),
        (
            json!([{"name": "main.py", "text": ""}]),
            "`main.py` is the program's own name",
        ),
        (
            json!([{"name": "a", "text": ""}, {"name": "a", "text": ""}]),
            "two files have one name",
        ),
    ] {
        let refused = bench.call(json!({"code": "1", "files": files})).await;
        assert!(
            refused.is_error && text(&refused).contains(expected),
            "{}",
            text(&refused)
        );
    }
    bench.close().await;
}

/// As much of pandas as is needed to look like it.
pub(crate) const PANDAS: &str = "import sys, types\nmodule = types.ModuleType('pandas')\n\
        class Part:\n    def __init__(self, rows): self.rows, self.index = rows, [r[0] for r in rows]\n    def itertuples(self, index, name): return iter([r[1] for r in self.rows])\n\
        class Rows:\n    def __getitem__(self, at):\n        s = at[0] if isinstance(at, tuple) else at\n        return Part([(n, (n, f'a|{n}', float('nan'))) for n in range(*s.indices(1000))])\n\
        class Types:\n    iloc = property(lambda self: ['int64', 'object', 'float64'])\n\
        class DataFrame:\n    __module__ = 'pandas'\n    columns = ['n', 'text', 'none']\n    shape = (1000, 3)\n    dtypes = Types()\n    iloc = Rows()\n    def to_csv(self, path, errors): open(path, 'w').write('n,text\\n' * 1000)\n\
        \x20   def to_parquet(self, path): self.write(path)\n";

#[tokio::test]
async fn tables_are_text_and_data() {
    let bench = bench();
    let ways = "\
        def write(path): open(path, 'wb').write(b'PAR1\\0PAR1')\n\
        def absent(path): raise ImportError\n\
        for df.write in (write, absent): display(df, format='parquet')\n\
        df";
    let code = format!("{PANDAS}df = DataFrame()\n{ways}");
    let result = bench.call(json!({"code": code})).await;
    let seen = blocks(&result);
    assert!(
        seen[0].starts_with(
            r#"text "1000 rows × 3 columns\n|  | n (int64) | text (object) | none (float64) |"#
        ),
        "{}",
        seen[0]
    );
    assert!(
        seen[0].contains(r"| 0 | 0 | a\\|0 |") && seen[0].contains("999"),
        "{}",
        seen[0]
    );
    let links: Vec<_> = seen.iter().filter(|one| one.starts_with("link")).collect();
    assert_eq!(
        links,
        [
            "link display-1/table.parquet application/vnd.apache.parquet",
            "link display-2/table.csv text/csv",
            "link display-3/table.csv text/csv",
        ]
    );
    let why =
        "the table is linked to as CSV: Parquet needs `pyarrow` or `fastparquet` in `modules`";
    assert!(seen[2].contains(why), "{}", seen[2]);
    let table = &field(&result, "displays")[0]["table"];
    assert_eq!(table["row_count"], 1000);
    assert_eq!(table["rows"][1], json!(["1", 1, "a|1", Value::Null]));
    assert_eq!(table["rows"].as_array().map(Vec::len), Some(100));
    bench.close().await;
}
