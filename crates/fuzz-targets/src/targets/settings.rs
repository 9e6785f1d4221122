//! What operators write: a settings file, and quantities.

use std::time::Duration;

use executor_core::limits::ByteSize;

use crate::target::{Breach, Tally, hold};

pub(super) const WORDS: &[&[u8]] = &[
    b"memory = ",
    b"cpus = ",
    b"network = ",
    b"allow = ",
    b"open = ",
    b"timeout = ",
    b"queue = ",
    b"[danger]\n",
    b"danger.bind-without-token = ",
    b"\"",
    b"'",
    b"'''",
    b"\"\"\"",
    b"[",
    b"]",
    b"[[",
    b"]]",
    b"{",
    b"}",
    b"=",
    b"#",
    b"\n",
    b"true",
    b"1e400",
    b"0x10",
    b"nan",
    b"1979-05-27",
    b"\"512MiB\"",
    b"\"public\"",
    b"\"example.com:443\"",
    b"\\u0000",
    b"\\U00110000",
];

pub(super) const QUANTITY_WORDS: &[&[u8]] = &[
    b"0",
    b"1",
    b".",
    b"-",
    b"+",
    b"e3",
    b"s",
    b"ms",
    b"m",
    b"h",
    b"KiB",
    b"MiB",
    b"GB",
    b"TiB",
    b" ",
    b"NaN",
    b"inf",
    b"18446744073709551615",
    b"0x",
];

pub(super) fn seeds() -> Vec<Vec<u8>> {
    [
        "memory = \"2GiB\"\ncpus = 1.5\nprocesses = 64\ntimeout = \"30s\"\nqueue = 7\n",
        "network = \"public\"\nallow = [\"example.com\", \"*.example.org:8443\"]\nopen = [\"db.test=10.0.0.7:5432\"]\n",
        "index-url = \"https://me:secret@index.test/simple\"\nallow-source-packages = true\nlog-level = \"debug\"\n",
        "bind = \"127.0.0.1:8080\"\nallowed-host = [\"py.test\"]\nmax-body = \"1MiB\"\nsession-idle = \"5m\"\n[danger]\nbind-without-token = false\n",
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec()
}

/// A file is taken or every mistake in it is told, in few and short words.
pub(super) fn run(input: &[u8]) -> Result<Tally, Breach> {
    let text = String::from_utf8_lossy(input);
    match server_app::fuzzing::settings_file(&text) {
        Ok(()) => Ok(Tally::one(true)),
        Err(told) => {
            hold(!told.is_empty(), || "refused without a word".to_owned())?;
            hold(!told.contains(['\0', '\u{1b}', '\r']), || {
                format!("told {told:?}")
            })?;
            Ok(Tally::one(false))
        }
    }
}

pub(super) fn quantities() -> Vec<Vec<u8>> {
    [
        "90", "1.5s", "1500ms", "2 m", "0.5h", "512MiB", "1 GB", "1048576", "0.05", "2.25",
        "4096k", "true", "off",
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec()
}

/// What is taken is a number within reach, and written out it is taken again as the same.
pub(super) fn quantity(input: &[u8]) -> Result<Tally, Breach> {
    let text = String::from_utf8_lossy(input);
    let size = text.parse::<ByteSize>().ok();
    if let Some(size) = size {
        let shown = size.to_string().replace("bytes", "b");
        hold(shown.parse() == Ok(size), || {
            format!("`{text}` is {shown}, which is another size")
        })?;
    }
    let time = server_app::fuzzing::duration(&text);
    if let Some(time) = time {
        let shown = format!("{}ms", time.as_millis());
        hold(server_app::fuzzing::duration(&shown) == Some(time), || {
            format!("`{text}` is {shown}")
        })?;
        hold(time <= Duration::from_millis(u64::MAX), || {
            format!("`{text}` is {time:?}")
        })?;
    }
    Ok(Tally::one(size.is_some() || time.is_some()))
}
