//! Judges of what a program takes, prints and leaves: against the limits that the server was given.

use super::case::{Case, Finding};
use super::evidence::Evidence;
use super::judge;

/// The limits of the server under attack; [`super::subject::LIMITS`] are the same as its options.
pub(super) const PROCESSES: u64 = 64;
const MEMORY: u64 = 256 << 20;
const PRINTED: usize = 4 << 20;
const CPU_MILLIS: u64 = 1000;

/// The threads of a sandbox with a kernel of its own, whose own are counted too: the least that the
/// engine is asked for.
const OWN_PROCESSES: u64 = 1024;

/// By the most processes and threads that the kernel counted.
pub(super) fn processes(evidence: &Evidence, _: &Case) -> Finding {
    let limit = if evidence.is_on_own_kernel() {
        OWN_PROCESSES
    } else {
        PROCESSES
    };
    over("processes", evidence.seen.group.processes, limit)
}

/// By the most memory that the kernel counted; what is charged in pieces may be a little more.
pub(super) fn memory(evidence: &Evidence, _: &Case) -> Finding {
    over(
        "bytes",
        evidence.seen.group.memory_bytes,
        MEMORY + (4 << 20),
    )
}

/// The same where there is room for a browser: what [`super::servers::BROWSER_LIMITS`] say.
pub(super) fn browser_memory(evidence: &Evidence, _: &Case) -> Finding {
    const ROOM: u64 = 768 << 20;
    over("bytes", evidence.seen.group.memory_bytes, ROOM + (4 << 20))
}

/// By the swap that the kernel would give beyond the memory.
pub(super) fn swap(evidence: &Evidence, _: &Case) -> Finding {
    match evidence.seen.group.swap_bytes {
        None => Finding::Refused("absent: the kernel counts no swap".to_owned()),
        // Version 1 counts both together, version 2 swap alone.
        Some(bytes) if bytes == MEMORY || bytes == 0 => Finding::Refused("no swap".to_owned()),
        Some(bytes) => Finding::Succeeded(format!("{bytes} bytes of memory and swap")),
    }
}

/// By the share of the processors that the kernel bounds.
pub(super) fn share(evidence: &Evidence, _: &Case) -> Finding {
    if evidence.seen.container.is_none() {
        return Finding::Unknown("the host did not see its control group".to_owned());
    }
    match evidence.seen.group.cpu_millis {
        Some(millis) if millis <= CPU_MILLIS => Finding::Refused(format!("{millis} thousandths")),
        Some(millis) => Finding::Succeeded(format!("{millis} thousandths")),
        None => Finding::Succeeded("no bound".to_owned()),
    }
}

/// By the kernel's answer, or by the run's being ended before there was one.
pub(super) fn completion(evidence: &Evidence, case: &Case) -> Finding {
    let ending = evidence.field("ending").as_str().unwrap_or_default();
    match judge::answer(evidence, case) {
        Finding::Unknown(_) if evidence.in_sandbox && ending != "exited" => {
            Finding::Refused(ending.to_owned())
        }
        finding => finding,
    }
}

/// By whether it went on beyond its time.
pub(super) fn lateness(evidence: &Evidence, _: &Case) -> Finding {
    match (evidence.in_sandbox, evidence.overran) {
        (false, true) => Finding::Succeeded("it went on".to_owned()),
        (false, false) => Finding::Refused("it ended by itself".to_owned()),
        // An answer that is late is an error of the call.
        (true, _) => match evidence.field("ending").as_str() {
            Some("timed_out" | "exited") => Finding::Refused("it was ended".to_owned()),
            ending => Finding::Unknown(format!("it ended as {ending:?}")),
        },
    }
}

/// By how much of its output somebody had to keep.
pub(super) fn flood(evidence: &Evidence, _: &Case) -> Finding {
    if !evidence.in_sandbox {
        return match evidence.output.len() {
            length if length > PRINTED => Finding::Succeeded(format!("{length} bytes")),
            length => Finding::Refused(format!("{length} bytes")),
        };
    }
    match evidence.field("ending").as_str() {
        Some("output_limit") if evidence.text().len() < PRINTED / 8 => {
            Finding::Refused("it was ended and cut".to_owned())
        }
        ending => Finding::Succeeded(format!("it printed all of it and ended as {ending:?}")),
    }
}

