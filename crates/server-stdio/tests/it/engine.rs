//! With a real engine: `run`, `doctor`, and the tool itself.

use std::io::Read as _;
use std::process::Output;

use serde_json::{Value, json};

use crate::program::{Program, stderr, stdout};
use crate::serve::{call, initialize};

/// A program on the engine that the suite was given, or `None` and a line that says so.
pub(crate) fn program(what: &str, arguments: &[&str]) -> Option<Program> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how the suite is told of its engine"
    )]
    let get = |name: &str| std::env::var(name).ok();
    let required = get("EXECUTOR_TEST_DOCKER").is_some_and(|value| value == "require");
    match (get("DOCKER_HOST"), get("EXECUTOR_TEST_IMAGE")) {
        (Some(host), Some(image)) => {
            let mut program = Program::new(arguments)
                .env("DOCKER_HOST", &host)
                .env("MCP_PYTHON_IMAGE", &image)
                .env("MCP_PYTHON_ENVIRONMENTS", "off");
            for name in ["SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY"] {
                if let Some(value) = get(name) {
                    program = program.env(name, &value);
                }
            }
            Some(program)
        }
        _ if required => panic!("DOCKER_HOST and EXECUTOR_TEST_IMAGE are needed for {what}"),
        _ => {
            println!("SKIPPED: {what}: DOCKER_HOST or EXECUTOR_TEST_IMAGE is not set");
            None
        }
    }
}

fn run(code: &str, arguments: &[&str]) -> Option<Output> {
    let arguments: Vec<&str> = ["run", "-", "-q"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    Some(program("run", &arguments)?.input(code.as_bytes()).output())
}

#[test]
fn output_and_exit_codes_pass_through() {
    let code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)";
    let Some(output) = run(code, &[]) else { return };
    assert_eq!(stdout(&output), "out\n");
    assert_eq!(stderr(&output), "err\n");
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn signals_and_limits_have_the_exit_codes_of_a_shell() {
    for (code, arguments, status, words) in [
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            &[][..],
            139,
            "signal 11",
        ),
        (
            "import time; time.sleep(60)",
            &["--timeout", "300ms"],
            124,
            "timed out",
        ),
        (
            "print('x' * 100000)",
            &["--output-printed", "2KiB", "--output-kept", "1KiB"],
            125,
            "2 KiB",
        ),
    ] {
        let Some(output) = run(code, arguments) else {
            return;
        };
        assert_eq!(
            output.status.code(),
            Some(status),
            "{code}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(words),
            "{code}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn arguments_and_standard_input_reach_the_program() {
    let what = "run with arguments";
    let arguments = ["run", "main.py", "--stdin", "--", "--year", "5"];
    let Some(program) = program(what, &arguments) else {
        return;
    };
    let code = "import sys; print(sys.argv[1:], sys.stdin.read())";
    std::fs::write(program.home().join("main.py"), code).unwrap();
    let output = program.input(b"hello").output();
    assert_eq!(
        stdout(&output),
        "['--year', '5'] hello\n",
        "{}",
        stderr(&output)
    );
}

#[test]
fn files_go_in_and_come_out() {
    let what = "run with files";
    let out = tempfile::tempdir().unwrap();
    let made = out.path().join("here");
    let place = made.to_str().unwrap();
    let arguments = [
        "run",
        "main.py",
        "--in",
        "data.csv",
        "--in",
        "x/y=data.csv",
        "--out",
        place,
    ];
    let Some(program) = program(what, &arguments) else {
        return;
    };
    let code = "import os\nprint(open('data.csv').read() == open('x/y').read())\nos.mkdir('sub')\n\
                open('sub/a.txt', 'w').write('made')\nopen('.profile', 'w').write('x')\nos.symlink('/etc/passwd', 'link')\n'shown'\n";
    std::fs::write(program.home().join("main.py"), code).unwrap();
    std::fs::write(program.home().join("data.csv"), "1,2\n").unwrap();
    let output = program.output();
    assert_eq!(stdout(&output), "True\n", "{}", stderr(&output));
    assert!(stderr(&output).contains("'shown'"), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("`link` was not returned: a symbolic link"),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        std::fs::read_to_string(made.join("sub/a.txt")).unwrap(),
        "made"
    );
    assert_eq!(std::fs::read_dir(made).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_program() {
    let Some(program) = program("run and interrupt", &["run", "main.py"]) else {
        return;
    };
    let code = "import time\nprint('up', flush=True)\ntime.sleep(60)";
    std::fs::write(program.home().join("main.py"), code).unwrap();
    let running = program.start();
    assert_eq!(running.line(), "up\n");
    running.signal("INT");
    let output = running.finish();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_program_whose_output_nobody_reads() {
    let what = "run with a reader that has stopped";
    let Some(program) = program(what, &["run", "main.py"]) else {
        return;
    };
    let code = "while True:\n    print('x' * 1000)";
    std::fs::write(program.home().join("main.py"), code).unwrap();
    let (running, mut reader) = program.start_unread();
    reader.read_exact(&mut [0]).unwrap();
    running.signal("INT");
    let output = running.finish();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_told() {
    let Some(program) = program("run into a full file", &["run", "-", "-q"]) else {
        return;
    };
    let output = program.input(b"print(1)").output_to("/dev/full").output();
    assert_eq!(output.status.code(), Some(125), "{}", stderr(&output));
    let says = stderr(&output);
    assert!(says.contains("its output cannot be written"), "{says}");
}

#[test]
fn the_doctor_finds_all_well() {
    let Some(program) = program("doctor", &["doctor", "--json"]) else {
        return;
    };
    let output = program.output();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["good"], true);
    let names: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["name"])
        .collect();
    for name in ["engine", "image", "memory-limit", "network", "system calls"] {
        assert!(
            names.contains(&&Value::from(name)),
            "{name} is missing in {names:?}"
        );
    }
}

#[test]
fn the_tool_answers_and_the_next_call_works() {
    let Some(program) = program("execute-python", &[]) else {
        return;
    };
    let mut server = program.start();
    initialize(&mut server);
    let result = call(&mut server, 1, &json!({"code": "print(2 + 2)"}));
    assert_eq!(result["structuredContent"]["stdout"], "4\n", "{result}");
    let result = call(&mut server, 2, &json!({"code": "1 / 0"}));
    assert_eq!(result["isError"], true);
    assert_eq!(result["structuredContent"]["exit_code"], 1);
    let result = call(&mut server, 3, &json!({"code": "print('again')"}));
    assert_eq!(result["structuredContent"]["stdout"], "again\n", "{result}");
    drop(server.stdin.take());
    assert_eq!(server.finish().status.code(), Some(0));
}
