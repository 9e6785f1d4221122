//! Results that are too much, not what they say they are, or made to harm: each is answered within limits, and the answer
//! says what was left out.

use serde_json::{Value, json};

use super::client::{Answer, Client, turn};

#[track_caller]
fn says(answer: &Answer, parts: &[&str]) {
    let text = answer.text();
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

/// The longest that a result's content may be, in bytes of JSON, as `docs/limits.md` has it.
const MOST_CONTENT: usize = 1_000_000;

#[track_caller]
fn is_bounded(answer: &Answer) {
    let size = serde_json::to_string(answer.content()).unwrap().len();
    assert!(size < MOST_CONTENT, "{size} bytes");
}

async fn read(client: &mut Client, uri: &Value) -> Value {
    let id = client
        .request("resources/read", json!({ "uri": uri }))
        .await;
    client.answer(id).await["result"]["contents"][0].clone()
}

#[tokio::test]
async fn a_gigabyte_of_output_is_counted_to_the_byte() {
    let Some(turn) = turn("a_gigabyte_of_output_is_counted_to_the_byte").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let code = "import os
line = b'x' * 999 + b'\\n'
os.write(1, b'begin\\n')
block = line * 1000
for n in range(1000):
    left = block
    while left: left = left[os.write(1, left):]
os.write(1, b'end\\n')";
    let answer = client
        .call(json!({ "code": code, "timeout_seconds": 300 }))
        .await;
    assert_eq!(answer.ending(), "exited", "{}", answer.text());
    let shown = answer.stdout();
    assert!(shown.starts_with("begin\nxxx") && shown.ends_with("xxx\nend\n"));
    says(&answer, &[" bytes omitted …"]);
    let omitted = answer.field("stdout_omitted_bytes").as_u64().unwrap();
    assert!((999_900_000..1_000_000_010).contains(&omitted), "{omitted}");
    let link = answer
        .content()
        .iter()
        .find(|block| block["name"] == "stdout.txt")
        .expect("a link to what is kept");
    assert_eq!(
        link["description"],
        "the first 524288 and the last 524288 of 1000000010 bytes, with nothing between them"
    );
    let kept = read(&mut client, &link["uri"]).await;
    let kept = kept["text"].as_str().unwrap();
    assert!(kept.starts_with("begin\n") && kept.ends_with("\nend\n"));
    is_bounded(&answer);
    client.close().await;
}

/// Forges the heads of all displays, takes all the room for pictures, and prints more than is shown.
const FULL: &str = "import json, os, random, struct, zlib
spool = os.path.join(os.environ['HOME'], '.displays')
os.makedirs(spool, exist_ok=True)
def lay_down(n, rest=b'', **head):
    head = json.dumps({'kind': 'display', 'text': '', 'table': None, 'parts': []} | head).encode()
    open(f'{spool}/{n:020}-1', 'wb').write(struct.pack('>I', len(head)) + head + rest)
def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
def png(side): return b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(random.randbytes(side * (side + 1)))) + chunk(b'IEND', b'')
table = {'columns': [{'name': 'n' * 200, 'type': 't' * 200}] * 64, 'rows': [['some text'] * 64] * 90, 'row_count': 9000, 'column_count': 64}
for n in range(64):
    picture = png(250)
    part = {'name': 'p.png', 'type': 'image/png', 'bytes': len(picture)}
    lay_down(n, picture, text='text ' * 40_000, table=table, notes=['note ' * 80] * 8, parts=[part])
print('some words of a text. ' * 50_000)";

/// A task keeps a result of up to 1 MiB, and fails with a longer one: so no result is longer.
#[tokio::test]
async fn a_task_keeps_the_longest_result() {
    let Some(turn) = turn("a_task_keeps_the_longest_result").await else {
        return;
    };
    let mut client = Client::spawn(&turn.engine, &["--task-after", "0s"]);
    let mut ask = async |method: &str, mut params: Value| {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
        let id = client.request(method, params).await;
        client.answer(id).await["result"].take()
    };
    let params = json!({ "name": "execute-python", "arguments": { "code": FULL } });
    let task = ask("tools/call", params).await;
    assert_eq!(task["resultType"], "task", "{task}");
    let mut found = Value::Null;
    let polling = async {
        while found["status"] != "completed" && found["status"] != "failed" {
            // There is no event for this that is not a test of its own.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            found = ask("tasks/get", json!({ "taskId": task["taskId"] })).await;
        }
    };
    let patience = std::time::Duration::from_secs(120);
    tokio::time::timeout(patience, polling).await.unwrap();
    let result = &found["result"];
    let form = &result["structuredContent"];
    assert_eq!(form["ending"], "exited", "{found}");
    let displays = form["displays"].as_array().unwrap();
    assert_eq!(displays.len(), 64);
    for display in displays {
        assert_eq!(display["table"]["row_count"], 9000, "{display}");
        assert_eq!(display["media"][0]["width"], 250, "{display}");
    }
    assert!(
        form["notes"].to_string().contains("rows of "),
        "{}",
        form["notes"]
    );
    let content = result["content"].as_array().unwrap();
    let pictures = content.iter().filter(|block| block["type"] == "image");
    assert!(pictures.count() > 5);
    let size = result.to_string().len();
    assert!((700_000..MOST_CONTENT).contains(&size), "{size} bytes");
    client.close().await;
}

