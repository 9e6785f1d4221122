//! What a run leaves to be seen, as it comes at its end: bytes on channel 3, and after the bytes of each thing a frame
//! that says what they were. Pure; every bound that the runner was told is held here as well.

use std::collections::{BTreeSet, VecDeque};

use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use super::credit::ReceiveWindow;
use super::error::StreamError;
use crate::files::FileName;
use crate::limits::ResultLimits;

/// The channel of results, runner to host.
pub(super) const RESULTS: u32 = 3;

/// One thing that a run left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// A display, as the program's process laid it down.
    Display(Bytes),
    /// A file of its working directory.
    File(FileName, Bytes),
}

/// What came so far.
#[derive(Debug)]
pub(super) struct Results {
    /// None if none were asked for.
    limits: Option<ResultLimits>,
    window: ReceiveWindow,
    current: BytesMut,
    total: u64,
    displays: usize,
    names: BTreeSet<FileName>,
    /// What is said of displays while the program runs, and how often that was.
    said: VecDeque<String>,
    said_times: usize,
    waiting: VecDeque<Item>,
    /// Set when the first of it comes, and taken once that was told.
    begun: bool,
    begun_told: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShownWire {
    what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemWire {
    name: Option<String>,
    bytes: usize,
    whole: bool,
}

impl Results {
    pub(super) fn new(limits: Option<ResultLimits>) -> Self {
        Self {
            limits,
            window: ReceiveWindow::new(RESULTS),
            current: BytesMut::new(),
            total: 0,
            displays: 0,
            names: BTreeSet::new(),
            said: VecDeque::new(),
            said_times: 0,
            waiting: VecDeque::new(),
            begun: false,
            begun_told: false,
        }
    }

    /// Bytes of the thing that is coming. They are disposed of at once: the totals bound what is kept.
    pub(super) fn data(&mut self, payload: &[u8]) -> Result<(), StreamError> {
        let limits = self.limits.ok_or(StreamError::OutOfOrder("Data"))?;
        self.window.accept(payload.len())?;
        let length = count(payload.len());
        self.total = self.total.saturating_add(length);
        let current = count(self.current.len()).saturating_add(length);
        if current > limits.item.get() || self.total > limits.total.get() {
            return Err(StreamError::OutOfRange("results"));
        }
        self.begun = true;
        self.current.extend_from_slice(payload);
        self.window.release(payload.len());
        Ok(())
    }

    /// What the bytes since the last such frame were.
    pub(super) fn item(&mut self, json: &[u8]) -> Result<(), StreamError> {
        let limits = self.limits.ok_or(StreamError::OutOfOrder("Item"))?;
        let wire: ItemWire = super::report::parse("Item", json)?;
        if wire.bytes != self.current.len() {
            return Err(StreamError::OutOfRange("bytes"));
        }
        self.begun = true;
        let bytes = self.current.split().freeze();
        let item = if let Some(name) = wire.name {
            let name = FileName::new(name).map_err(|_| StreamError::OutOfRange("name"))?;
            if self.names.len() >= limits.files || !self.names.insert(name.clone()) {
                return Err(StreamError::OutOfRange("name"));
            }
            Item::File(name, bytes)
        } else {
            self.displays += 1;
            if self.displays > limits.displays {
                return Err(StreamError::OutOfRange("displays"));
            }
            Item::Display(bytes)
        };
        if wire.whole {
            self.waiting.push_back(item);
        }
        Ok(())
    }

    /// What the program's process says of a display, long before the display itself comes.
    pub(super) fn shown(&mut self, json: &[u8]) -> Result<(), StreamError> {
        let limits = self.limits.ok_or(StreamError::OutOfOrder("Shown"))?;
        let ShownWire { what } = super::report::parse("Shown", json)?;
        self.said_times += 1;
        if self.said_times > limits.displays {
            return Err(StreamError::OutOfRange("displays"));
        }
        self.said.push_back(what);
        Ok(())
    }

    /// The next that was said of a display.
    pub(super) fn take_said(&mut self) -> Option<String> {
        self.said.pop_front()
    }

    /// Credit to give back.
    pub(super) fn due(&mut self) -> Option<u32> {
        self.window.due()
    }

    /// Whether they have begun to come since this was asked last.
    pub(super) fn take_begun(&mut self) -> bool {
        let news = self.begun && !self.begun_told;
        self.begun_told |= news;
        news
    }

    /// The next thing that is whole.
    pub(super) fn take(&mut self) -> Option<Item> {
        self.waiting.pop_front()
    }

    pub(super) fn has_news(&self) -> bool {
        !self.waiting.is_empty() || !self.said.is_empty() || (self.begun && !self.begun_told)
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ByteSize;

    fn limits() -> ResultLimits {
        ResultLimits {
            displays: 1,
            files: 2,
            item: ByteSize::bytes(10),
            total: ByteSize::bytes(15),
            ..ResultLimits::default()
        }
    }

    /// What is told after these, each either data or the JSON of an item.
    fn told(steps: &[&str]) -> Result<Vec<Item>, String> {
        let mut results = Results::new(Some(limits()));
        for step in steps {
            let done = if step.starts_with('{') {
                results.item(step.as_bytes())
            } else {
                results.data(step.as_bytes())
            };
            done.map_err(|error| error.to_string())?;
        }
        Ok(std::iter::from_fn(|| results.take()).collect())
    }

    #[test]
    fn things_are_what_came_since_the_last_one() {
        let file = |name: &str, text: &'static str| {
            Item::File(
                FileName::new(name).unwrap(),
                Bytes::from_static(text.as_bytes()),
            )
        };
        let told = told(&[
            "abc",
            "de",
            r#"{"name":null,"bytes":5,"whole":true}"#,
            r#"{"name":"empty","bytes":0,"whole":true}"#,
            "xy",
            r#"{"name":"a/b","bytes":2,"whole":true}"#,
        ]);
        assert_eq!(
            told.unwrap(),
            [
                Item::Display(Bytes::from_static(b"abcde")),
                file("empty", ""),
                file("a/b", "xy")
            ]
        );
    }

    #[test]
    fn what_is_not_whole_is_dropped() {
        assert_eq!(
            told(&["abc", r#"{"name":"a","bytes":3,"whole":false}"#]).unwrap(),
            []
        );
        assert_eq!(told(&["abc"]).unwrap(), []);
    }

    #[test]
    fn lies_are_named() {
        #[track_caller]
        fn check(steps: &[&str], expected: &str) {
            assert_eq!(told(steps).unwrap_err(), expected);
        }
        let file = |name: &str| format!(r#"{{"name":"{name}","bytes":0,"whole":true}}"#);
        let display = r#"{"name":null,"bytes":0,"whole":true}"#;
        check(&["12345678901"], "field `results` is out of range");
        check(
            &[
                "1234567890",
                r#"{"name":"a","bytes":10,"whole":true}"#,
                "123456",
            ],
            "field `results` is out of range",
        );
        check(&["abc", &file("a")], "field `bytes` is out of range");
        check(&[&file("../a")], "field `name` is out of range");
        check(&[&file("/etc/passwd")], "field `name` is out of range");
        check(&[&file("a"), &file("a")], "field `name` is out of range");
        check(
            &[&file("a"), &file("b"), &file("c")],
            "field `name` is out of range",
        );
        check(&[display, display], "field `displays` is out of range");
        check(
            &[r#"{"name":"a","bytes":-1,"whole":true}"#],
            "frame `Item` is malformed: invalid value: integer `-1`, expected usize at line 1 column 22",
        );
    }

    #[test]
    fn nothing_comes_that_nobody_asked_for() {
        let mut results = Results::new(None);
        assert_eq!(results.data(b"a"), Err(StreamError::OutOfOrder("Data")));
        let empty = br#"{"name":"a","bytes":0,"whole":true}"#;
        assert_eq!(results.item(empty), Err(StreamError::OutOfOrder("Item")));
        let said = br#"{"what":"a"}"#;
        assert_eq!(results.shown(said), Err(StreamError::OutOfOrder("Shown")));
    }

    #[test]
    fn no_more_is_said_of_displays_than_there_can_be() {
        let mut results = Results::new(Some(limits()));
        let said = br#"{"what":"display: a"}"#;
        assert_eq!(results.shown(said), Ok(()));
        assert_eq!(
            (results.take_said().as_deref(), results.take_said()),
            (Some("display: a"), None)
        );
        assert_eq!(
            results.shown(said),
            Err(StreamError::OutOfRange("displays"))
        );
    }
}
