//! Values that readers of JSON and of protocols stumble over.

use super::random::Random;

/// Numbers at bounds, and what only looks like a number.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-0.0",
    "1",
    "-1",
    "0.5",
    "1.0",
    "1e0",
    "1E2",
    "127",
    "128",
    "129",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "1e18",
    "1e308",
    "1e309",
    "1e999",
    "-1e999",
    "1e-999",
    "1e99999999999999999999",
    "0.1e-400",
    "3.141592653589793238462643383279502884197",
    // No numbers at all.
    "01",
    "+1",
    ".5",
    "1.",
    "0x10",
    "1_000",
    "NaN",
    "Infinity",
    "-Infinity",
    "--1",
    "1e",
    "-",
];

/// Scalars and small containers of every type.
const SCALARS: &[&str] = &[
    "null",
    "true",
    "false",
    "\"\"",
    "\"x\"",
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    "{\"\":{}}",
    "\"2.0\"",
    "\"null\"",
    "\"0\"",
    "\" \"",
    "undefined",
    "nul",
    "True",
    "'x'",
];

/// The insides of strings: escapes that are half of something, controls, direction marks, foreign encodings.
const TEXTS: &[&[u8]] = &[
    br"\u0000",
    br"\ud800",
    br"\udc00",
    br"\ud83d\ude00",
    br"\ude00\ud83d",
    br"\ud800\ud800",
    br"\uD83D\u0041",
    br"\u00",
    br"\x41",
    br"\",
    br"\\",
    br#"\""#,
    br"\n\r\t\b\f",
    br"\u202e",
    br"\u2028\u2029",
    br"\ufeff",
    b"\x00",
    b"\x01",
    b"\x1b[2J",
    b"\x7f",
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b"\xff",
    b"\xfe\xff",
    b"\x80",
    b"\xc0\x80",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x92",
    b"\xf4\x90\x80\x80",
    "\u{202e}".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{e0041}".as_bytes(),
    "ß".as_bytes(),
    "ﬁ".as_bytes(),
    "\u{0}".as_bytes(),
    b"../../etc/passwd",
    b"%00",
    b"%s%n",
    b"${jndi:x}",
    b"\" , \"id\":1,\"x\":\"",
    b"data: x",
];

/// Words of the protocol, as keys and as values: what stands in the wrong place is more telling than noise.
pub(super) const WORDS: &[&str] = &[
    "jsonrpc",
    "id",
    "method",
    "params",
    "result",
    "error",
    "code",
    "message",
    "data",
    "_meta",
    "progressToken",
    "name",
    "arguments",
    "uri",
    "cursor",
    "level",
    "ref",
    "argument",
    "value",
    "requestId",
    "reason",
    "protocolVersion",
    "capabilities",
    "clientInfo",
    "version",
    "title",
    "notifications",
    "resourceSubscriptions",
    "toolsListChanged",
    "inputResponses",
    "requestState",
    "action",
    "content",
    "accept",
    "roots",
    "model",
    "text",
    "type",
    "taskId",
    "elicitation",
    "sampling",
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/logLevel",
    "io.modelcontextprotocol/tasks",
    "extensions",
    "2.0",
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
    "2026-07-28",
    "initialize",
    "ping",
    "tools/call",
    "tools/list",
    "resources/read",
    "resources/subscribe",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "server/discover",
    "subscriptions/listen",
    "tasks/get",
    "tasks/cancel",
    "notifications/cancelled",
    "notifications/initialized",
    "ask-1",
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "hasOwnProperty",
    "code",
    "modules",
    "timeout_seconds",
    "x-mcp-header",
    "properties",
    "required",
];

/// Depths around the bounds of readers: ours is 64, that of many parsers 128.
pub(super) const DEPTHS: &[usize] = &[1, 2, 30, 62, 63, 64, 65, 100, 127, 128, 129, 200];

/// A depth at which a reader that recurses without a bound runs out of stack.
pub(super) const ABYSS: usize = 100_000;

/// A scalar or a small container of any type, right or wrong.
pub(super) fn scalar(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => word(NUMBERS, random),
        1 => word(SCALARS, random),
        2 => {
            let words = random.pick(WORDS).copied().unwrap_or_default();
            format!("\"{words}\"").into_bytes()
        }
        _ => string(random),
    }
}

/// A string in its quotes, which may not be a valid one.
pub(super) fn string(random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![b'"'];
    for _ in 0..random.few(4) {
        match random.below(3) {
            0 => {
                bytes.extend_from_slice(random.pick(WORDS).copied().unwrap_or_default().as_bytes())
            }
            1 => bytes.extend_from_slice(text(random)),
            _ => bytes.extend(std::iter::repeat_n(b'a', random.below(12))),
        }
    }
    if random.per_mille(3) {
        // Longer than what is taken as an id, and sometimes than a header or a pipe's buffer.
        let length = *random.pick(&[1023, 1024, 1025, 8192, 70_000]).unwrap_or(&0);
        bytes.extend(std::iter::repeat_n(b'x', length));
    }
    bytes.push(b'"');
    bytes
}

/// The inside of a string.
pub(super) fn text(random: &mut Random) -> &'static [u8] {
    random.pick(TEXTS).copied().unwrap_or_default()
}

fn word(words: &[&str], random: &mut Random) -> Vec<u8> {
    random
        .pick(words)
        .copied()
        .unwrap_or_default()
        .as_bytes()
        .to_vec()
}
