//! Help, settings and exit codes: all that needs no engine.

use expect_test::expect;
use serde_json::json;

use crate::program::{Program, stderr, stdout};

#[test]
fn help_is_grouped_and_goes_to_standard_output() {
    let output = Program::new(&["--help"]).output();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
    let help = stdout(&output);
    for part in [
        "Usage: mcp-python-stdio",
        "Engine and image:",
        "What one sandbox may use:",
        "--memory <SIZE>",
        "--open <NAME[:PORT][=ADDRESS[:PORT]]>",
        "Examples:",
        "doctor",
        "Exit codes:",
    ] {
        assert!(help.contains(part), "`{part}` is missing in\n{help}");
    }
    assert!(!help.contains("--bind"), "this server does not listen");
}

#[test]
fn the_version_is_one_line() {
    let output = Program::new(&["--version"]).output();
    assert_eq!(
        stdout(&output),
        format!("mcp-python-stdio {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn every_mistake_is_told_before_anything_is_started() {
    let output = Program::new(&["--memory", "999TB", "--timout", "5", "--cpus", "many"])
        .env("MCP_PYTHON_QUEUE", "-1")
        .output();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    expect![[r#"
        error: 4 settings are wrong
          --timout: unknown flag
            hint: did you mean `--timeout`?
          memory = `999TB` (flag --memory): memory of 999 TiB is out of bounds: between 64 MiB and 16 GiB
          cpus = `many` (flag --cpus): not a number of processors
            hint: write it as `1.5`
          queue = `-1` (environment MCP_PYTHON_QUEUE): not a whole number
            hint: between 0 and 4096
    "#]].assert_eq(&stderr(&output));
}

#[test]
fn a_wrong_command_line_is_told_with_its_usage() {
    for arguments in [
        &["frobnicate"][..],
        &["run"],
        &["--memory"],
        &["doctor", "extra"],
    ] {
        let output = Program::new(arguments).output();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
        assert!(stderr(&output).contains("--help"), "{}", stderr(&output));
    }
}

#[test]
fn the_settings_in_force_are_printed_with_their_sources() {
    let program = Program::new(&["--print-config", "--cpus", "2"]).env("MCP_PYTHON_QUEUE", "7");
    let directory = program.home().join(".config/mcp-python-executor");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("config.toml"), "\nmemory = \"2GiB\"\n").unwrap();
    let output = program.output();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    let line = |name: &str| {
        let start = format!("{name} = ");
        text.lines()
            .find(|line| line.starts_with(&start))
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(line("cpus"), r#"cpus = "2"  # flag --cpus"#);
    assert_eq!(
        line("queue"),
        r#"queue = "7"  # environment MCP_PYTHON_QUEUE"#
    );
    assert!(
        line("memory").ends_with("config.toml, line 2"),
        "{}",
        line("memory")
    );
    assert_eq!(line("timeout"), r#"timeout = "60s"  # default"#);
}

#[test]
fn a_settings_file_that_was_named_must_be_there() {
    let output = Program::new(&["--config", "absent.toml", "--print-config"]).output();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("absent.toml"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_missing_engine_is_told_with_the_way_out() {
    let output = Program::without_engine(&["run", "-"])
        .input(b"print(1)")
        .output();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));

    let output = Program::without_engine(&["doctor"]).output();
    assert_eq!(output.status.code(), Some(3), "{}", stdout(&output));
    assert!(
        stdout(&output).contains("FAIL  engine"),
        "{}",
        stdout(&output)
    );

    let output = Program::without_engine(&["doctor", "--json"]).output();
    assert_eq!(output.status.code(), Some(3));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["good"], &report["exit_code"]),
        (&false.into(), &3.into())
    );
}

#[test]
fn what_run_cannot_run_is_told_before_a_sandbox_is_asked_for() {
    for (arguments, words) in [
        (&["run", "absent.py"][..], "`absent.py` cannot be read"),
        (&["run", "--stdin", "-"], "--stdin needs a FILE"),
        (
            &["run", "--modules", "--index-url", "-"],
            "a value is required",
        ),
        (
            &["run", "--modules", "requests; rm -rf /", "-"],
            "--modules: ",
        ),
    ] {
        let output = Program::without_engine(arguments).output();
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(words),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    let long = vec![b'#'; 1024 * 1024 + 1];
    let output = Program::without_engine(&["run", "-"]).input(&long).output();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("longer than 1 MiB"),
        "{}",
        stderr(&output)
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_ends_the_wait_for_a_program_that_is_typed() {
    let running = Program::without_engine(&["run", "-"]).start();
    running.wait_until_interruptible();
    running.signal("INT");
    let output = running.finish();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
}

#[test]
fn what_a_client_says_of_itself_neither_floods_nor_forges_the_log() {
    let mut server = Program::without_engine(&["--log-level", "debug"]).start();
    let long = "x".repeat(100_000);
    let info = json!({"name": format!("{long}\nforged"), "version": long});
    let params = json!({"protocolVersion": long, "capabilities": {}, "clientInfo": info});
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
    server.send(&initialize.to_string());
    let method = format!("a\nforged {long}");
    server.send(&json!({"jsonrpc": "2.0", "method": method}).to_string());
    let params = json!({"requestId": 7, "reason": format!("b\nforged {long}")});
    let method = "notifications/cancelled";
    server.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string());
    server.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "ping"}).to_string());
    let _ = (server.line(), server.line());
    drop(server.stdin.take());
    let log = stderr(&server.finish());
    assert!(log.contains("session opened"), "{log:.2000}");
    assert!(log.contains("ignoring a notification"), "{log:.2000}");
    for line in log.lines() {
        assert!(!line.starts_with("forged"), "{line:.200}");
        assert!(line.len() < 1000, "{} bytes: {line:.200}", line.len());
    }
}