/// Whether a character is of a kind.
type Is = fn(char) -> bool;

/// By whether any of these characters is in the text that a model reads.
pub(super) fn harmful(evidence: &Evidence, _: &Case) -> Finding {
    const HARMFUL: &[(&str, Is)] = &[
        ("a control character", |c| {
            c.is_control() && !"\n\t".contains(c)
        }),
        (
            "a change of direction",
            |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
        ),
        ("a tag", |c| matches!(c, '\u{e0000}'..='\u{e007f}')),
        ("an invisible character", |c| {
            matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
        }),
    ];
    let text = if evidence.in_sandbox {
        evidence.text()
    } else {
        evidence.output.clone()
    };
    if text.trim().is_empty() {
        return Finding::Unknown("nothing was printed".to_owned());
    }
    let found = HARMFUL.iter().find(|(_, is)| text.chars().any(is));
    match found {
        Some((what, _)) => Finding::Succeeded(format!("{what} got through")),
        None => Finding::Refused("nothing got through".to_owned()),
    }
}

/// By whether an invented result was taken for a real one: the program ends with 7 whatever it says.
pub(super) fn forgery(evidence: &Evidence, _: &Case) -> Finding {
    let invention = format!("forged-{}", evidence.mark);
    if !evidence.in_sandbox {
        // Who relays output as it is hands the invention to whoever reads it.
        let is_there =
            evidence.output.contains(&invention) || evidence.output.contains("\"exit_code\": 0");
        return if is_there {
            Finding::Succeeded("it stands in the stream as it was written".to_owned())
        } else {
            Finding::Refused("it was not written".to_owned())
        };
    }
    let notes = evidence.field("notes").to_string();
    match evidence.field("exit_code").as_i64() {
        Some(7) if notes.contains(&invention) => {
            Finding::Succeeded("a note of the program's own making".to_owned())
        }
        Some(7) => Finding::Refused("the result is the real one".to_owned()),
        // How Python ends a program with a defect, such as an attack that is broken.
        Some(1) => Finding::Unknown(format!("the program failed: {}", evidence.text())),
        code => Finding::Succeeded(format!("exit code {code:?}")),
    }
}

/// By whether a killed program is told as one that succeeded.
pub(super) fn claimed_success(evidence: &Evidence, _: &Case) -> Finding {
    if !evidence.in_sandbox {
        return match evidence.answer("H04.exit-while-killed") {
            Some("done") => Finding::Succeeded("its exit code was 0".to_owned()),
            other => Finding::Refused(format!("{other:?}")),
        };
    }
    match evidence.field("ending").as_str() {
        Some("timed_out") => Finding::Refused("it timed out".to_owned()),
        Some("exited") if evidence.field("exit_code") == 0 => {
            Finding::Succeeded("it ended well".to_owned())
        }
        ending => Finding::Unknown(format!("it ended as {ending:?}")),
    }
}

/// By whether something printed after the end is in the result.
pub(super) fn late_words(evidence: &Evidence, _: &Case) -> Finding {
    let invention = format!("late forged-{}", evidence.mark);
    if evidence.output.contains(&invention) {
        Finding::Succeeded("it is in the output".to_owned())
    } else {
        Finding::Refused("it is not in the output".to_owned())
    }
}

/// By whether the host saw a process of the program long after its end.
pub(super) fn survival(evidence: &Evidence, _: &Case) -> Finding {
    // Its processes are its kernel's own, and that has to be gone before anything is judged.
    if evidence.is_on_own_kernel() && evidence.seen.container.is_some() {
        return Finding::Refused("it went with the sandbox's own kernel".to_owned());
    }
    if !evidence.seen.is_visible() {
        return Finding::Unknown("the host did not see the program's process".to_owned());
    }
    if !evidence.seen.tagged.contains_key("daemon") {
        return Finding::Unknown("the host did not see the daemon".to_owned());
    }
    if evidence.seen.outlived.contains("daemon") {
        Finding::Succeeded("the host saw it long after the program's end".to_owned())
    } else {
        Finding::Refused("it went with the program".to_owned())
    }
}