#[tokio::test]
async fn what_is_no_regular_file_is_named_and_never_opened() {
    let what = "what_is_no_regular_file_is_named_and_never_opened";
    let Some(turn) = turn(what).await else { return };
    let mut client = Client::start(&turn.engine, &[]).await;
    // A pipe that nobody writes to would hold up whoever opens it.
    let code = "import os, socket, stat
os.symlink('/etc/passwd', 'a-link')
os.symlink('/proc/1', 'b-directory')
os.mkfifo('c-pipe')
s = socket.socket(socket.AF_UNIX); s.bind('d-socket')
for kind in (stat.S_IFCHR, stat.S_IFBLK):
    try: os.mknod('e-device', kind | 0o666, os.makedev(1, 5)); print('made')
    except PermissionError: pass
for target in ('/etc/passwd', '/proc/1/environ'):
    try: os.link(target, 'f-hard'); print('linked')
    except OSError: pass
open('g-own', 'w').write('own')
os.link('g-own', 'h-hard')
open('i\\nline', 'w').write('x')
open('..\\\\j', 'w').write('x')
os.makedirs('/'.join('k' * 12))
open('/'.join('k' * 12) + '/deep', 'w').write('x')";
    let answer = client.run(code).await;
    assert_eq!(answer.stdout(), "", "{}", answer.text());
    says(
        &answer,
        &[
            "`a-link` was not returned: a symbolic link",
            "`b-directory` was not returned: a symbolic link",
            "`c-pipe` was not returned: not a regular file",
            "`d-socket` was not returned: not a regular file",
            "`i line` was not returned: a name that cannot be given on",
            "was not returned: too deep",
        ],
    );
    let files = answer.field("files").as_array().unwrap();
    let names: Vec<_> = files
        .iter()
        .map(|file| file["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["g-own", "h-hard"],
        "a second name of a file is a file"
    );
    client.close().await;
}

#[tokio::test]
async fn bombs_of_files_are_counted_and_not_unpacked() {
    let Some(turn) = turn("bombs_of_files_are_counted_and_not_unpacked").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let code = "import io, os, tarfile, zipfile
with zipfile.ZipFile('bomb.zip', 'w', zipfile.ZIP_DEFLATED) as bomb:
    for n in range(10): bomb.writestr(f'{n}', bytes(10_000_000))
inner = io.BytesIO()
with tarfile.open(fileobj=inner, mode='w') as tar:
    lie = tarfile.TarInfo('../../escape'); lie.size = 8
    tar.addfile(lie, io.BytesIO(b'escaping'))
open('nested.tar', 'wb').write(inner.getvalue())
def sparse(name, size): os.truncate(os.open(name, os.O_CREAT | os.O_WRONLY), size)
for n in range(3): sparse(f'sparse-{n}', 1 << 40)
for n in range(3): sparse(f'zeros-{n}', 12 << 20)";
    let answer = client.run(code).await;
    assert!(!answer.is_error(), "{}", answer.text());
    says(
        &answer,
        &[
            "`sparse-0` was not returned: too large",
            "`sparse-2` was not returned: too large",
            "`zeros-2` was not returned: too much together with the others",
        ],
    );
    let files = answer.field("files").as_array().unwrap();
    let seen: Vec<_> = files
        .iter()
        .map(|file| {
            (
                file["name"].as_str().unwrap(),
                file["media_type"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("bomb.zip", "application/zip"),
            ("nested.tar", "application/x-tar"),
            ("zeros-0", "application/octet-stream"),
            ("zeros-1", "application/octet-stream"),
        ]
    );
    assert!(files[0]["size"].as_u64().unwrap() < 200_000, "{}", files[0]);
    is_bounded(&answer);

    let code = "import os\nfor n in range(100_000): os.close(os.open(f'{n:06}', os.O_CREAT))";
    let answer = client
        .call(json!({ "code": code, "timeout_seconds": 120 }))
        .await;
    assert!(!answer.is_error(), "{}", answer.text());
    says(
        &answer,
        &[
            "`what comes behind 20000 entries` was not returned: too many",
            "more files or displays were not returned",
        ],
    );
    assert_eq!(answer.field("files").as_array().map(Vec::len), Some(100));
    is_bounded(&answer);
    client.close().await;
}

#[tokio::test]
async fn what_a_file_is_goes_by_what_stands_in_it() {
    let Some(turn) = turn("what_a_file_is_goes_by_what_stands_in_it").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let code = "script = '<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>'
open('claims.png', 'w').write(script)
open('drawn.svg', 'w').write(script)
open('page.html', 'w').write('<script>alert(1)</script>')
open('claims.json', 'wb').write(b'\\x7fELF\\0')
open('text.exe', 'w').write('text')
class Liar:
    def __repr__(self): return 'a liar'
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {'image/png': b'<script>alert(2)</script>', 'text/x-script': 'x', 'image/svg+xml': script}
display(Liar())";
    let answer = client.run(code).await;
    let files = answer.field("files").as_array().unwrap();
    let types: Vec<_> = files
        .iter()
        .map(|file| format!("{} {}", file["name"], file["media_type"]).replace('"', ""))
        .collect();
    assert_eq!(
        types,
        [
            "claims.json application/octet-stream",
            "claims.png text/plain",
            "drawn.svg image/svg+xml",
            "page.html text/html",
            "text.exe text/plain",
        ]
    );
    // Nothing of it is a picture: only those are looked at without being asked for.
    let kinds: Vec<_> = answer
        .content()
        .iter()
        .map(|block| &block["type"])
        .collect();
    assert!(!kinds.contains(&&json!("image")), "{kinds:?}");
    let media = answer.field("displays")[0]["media"].as_array().unwrap();
    let media: Vec<_> = media.iter().map(|part| &part["media_type"]).collect();
    assert_eq!(media, ["image/svg+xml"], "{answer:?}");
    client.close().await;
}

#[tokio::test]
async fn a_program_that_changes_python_changes_nothing_of_what_is_reported() {
    let what = "a_program_that_changes_python_changes_nothing_of_what_is_reported";
    let Some(turn) = turn(what).await else { return };
    let mut client = Client::start(&turn.engine, &[]).await;
    let code = "import builtins, gc, importlib, io, json, os, socket, struct, sys, time
print('before', flush=True)
open('left.txt', 'w').write('left')
display('shown')
def lie(*a, **k): raise SystemExit(0)
for module in (json, os, socket, struct, time, importlib, io):
    for name in dir(module):
        if name[0] != '_' and callable(getattr(module, name)) and name not in ('_exit',):
            try: setattr(module, name, lie)
            except (TypeError, AttributeError): pass
sys.exit = builtins.display = builtins.print = builtins.open = builtins.exec = lie
sys.meta_path.clear(); sys.path.clear(); sys.modules.clear()
for thing in gc.get_objects():
    if type(thing) is dict and 'exit_code' in thing: thing['exit_code'] = 0
1 / 0";
    let answer = client.run(code).await;
    assert_eq!(
        (answer.ending(), answer.field("exit_code")),
        ("exited", &json!(1)),
        "{answer:?}"
    );
    assert!(answer.is_error());
    assert_eq!(answer.stdout(), "before\n");
    assert_eq!(answer.field("files")[0]["name"], "left.txt");
    assert_eq!(answer.field("displays")[0]["text"], "'shown'");
    // Nor of the next one.
    assert_eq!(client.run("print('next')").await.stdout(), "next\n");
    client.close().await;
}

#[tokio::test]
async fn things_that_show_themselves_with_malice_harm_nobody() {
    let what = "things_that_show_themselves_with_malice_harm_nobody";
    let Some(turn) = turn(what).await else { return };
    let mut client = Client::start(&turn.engine, &["--output-printed", "4MiB"]).await;
    let code = "import sys
class Long:
    def __repr__(self): return 'long ' * 2_000_000
class Deep:
    def __repr__(self): return repr([self])
class Printing:
    def __repr__(self):
        print('seen', file=sys.stderr)
        return '\\x1b[2J\\u202egnp.exe'
class Bundle:
    def _repr_mimebundle_(self, **k): return {'text/html': 'x' * 40_000_000, 'text/plain': 'plain'}
class Odd:
    def __getattr__(self, name): return lambda *a, **k: {name: name}
    def __repr__(self): return 'odd'
d = {}; d['d'] = d
display(Long(), Deep(), Printing(), Bundle(), Odd(), d)
display(float('nan'), {1: {2: {3: {}}}}, b'\\0' * 10, '\\ud800')";
    let answer = client.run(code).await;
    assert!(!answer.is_error(), "{}", answer.text());
    says(
        &answer,
        &[
            "note: the text has 10000000 characters, of which a part is shown",
            "whose __repr__ raised RecursionError",
            r"\x1b[2J\u{202e}gnp.exe",
            "display.html of 40000000 bytes is too large to be returned",
            "odd",
            "{'d': {...}}",
            "nan",
        ],
    );
    is_bounded(&answer);
    client.close().await;
}
