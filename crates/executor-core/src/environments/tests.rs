//! The keeper's real script on a directory of this machine: what it takes, keeps, answers and removes. It needs a
//! `python3`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Found, KeeperError, Listing, Orders, Pruned, StoredSet, answer, command};
use crate::backend::StoreFacts;
use crate::limits::ByteSize;

struct Store {
    directory: TempDir,
    size: ByteSize,
    shares_locks: bool,
}

impl Store {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            size: ByteSize::mib(1),
            shares_locks: true,
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn orders(&self, used: &[(&str, u64)]) -> Orders {
        let mut facts = StoreFacts::new(self.path().display().to_string(), "ground");
        if !self.shares_locks {
            facts = facts.without_shared_locks();
        }
        let used: BTreeMap<String, Duration> = used
            .iter()
            .map(|(name, ago)| ((*name).to_owned(), Duration::from_secs(*ago)))
            .collect();
        Orders::new(&facts, self.size, &used)
    }

    fn tell(&self, order: &Value, input: &[u8]) -> String {
        let argv = command("python3", order);
        let mut keeper = Command::new(&argv[0])
            .args(&argv[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // One that refuses at once does not read all of it.
        let _ = keeper.stdin.take().unwrap().write_all(input);
        let output = keeper.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn publish(&self, name: &str, request: &str, entries: &[u8]) -> Result<Found, KeeperError> {
        let order = self.publication(name, request);
        answer(&self.tell(&order, entries))
    }

    fn publication(&self, name: &str, request: &str) -> Value {
        let mut order = self.orders(&[]).list();
        let more = json!({
            "op": "publish", "name": name, "request": request, "modules": [request], "installed": ["a-1"],
        });
        order
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        order
    }

    fn list(&self, used: &[(&str, u64)]) -> Vec<StoredSet> {
        let listing: Listing = answer(&self.tell(&self.orders(used).list(), b"")).unwrap();
        listing.into_sets()
    }

    fn names(&self) -> Vec<String> {
        self.list(&[]).into_iter().map(|set| set.name).collect()
    }

    fn prune(&self) -> Pruned {
        answer(&self.tell(&self.orders(&[]).prune(), b"")).unwrap()
    }

    /// The lock that process 1 of a sandbox holds on a set.
    fn hold(&self, name: &str) -> std::fs::File {
        let record = self.path().join(".store/sets").join(name);
        let file = std::fs::File::open(record).unwrap();
        file.lock_shared().unwrap();
        file
    }

    fn everything(&self) -> Vec<PathBuf> {
        let mut ahead = vec![self.path().to_owned()];
        let mut found = Vec::new();
        while let Some(directory) = ahead.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    ahead.push(path.clone());
                }
                found.push(path);
            }
        }
        found
    }
}

