//! What programs leave to be seen: the value of the last line beside an unchanged output, displays, and files, with the
//! real runner.

use super::local::{Finished, Local};
use super::programs::{all_alike, both};
use crate::display::{Display, DisplayKind};
use crate::files::{FileName, InputFile};
use crate::limits::{ByteSize, ResultLimits};
use crate::stream::{Exit, Item, LinkEvent};

/// Programs that end in an expression: with their last value shown, everything else is as under `python3 main.py`.
#[rustfmt::skip]
const VALUED: &[(&str, &[u8])] = &[
    ("number", b"print('x')\n2 + 2\n"),
    ("error in the last line", b"def f(x):\n    return x / 0\nx = [1]\nf(x[0]) + len(x)\n"),
    ("error in a last line of several", b"def f(*x): raise ValueError(x)\nf(\n  1,\n  2,\n)\n"),
    ("undefined", b"x = 1\nundefined\n"),
    ("exit", b"import sys\nprint('a')\nsys.exit(3)\n"),
    ("exit of a call", b"import sys\ndef main():\n    print('a')\n    return sys.exit('text')\nmain()\n"),
    ("attribute", b"class A: pass\nA().missing\n"),
    ("unawaited coroutine", b"async def main(): pass\nmain()\n"),
    ("await outside", b"import asyncio\nawait asyncio.sleep(0)\n"),
    ("yield outside", b"x = 1\nyield x\n"),
    ("return outside", b"x = 1\nreturn x\n"),
    ("finalizer of the value", b"class A:\n    def __del__(self): print('gone')\nimport atexit\natexit.register(print, 'bye')\nA()\n"),
    ("value that prints itself", b"class A:\n    def __repr__(self):\n        print('looked at')\n        return 'A'\nA()\n"),
    ("value that refuses", b"class A:\n    def __repr__(self): raise SystemExit(4)\nA()\n"),
    ("value without a text", b"class A:\n    def __repr__(self): return 7\nA()\n"),
    ("value that contains itself", b"x = [1]\nx.append(x)\nx\n"),
    ("semicolons", b"x = 1; x; x + 1\n"),
    ("escapes that warn", b"x = '\\d'\n'\\d' + x\n"),
    ("comparison that warns", b"x = 1\nx is 1\n"),
    ("documentation", b"'only a text'\n"),
    ("globals at the end", b"import atexit\natexit.register(lambda: print(sorted(globals())))\n[__file__, __name__]\n"),
    ("arguments", b"import sys, os\nprint(sys.argv, __file__, __spec__, __loader__.__class__.__name__, __loader__.path, __cached__)\nsys.path[0]\n"),
    ("source", b"import inspect\nclass A: pass\nprint(inspect.getsource(A), inspect.getsource(inspect.getmodule(A)))\nA\n"),
    ("pickled", b"import pickle\nclass A: pass\nprint(pickle.loads(pickle.dumps(A())).__class__)\nA()\n"),
    ("spawn", b"import multiprocessing as m\ndef f(x): return x * x\ndef main():\n    with m.get_context('spawn').Pool(1) as p: print(p.map(f, [1, 2, 3]))\nif __name__ == '__main__':\n    main()\n__name__\n"),
    ("thread beside", b"import threading\ndef late(): print('late')\nt = threading.Thread(target=late)\nt.start(); t.join()\nt.name\n"),
    ("future", b"from __future__ import annotations\ndef f(x: undefined): return 1\nf.__annotations__\n"),
    ("cookie", b"# -*- coding: latin-1 -*-\nprint('\xe9')\n'\xe9' + 1 # \xe9\n"),
    ("crlf", b"x = 1\r\nx / 0\r\n"),
    ("byte order mark", b"\xef\xbb\xbfx = 'caf\xc3\xa9'\nx\n"),
    ("depth", b"def depth(n=0):\n    try:\n        return depth(n + 1)\n    except RecursionError:\n        return n\nd = depth()\nprint(d)\nd\n"),
    ("recursion in the last line", b"def f(): f()\nf()\n"),
    ("stack", b"import traceback\ndef f():\n    print([frame.name for frame in traceback.extract_stack() if frame.filename.endswith('main.py')])\n    return 1\nf()\n"),
    ("interrupt", b"def f(): raise KeyboardInterrupt\nf()\n"),
    ("hook", b"import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__)\nx = 1\nx / 0\n"),
    ("replaced print", b"print = lambda *a: 7\nprint(1)\n"),
];

