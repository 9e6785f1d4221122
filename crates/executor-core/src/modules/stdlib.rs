//! The names of Python's standard library: never fetched. A package on an index that bears such a name is at best a
//! forgotten copy for an old Python and at worst bait for exactly this mistake.

/// A note for the caller if `written` is a name of the standard library, or of a module inside one of its packages.
pub(super) fn note(written: &str) -> Option<String> {
    let name = written.to_ascii_lowercase().replace('-', "_");
    let root = name.split('.').next().unwrap_or(&name);
    if PRESENT.binary_search(&root).is_ok() {
        return Some(format!("`{written}` is part of Python: not fetched"));
    }
    let at = REMOVED.binary_search_by_key(&root, |(name, _)| name).ok()?;
    let (_, last) = REMOVED.get(at)?;
    Some(format!(
        "`{written}` was part of Python up to {last}: not fetched, because a package of that name is not the same thing"
    ))
}

/// Top-level modules of CPython 3.9 to 3.14 that are still there, private ones left out (a project's name cannot begin
/// with an underscore). From `sys.stdlib_module_names` and the "What's New" pages; sorted.
#[rustfmt::skip]
const PRESENT: &[&str] = &[
    "abc", "annotationlib", "antigravity", "argparse", "array", "ast", "asyncio", "atexit", "base64", "bdb",
    "binascii", "bisect", "builtins", "bz2", "calendar", "cmath", "cmd", "code", "codecs", "codeop", "collections",
    "colorsys", "compileall", "compression", "concurrent", "configparser", "contextlib", "contextvars", "copy",
    "copyreg", "cprofile", "csv", "ctypes", "curses", "dataclasses", "datetime", "dbm", "decimal", "difflib", "dis",
    "doctest", "email", "encodings", "ensurepip", "enum", "errno", "faulthandler", "fcntl", "filecmp", "fileinput",
    "fnmatch", "fractions", "ftplib", "functools", "gc", "genericpath", "getopt", "getpass", "gettext", "glob",
    "graphlib", "grp", "gzip", "hashlib", "heapq", "hmac", "html", "http", "idlelib", "imaplib", "importlib",
    "inspect", "io", "ipaddress", "itertools", "json", "keyword", "linecache", "locale", "logging", "lzma", "mailbox",
    "marshal", "math", "mimetypes", "mmap", "modulefinder", "msvcrt", "multiprocessing", "netrc", "nt", "ntpath",
    "nturl2path", "numbers", "opcode", "operator", "optparse", "os", "pathlib", "pdb", "pickle", "pickletools",
    "pkgutil", "platform", "plistlib", "poplib", "posix", "posixpath", "pprint", "profile", "pstats", "pty", "pwd",
    "py_compile", "pyclbr", "pydoc", "pydoc_data", "pyexpat", "queue", "quopri", "random", "re", "readline",
    "reprlib", "resource", "rlcompleter", "runpy", "sched", "secrets", "select", "selectors", "shelve", "shlex",
    "shutil", "signal", "site", "smtplib", "socket", "socketserver", "sqlite3", "sre_compile", "sre_constants",
    "sre_parse", "ssl", "stat", "statistics", "string", "stringprep", "struct", "subprocess", "symtable", "sys",
    "sysconfig", "syslog", "tabnanny", "tarfile", "tempfile", "termios", "test", "textwrap", "this", "threading",
    "time", "timeit", "tkinter", "token", "tokenize", "tomllib", "trace", "traceback", "tracemalloc", "tty", "turtle",
    "turtledemo", "types", "typing", "unicodedata", "unittest", "urllib", "uuid", "venv", "warnings", "wave",
    "weakref", "webbrowser", "winreg", "winsound", "wsgiref", "xml", "xmlrpc", "zipapp", "zipfile", "zipimport",
    "zlib", "zoneinfo",
];

/// Modules that left the standard library, with the last release that had them (PEP 594 and the "What's New" pages);
/// sorted.
const REMOVED: &[(&str, &str)] = &[
    ("aifc", "3.12"),
    ("asynchat", "3.11"),
    ("asyncore", "3.11"),
    ("audioop", "3.12"),
    ("binhex", "3.10"),
    ("cgi", "3.12"),
    ("cgitb", "3.12"),
    ("chunk", "3.12"),
    ("crypt", "3.12"),
    ("distutils", "3.11"),
    ("formatter", "3.9"),
    ("imghdr", "3.12"),
    ("imp", "3.11"),
    ("lib2to3", "3.12"),
    ("mailcap", "3.12"),
    ("msilib", "3.12"),
    ("nis", "3.12"),
    ("nntplib", "3.12"),
    ("ossaudiodev", "3.12"),
    ("parser", "3.9"),
    ("pipes", "3.12"),
    ("smtpd", "3.11"),
    ("sndhdr", "3.12"),
    ("spwd", "3.12"),
    ("sunau", "3.12"),
    ("symbol", "3.9"),
    ("telnetlib", "3.12"),
    ("uu", "3.12"),
    ("xdrlib", "3.12"),
];

#[cfg(test)]
mod tests {
    use super::{PRESENT, REMOVED, note};

    #[test]
    fn the_tables_are_sorted_and_apart() {
        assert!(PRESENT.is_sorted_by(|a, b| a < b));
        assert!(REMOVED.is_sorted_by(|a, b| a.0 < b.0));
        assert!(REMOVED.iter().all(|(name, _)| !PRESENT.contains(name)));
    }

    #[test]
    fn names() {
        for name in [
            "json",
            "asyncio",
            "tomllib",
            "annotationlib",
            "Tkinter",
            "concurrent.futures",
            "xml.etree.ElementTree",
        ] {
            assert!(note(name).is_some(), "{name}");
        }
        for name in [
            "numpy",
            "jsonschema",
            "email-validator",
            "typing-extensions",
            "zope.interface",
        ] {
            assert_eq!(note(name), None, "{name}");
        }
    }
}