/// A set of one module with this text.
fn set(text: &str) -> Vec<u8> {
    let entries = [
        json!({"k": "begin", "bytes": text.len(), "entries": 3}),
        json!({"k": "dir", "p": "m"}),
        json!({"k": "file", "p": "m/__init__.py", "s": text.len(), "x": true}),
        json!({"k": "link", "p": "n", "t": "m"}),
        json!({"k": "end"}),
    ];
    let mut bytes = Vec::new();
    for entry in entries {
        let line = entry.to_string();
        bytes.extend(u32::try_from(line.len()).unwrap().to_be_bytes());
        bytes.extend(line.as_bytes());
        if entry["k"] == "file" {
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

#[test]
fn a_set_is_taken_whole_and_listed() {
    let store = Store::new();
    let found = store.publish("s1", "r1", &set("x = 1")).unwrap();
    assert_eq!((found.name.as_str(), found.bytes), ("s1", 5));
    let text = std::fs::read_to_string(store.path().join("s1/n/__init__.py")).unwrap();
    assert_eq!(text, "x = 1");
    let listed = store.list(&[]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].requests, [["r1"]]);
    assert_eq!(listed[0].installed, ["a-1"]);
    assert!(listed[0].sound && !listed[0].in_use);
}

#[test]
fn programs_can_neither_list_the_store_nor_read_its_index() {
    use std::os::unix::fs::PermissionsExt as _;
    let store = Store::new();
    store.publish("s1", "r1", &set("x = 1")).unwrap();
    let mode = |path: &str| {
        let path = store.path().join(path);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(
        (mode(""), mode(".store"), mode("s1")),
        (0o711, 0o700, 0o755)
    );
    assert_eq!((mode("s1/m"), mode("s1/m/__init__.py")), (0o755, 0o755));
}

#[test]
fn the_same_content_is_kept_once() {
    let store = Store::new();
    store.publish("s1", "r1", &set("x = 1")).unwrap();
    let again = store.publish("s2", "r2", &set("x = 1")).unwrap();
    assert_eq!(again.name, "s1");
    let other = store.publish("s3", "r1", &set("x = 2")).unwrap();
    assert_eq!(other.name, "s3");
    assert_eq!(store.names(), ["s1", "s3"]);
    assert!(!store.path().join("s2").exists());
    let requests: Vec<_> = store
        .list(&[])
        .into_iter()
        .map(|set| set.requests)
        .collect();
    assert_eq!(requests, [[["r2"]], [["r1"]]]);
}

#[test]
fn what_was_cut_is_not_there_at_all() {
    let store = Store::new();
    let whole = set("x = 1");
    for length in [0, 3, 40, whole.len() - 1] {
        let error = store.publish("s1", "r1", &whole[..length]).unwrap_err();
        assert_eq!(error, KeeperError::Refused("cut".to_owned()), "{length}");
    }
    assert_eq!(store.names(), [""; 0]);
    assert!(!store.path().join("s1").exists());
    let staging = store.path().join(".store/staging");
    assert_eq!(std::fs::read_dir(staging).unwrap().count(), 0);
}

#[test]
fn a_keeper_that_was_killed_leaves_nothing_that_counts() {
    let store = Store::new();
    let order = store.publication("s1", "r1");
    let argv = command("python3", &order);
    let mut keeper = Command::new(&argv[0])
        .args(&argv[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let whole = set("x = 1");
    let mut input = keeper.stdin.take().unwrap();
    input.write_all(&whole[..whole.len() - 10]).unwrap();
    input.flush().unwrap();
    while !store.path().join(".store/staging/s1/m").exists() {
        std::thread::yield_now();
    }
    keeper.kill().unwrap();
    keeper.wait().unwrap();
    assert_eq!(store.names(), [""; 0]);
    // Another takes the set in beside what is left, which goes when it is old.
    assert_eq!(store.publish("s2", "r1", &whole).unwrap().name, "s2");
    let staged = store.path().join(".store/staging/s1");
    assert!(staged.exists());
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    let staged_dir = std::fs::File::open(&staged).unwrap();
    staged_dir.set_modified(long_ago).unwrap();
    store.prune();
    assert!(!staged.exists());
    assert_eq!(store.names(), ["s2"]);
}

#[test]
fn names_that_lead_out_are_refused_here_as_well() {
    let store = Store::new();
    let outside = store
        .path()
        .parent()
        .unwrap()
        .join("outside-of-the-store.py");
    for name in [
        "../../../../outside-of-the-store.py",
        "/tmp/outside-of-the-store.py",
    ] {
        let begin = json!({"k": "begin", "bytes": 1, "entries": 1}).to_string();
        let file = json!({"k": "file", "p": name, "s": 1, "x": false}).to_string();
        let mut bytes = Vec::new();
        for line in [begin, file] {
            bytes.extend(u32::try_from(line.len()).unwrap().to_be_bytes());
            bytes.extend(line.as_bytes());
        }
        bytes.push(b'x');
        let error = store.publish("s1", "r1", &bytes).unwrap_err();
        assert_eq!(error, KeeperError::Refused("entry".to_owned()), "{name}");
    }
    assert!(!outside.exists());
}

#[test]
fn what_was_not_used_for_longest_goes_first_and_what_is_in_use_stays() {
    let mut store = Store::new();
    store.size = ByteSize::bytes(25);
    for (name, text) in [("s1", "x = 11111"), ("s2", "x = 22222")] {
        store.publish(name, name, &set(text)).unwrap();
    }
    // The elder was used later.
    store.list(&[("s1", 10), ("s2", 500)]);
    let touch = |name: &str, ago: u64| {
        let path = store.path().join(".store/used").join(name);
        let when = std::time::SystemTime::now() - Duration::from_secs(ago);
        std::fs::File::open(path)
            .unwrap()
            .set_modified(when)
            .unwrap();
    };
    touch("s1", 100);
    touch("s2", 500);
    store.publish("s3", "s3", &set("x = 33333")).unwrap();
    assert_eq!(store.names(), ["s1", "s3"]);
    assert!(!store.path().join("s2").exists());

    touch("s1", 100);
    touch("s3", 50);
    let held = store.hold("s1");
    assert!(store.list(&[])[0].in_use);
    store.publish("s4", "s4", &set("x = 44444")).unwrap();
    assert_eq!(store.names(), ["s1", "s4"]);
    let held_too = store.hold("s4");
    let error = store.publish("s5", "s5", &set("x = 55555")).unwrap_err();
    assert_eq!(error, KeeperError::Full);
    assert_eq!(store.names(), ["s1", "s4"]);
    drop((held, held_too));
    store.publish("s5", "s5", &set("x = 55555")).unwrap();
    assert_eq!(store.names(), ["s4", "s5"]);
}

#[test]
fn without_common_locks_a_late_use_counts() {
    let mut store = Store::new();
    store.size = ByteSize::bytes(10);
    store.shares_locks = false;
    store.publish("s1", "s1", &set("x = 11111")).unwrap();
    let error = store.publish("s2", "s2", &set("x = 22222")).unwrap_err();
    assert_eq!(error, KeeperError::Full);
    let path = store.path().join(".store/used/s1");
    let when = std::time::SystemTime::now() - Duration::from_secs(31 * 60);
    std::fs::File::open(path)
        .unwrap()
        .set_modified(when)
        .unwrap();
    store.publish("s2", "s2", &set("x = 22222")).unwrap();
    assert_eq!(store.names(), ["s2"]);
}

#[test]
fn what_was_damaged_is_seen_and_built_anew() {
    for damage in ["size", "content", "gone"] {
        let store = Store::new();
        store.publish("s1", "r1", &set("x = 1")).unwrap();
        let file = store.path().join("s1/m/__init__.py");
        match damage {
            "size" => std::fs::write(&file, "x").unwrap(),
            "content" => std::fs::write(&file, "x = 2").unwrap(),
            _ => std::fs::remove_file(&file).unwrap(),
        }
        // The content is read only when somebody asks for it.
        assert_eq!(store.list(&[])[0].sound, damage == "content", "{damage}");
        let again = store.publish("s2", "r1", &set("x = 1")).unwrap();
        assert_eq!(again.name, "s2", "{damage}");
        assert_eq!(store.names(), ["s2"], "{damage}");
        assert!(store.list(&[])[0].sound);

        std::fs::write(store.path().join("s2/m/__init__.py"), "x = 2").unwrap();
        let pruned = store.prune();
        assert_eq!((pruned.removed, pruned.kept), (1, 0), "{damage}");
        assert!(!store.path().join("s2").exists());
    }
}

#[test]
fn nothing_is_left_of_what_was_removed() {
    let mut store = Store::new();
    store.publish("s1", "r1", &set("x = 1")).unwrap();
    let before = store.everything().len();
    store.publish("s2", "r2", &set("x = 22")).unwrap();
    store.size = ByteSize::bytes(5);
    let path = store.path().join(".store/used/s1");
    let later = std::time::SystemTime::now() + Duration::from_secs(60);
    std::fs::File::open(path)
        .unwrap()
        .set_modified(later)
        .unwrap();
    assert_eq!(store.prune().removed, 1);
    assert_eq!(store.everything().len(), before);
}

#[test]
fn a_store_of_another_making_is_left_alone() {
    let store = Store::new();
    store.publish("s1", "r1", &set("x = 1")).unwrap();
    std::fs::write(store.path().join(".store/format"), "2").unwrap();
    let error = store.publish("s2", "r2", &set("x = 2")).unwrap_err();
    assert_eq!(error, KeeperError::Refused("format".to_owned()));
}