/// By whether those who look after the program live on.
pub(super) fn supervisor(evidence: &Evidence, case: &Case) -> Finding {
    if !evidence.in_sandbox {
        return judge::answer(evidence, case);
    }
    match evidence.field("exit_code").as_i64() {
        Some(7) => Finding::Refused("its end was reported".to_owned()),
        Some(1) => Finding::Unknown(format!("the program failed: {}", evidence.text())),
        code => Finding::Succeeded(format!("its end was reported as {code:?}")),
    }
}

fn over(what: &str, number: u64, limit: u64) -> Finding {
    match number {
        0 => Finding::Unknown(format!("the host did not see how many {what}")),
        number if number > limit => Finding::Succeeded(format!("{number} {what}")),
        number => Finding::Refused(format!("{number} {what}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::case::{Enforced, Weakness, case};
    use super::*;

    const CASE: Case = case(
        "H04.exit-while-killed",
        "tries",
        Enforced::Runner,
        Weakness::new("weak", &[]),
    );

    fn sandbox(content: &Value, text: &str) -> Evidence {
        Evidence {
            in_sandbox: true,
            mark: "m".to_owned(),
            result: json!({
                "structuredContent": content,
                "content": [{ "type": "text", "text": text }],
            }),
            ..Evidence::default()
        }
    }

    /// `s`ucceeded, `r`efused or `u`nknown.
    fn letter(finding: &Finding) -> char {
        match finding {
            Finding::Succeeded(_) => 's',
            Finding::Refused(_) | Finding::Contained(_) => 'r',
            Finding::Unknown(_) => 'u',
        }
    }

    #[test]
    fn what_the_client_got_is_judged() {
        type Of = fn(&Evidence, &Case) -> Finding;
        let check = |judge: Of, content: Value, text: &str, expected: char| {
            let finding = judge(&sandbox(&content, text), &CASE);
            assert_eq!(
                letter(&finding),
                expected,
                "{content} {text:?}: {finding:?}"
            );
        };
        check(harmful, json!({}), "plain\twords\n", 'r');
        check(harmful, json!({}), "\u{1b}[2J", 's');
        check(harmful, json!({}), "a\u{202e}b", 's');
        check(harmful, json!({}), "a\u{e0041}b", 's');
        check(harmful, json!({}), "", 'u');
        check(forgery, json!({ "exit_code": 7 }), "", 'r');
        check(forgery, json!({ "exit_code": 0 }), "", 's');
        check(
            forgery,
            json!({ "exit_code": 7, "notes": ["forged-m"] }),
            "",
            's',
        );
        check(forgery, json!({ "exit_code": 1 }), "", 'u');
        check(flood, json!({ "ending": "output_limit" }), "cut", 'r');
        check(flood, json!({ "ending": "exited" }), "all", 's');
        check(lateness, json!({ "ending": "timed_out" }), "", 'r');
        check(lateness, json!({ "ending": "signaled" }), "", 'u');
        check(claimed_success, json!({ "ending": "timed_out" }), "", 'r');
        let success = json!({ "ending": "exited", "exit_code": 0 });
        check(claimed_success, success, "", 's');
        check(completion, json!({ "ending": "out_of_memory" }), "", 'r');
        check(completion, json!({ "ending": "exited" }), "", 'u');
    }

    #[test]
    fn what_the_kernel_counted_is_judged() {
        let check = |processes: u64, bytes: u64, expected: [char; 2]| {
            let mut evidence = Evidence::default();
            evidence.seen.group.processes = processes;
            evidence.seen.group.memory_bytes = bytes;
            let found = [
                letter(&super::processes(&evidence, &CASE)),
                letter(&memory(&evidence, &CASE)),
            ];
            assert_eq!(found, expected, "{processes} processes, {bytes} bytes");
        };
        check(64, MEMORY, ['r', 'r']);
        check(65, 2 * MEMORY, ['s', 's']);
        check(0, 0, ['u', 'u']);
    }
}