#[tokio::test]
async fn a_shown_value_changes_nothing_else() {
    all_alike(VALUED, |name, text| async move {
        let (name, ours, plain) = both(name, text).await;
        match name {
            "value that prints itself" => (name, plain.clone(), plain),
            _ => (name, ours, plain),
        }
    })
    .await;
}

/// Runs a program whose results are taken within `limits`, with files beside it.
async fn run_within(limits: ResultLimits, text: &str, files: &[InputFile]) -> Finished {
    let mut local = Local::boot().await;
    let command = local.program(text).files(files).results(limits);
    let mut input = text.as_bytes().to_vec();
    files
        .iter()
        .for_each(|file| input.extend_from_slice(&file.bytes));
    input.extend_from_slice(b"stdin");
    local.send(command, &input);
    local.finish().await.unwrap()
}

async fn run(text: &str) -> Finished {
    run_within(ResultLimits::default(), text, &[]).await
}

fn displays(run: &Finished) -> Vec<Display> {
    let items = run.items.iter().filter_map(|item| match item {
        Item::Display(bytes) => Some(bytes.clone()),
        Item::File(..) => None,
    });
    items
        .map(|bytes| Display::read(bytes, &ResultLimits::default()).unwrap())
        .collect()
}

fn files(run: &Finished) -> Vec<(String, Vec<u8>)> {
    let items = run.items.iter().filter_map(|item| match item {
        Item::File(name, bytes) => Some((name.to_string(), bytes.to_vec())),
        Item::Display(_) => None,
    });
    items.collect()
}

fn left_out(run: &Finished) -> Vec<String> {
    let all = run.report.left_out.iter();
    all.map(|one| format!("{}: {}", one.name, one.reason))
        .collect()
}

#[tokio::test]
async fn values_are_shown_as_in_a_notebook() {
    for (text, expected) in [
        ("2 + 2", Some("4")),
        ("x = {'a': [1]}\nx\n\n# the end\n", Some("{'a': [1]}")),
        ("'text'\n'a' * 3", Some("'aaa'")),
        ("print(1)\n'a' * 3", Some("'aaa'")),
        ("x = 1\n\"\"\"\ntext\n\"\"\"", Some("'\\ntext\\n'")),
        ("sorted([\n  3,\n  1,\n])", Some("[1, 3]")),
        ("x = 1; x + 1", Some("2")),
        ("(1,\n2)", Some("(1, 2)")),
        ("x = 1\nx;", None),
        ("None", None),
        ("print(3)", None),
        ("x = 5", None),
        ("if True:\n    5", None),
        ("'documentation'", None),
        ("", None),
        ("x = [1]\nx.append(x)\nx", Some("[1, [...]]")),
    ] {
        let run = run(text).await;
        assert_eq!(run.report.exit, Exit::Code(0), "{text}: {}", run.err());
        let shown = displays(&run);
        let texts: Vec<_> = shown.iter().map(|one| one.text.as_str()).collect();
        assert_eq!(texts, Vec::from_iter(expected), "{text}");
        assert!(shown.iter().all(|one| one.kind == DisplayKind::Value));
    }
}

#[tokio::test]
async fn things_without_a_good_text_are_named() {
    let text = "class A:\n    def __init__(self, does): self.does = does\n    def __repr__(self): return self.does()\n\
                def leave(): raise SystemExit('no')\n\
                display(A(lambda: 1 / 0), A(lambda: 7), A(leave), A(lambda: 'fine'))\n\
                display('\\udc80', list(range(5000)), 'x' * 200_000)";
    let run = run(text).await;
    assert_eq!((run.out(), run.err()), ("", ""));
    let shown = displays(&run);
    let texts: Vec<_> = shown.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(
        &texts[..4],
        [
            "<__main__.A object, whose __repr__ raised ZeroDivisionError: division by zero>",
            "<__main__.A object, whose __repr__ raised TypeError: __repr__ returned non-string (type int)>",
            "<__main__.A object, whose __repr__ raised SystemExit: no>",
            "fine",
        ]
    );
    assert_eq!(texts[4], r"'\udc80'");
    assert!(
        texts[5].ends_with("998, 999, … (4000 more)]"),
        "{}",
        texts[5]
    );
    assert!(texts[6].ends_with("… (200000 in all)"));
}

#[tokio::test]
async fn things_show_themselves_in_the_forms_they_offer() {
    let text = "import base64\nPNG = b'\\x89PNG\\r\\n\\x1a\\n\\0\\0\\0\\rIHDR\\0\\0\\0\\x04\\0\\0\\0\\x05'\n\
                class A:\n    def __init__(self, **forms): self.forms = forms\n    def __repr__(self): return 'an A'\n\
                class H(A):\n    def _repr_html_(self): return '<p>one</p><p>two &amp; three</p>'\n\
                class P(A):\n    def _repr_png_(self): return PNG\n\
                class M(A):\n    def _repr_markdown_(self): return '**bold**'\n\
                class J(A):\n    def _repr_json_(self): return {'a': [1, None]}\n\
                class S(A):\n    def _repr_svg_(self): return '<svg/>'\n\
                class B(A):\n    def _repr_mimebundle_(self, include=None, exclude=None): return {'text/plain': 'plain', 'image/png': base64.b64encode(PNG).decode()}\n\
                class X(A):\n    def _repr_html_(self): 1 / 0\n\
                class N:\n    def _repr_html_(self): return '<b>only</b> html'\n\
                class Y:\n    def __getattr__(self, name): return lambda *a, **k: 'anything'\n    def __repr__(self): return 'a yes-sayer'\n\
                display(H(), P(), M(), J(), S(), B(), X(), N(), Y(), PNG)\ndisplay({'text/plain': 'raw'}, raw=True)";
    let run = run(text).await;
    assert_eq!((run.out(), run.err()), ("", ""));
    let shown = displays(&run);
    let seen: Vec<String> = shown
        .iter()
        .map(|one| {
            let parts = one
                .parts
                .iter()
                .map(|part| format!("{} {} {}", part.name, part.media_type, part.view.is_some()));
            format!("{} | {}", one.text, parts.collect::<Vec<_>>().join(", "))
        })
        .collect();
    let expected = [
        "an A | display.html text/html false",
        " | picture.png image/png true",
        "**bold** | ",
        "{\"a\": [1, null]} | ",
        "an A | display.svg image/svg+xml false",
        " | picture.png image/png true",
        "an A | ",
        "only html | display.html text/html false",
        "a yes-sayer | ",
        " | picture.png image/png true",
        "raw | ",
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn more_displays_than_may_be_are_counted() {
    let limits = ResultLimits {
        displays: 3,
        ..ResultLimits::default()
    };
    let run = run_within(limits, "for x in range(1000): display(x)", &[]).await;
    assert_eq!(displays(&run).len(), 3);
    assert_eq!(left_out(&run), ["display 4: too many"]);
}

#[tokio::test]
async fn displays_of_other_processes_and_of_killed_programs_arrive() {
    let text = "import os\ndisplay('first')\nif os.fork() == 0:\n    display('child')\n    os._exit(0)\nos.wait()\n\
                display('last')\nos.kill(os.getpid(), 9)";
    let run = run(text).await;
    assert_eq!(run.report.exit, Exit::Signal(9));
    let texts: Vec<_> = displays(&run).into_iter().map(|one| one.text).collect();
    assert_eq!(texts, ["'first'", "'child'", "'last'"]);
}

#[tokio::test]
async fn what_is_shown_is_announced_while_the_program_runs() {
    let mut local = Local::boot().await;
    let text = "display('first\\nline')\nprint(input())\n'last'";
    let command = local.program(text).results(ResultLimits::default());
    let feeder = local.link.send_fed(command).unwrap();
    feeder.feed(text.as_bytes().into()).await.unwrap();
    // It ends only when it has something to read, which it gets behind the announcement.
    let said = loop {
        match local.link.next().await {
            LinkEvent::Shown(what) => break what,
            LinkEvent::Started { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(said, r"display: 'first\nline'");
    feeder.feed("read\n".into()).await.unwrap();
    drop(feeder);
    let run = local.finish().await.unwrap();
    assert_eq!(run.out(), "read\n");
    assert_eq!(run.said, Vec::<String>::new(), "the last value is the end");
    assert_eq!(displays(&run).len(), 2);
}

#[tokio::test]
async fn files_that_are_named_are_shown_and_those_that_come_anyway_come_once() {
    let text = "import os, pathlib\nhome = pathlib.Path(os.environ['HOME'])\n(home / 'far.csv').write_text('a,b\\n')\n\
                (home / 'far.bin').write_bytes(b'\\0')\npathlib.Path('near.csv').write_text('c\\n')\n\
                os.mkfifo(home / 'pipe')\n\
                for name in (home / 'far.csv', home / 'far.bin', pathlib.Path('near.csv'), home / 'pipe', home / 'none', home): display(name)\n\
                (home / 'far.csv').unlink()";
    let mut local = Local::boot().await;
    let cwd = local.directory.path().join("work");
    let command = local.program(text).cwd(cwd.to_str().unwrap());
    local.send(command.results(ResultLimits::default()), text.as_bytes());
    let run = local.finish().await.unwrap();
    assert_eq!((run.out(), run.err()), ("", ""));
    let shown: Vec<String> = displays(&run)
        .iter()
        .map(|one| {
            let parts = one.parts.iter();
            let parts: Vec<_> = parts
                .map(|part| format!("{} {} {:?}", part.name, part.media_type, part.bytes))
                .collect();
            format!("{} | {}", one.text, parts.join(", "))
        })
        .collect();
    assert_eq!(
        shown[..3],
        [
            r#"far.csv, 4 bytes | far.csv text/csv b"a,b\n""#,
            r#"far.bin, 1 bytes | far.bin application/octet-stream b"\0""#,
            "near.csv, 2 bytes, is among the files of the result | ",
        ]
    );
    // What is no file is a path like any other value.
    for (shown, name) in shown[3..].iter().zip(["pipe')", "none')", "')"]) {
        assert!(
            shown.starts_with("PosixPath('/") && shown.ends_with(&format!("{name} | ")),
            "{shown}"
        );
    }
    assert_eq!(files(&run), [("near.csv".to_owned(), b"c\n".to_vec())]);
}

#[tokio::test]
async fn forged_announcements_are_few_and_short_and_change_nothing() {
    let text = "import os, socket, time\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.settimeout(0.5)\n\
                for n in range(1000):\n    try: s.sendto(b'\\xff\\n' * 400, '\\0displays-%d' % os.getppid())\n    except OSError: break\n\
                try: s.bind('\\0displays-%d' % os.getppid())\nexcept OSError: print('taken', n > 64)";
    let run = run(text).await;
    assert_eq!((run.out(), run.err()), ("taken True\n", ""));
    assert_eq!(run.said.len(), ResultLimits::default().displays);
    assert!(
        run.said.iter().all(|said| said.len() <= 256),
        "{:?}",
        run.said
    );
    assert_eq!(displays(&run), vec![]);
}

#[tokio::test]
async fn files_come_back_and_those_that_were_given_do_not() {
    let given = |name: &str, text: &'static str| InputFile::new(FileName::new(name).unwrap(), text);
    let given = [
        given("in.txt", "given"),
        given("sub/dir/same.txt", "same"),
        given("empty", ""),
    ];
    let text = "import os, sys\nprint(open('in.txt').read(), open('sub/dir/same.txt').read(), sys.stdin.read(), sorted(os.listdir()))\n\
                open('in.txt', 'a').write(' and changed')\nopen('new.bin', 'wb').write(bytes(300_000))\nopen('sub/é.txt', 'w').write('x')\n\
                open('.hidden', 'w').write('x')\nopen('nothing', 'w').close()\nos.chmod('new.bin', 0o600)\n";
    let run = run_within(ResultLimits::default(), text, &given).await;
    assert_eq!(
        (run.out(), run.err()),
        (
            "given same stdin ['empty', 'in.txt', 'main.py', 'sub']\n",
            ""
        )
    );
    let returned = files(&run);
    let names: Vec<_> = returned
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.len()))
        .collect();
    assert_eq!(
        names,
        [
            ("in.txt", 17),
            ("new.bin", 300_000),
            ("nothing", 0),
            ("sub/é.txt", 1)
        ]
    );
    assert_eq!(returned[0].1, b"given and changed");
    assert_eq!(left_out(&run), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_but_regular_files_of_a_size_comes_back() {
    let limits = ResultLimits {
        item: ByteSize::kib(100),
        total: ByteSize::kib(150),
        ..ResultLimits::default()
    };
    let text = "import os, socket\nos.symlink('/etc/passwd', 'a-link')\nos.symlink('/etc', 'b-directory')\nos.mkfifo('c-pipe')\n\
                socket.socket(socket.AF_UNIX).bind('d-socket')\nos.truncate(os.open('e-sparse', os.O_CREAT | os.O_WRONLY), 1 << 40)\n\
                open('f-fits', 'wb').write(bytes(100 << 10))\nopen('g-not-both', 'wb').write(bytes(90 << 10))\nopen('h-small', 'w').write('x')\n\
                os.makedirs('i/' * 12)\nopen('j\\nline', 'w').close()\nopen(b'k\\xff', 'w').close()\nopen('l\\\\x', 'w').close()\n\
                os.link('h-small', 'm-hard')\nos.mkdir('n-closed')\nopen('n-closed/x', 'w').close()\nopen('o-closed', 'w').close()\nos.chmod('o-closed', 0)\n";
    let run = run_within(limits, text, &[]).await;
    assert_eq!(run.err(), "");
    let names: Vec<_> = files(&run).into_iter().map(|(name, _)| name).collect();
    let mut left = left_out(&run);
    // Whoever may read everything reads this one, too.
    left.retain(|line| !line.starts_with("o-closed"));
    let names: Vec<_> = names.iter().filter(|name| *name != "o-closed").collect();
    assert_eq!(names, ["f-fits", "h-small", "m-hard", "n-closed/x"]);
    assert_eq!(
        left,
        [
            "a-link: a symbolic link",
            "b-directory: a symbolic link",
            "c-pipe: not a regular file",
            "d-socket: not a regular file",
            "e-sparse: too large",
            "g-not-both: too much together with the others",
            "j\nline: a name that cannot be given on",
            "k?: a name that cannot be given on",
            "l\\x: a name that cannot be given on",
            "i/i/i/i/i/i/i/i/i: too deep",
        ]
    );
}

#[tokio::test]
async fn ten_thousand_files_are_counted() {
    let text = "for n in range(10_000): open(f'{n:05}', 'w').close()";
    let run = run(text).await;
    assert_eq!(files(&run).len(), 100);
    assert_eq!(run.report.left_out.len(), 3);
    assert_eq!(run.report.left_out_more, 10_000 - 100 - 3);
}

#[tokio::test]
async fn a_working_directory_that_leads_elsewhere_is_not_followed() {
    let text = "import os, shutil\nhere = os.getcwd()\nos.rename(here, here + '-moved')\nos.symlink('/etc', here)\nshutil.rmtree(here + '-moved')";
    let run = run(text).await;
    assert_eq!(run.err(), "");
    assert_eq!((files(&run), left_out(&run)), (vec![], vec![]));
}

#[tokio::test]
async fn what_was_laid_down_by_hand_is_looked_at_with_care() {
    let text = "import os\nhome = os.environ['HOME'] + '/.displays/'\nos.makedirs(home)\n\
                os.symlink('/etc/passwd', home + '0' * 20 + '-1')\nos.mkfifo(home + '1' * 20 + '-1')\n\
                open(home + 'passwd', 'w').write('x')\n_ = open(home + '2' * 20 + '-1', 'w').write('rubbish')\n";
    let run = run(text).await;
    let raw: Vec<_> = run
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Display(bytes) => Some(Display::read(bytes.clone(), &ResultLimits::default())),
            Item::File(..) => None,
        })
        .collect();
    assert_eq!(raw, [None], "rubbish is no display");
    assert_eq!(
        left_out(&run),
        ["display 1: unreadable", "display 2: not a regular file"]
    );
}

#[tokio::test]
async fn files_of_several_windows_arrive() {
    // A megabyte is four windows: it arrives only if credit is given back.
    let run = run("open('large', 'wb').write(bytes(range(256)) * 4096)").await;
    assert_eq!(files(&run)[0].1.len(), 1 << 20);
    assert_eq!(files(&run)[0].1[..4], [0, 1, 2, 3]);
}
