//! What the structured form has of lists whose length and content are a program's: files, displays, what was installed.
//!
//! Everything is named before anything is told in full: rows and texts of displays come last, and the first displays have
//! what there is room for. What is missing is said, with its number.

use executor_core::{Captured, Column, Outcome, Table};
use serde_json::{Value, json};

use crate::budget::LEAST_TEXT;
use crate::cost::Cost;
use crate::excerpt::{Excerpt, Faithful};

/// The most text of one display that programs get; the whole is linked to, if it is longer.
const MOST_TEXT: Cost = Cost::of(4 * 1024, usize::MAX);

/// What stands around the text or the table of a display.
const MEMBER: Cost = Cost::of(80, 30);

/// The lists of a structured form while it is made.
#[derive(Debug)]
pub(crate) struct Entries {
    /// What is left of the form.
    room: Cost,
    pub(crate) installed: Vec<String>,
    pub(crate) files: Vec<Value>,
    pub(crate) displays: Vec<Value>,
    /// Sentences on what found no room.
    pub(crate) notes: Vec<String>,
}

impl Entries {
    /// Names everything, as far as there is `room`: what was installed, files, displays.
    pub(crate) fn named(
        room: Cost,
        installed: &[String],
        files: Vec<Value>,
        displays: Vec<Value>,
    ) -> Self {
        let mut entries = Self {
            room,
            installed: Vec::new(),
            files: Vec::new(),
            displays: Vec::new(),
            notes: Vec::new(),
        };
        entries.install(installed);
        entries.put_files(files);
        entries.put_displays(displays);
        entries
    }

    /// What is left for the outputs.
    pub(crate) const fn room(&self) -> Cost {
        self.room
    }

    /// Counts what was put in besides.
    pub(crate) const fn spend(&mut self, cost: Cost) {
        self.room = self.room.without(cost);
    }

    /// Adds texts and tables to the displays that are named, the first ones first.
    pub(crate) fn fill(&mut self, outcome: &Outcome) {
        let (mut texts, mut tables) = (0_usize, 0_usize);
        let mut room = self.room;
        for (entry, display) in self.displays.iter_mut().zip(&outcome.displays) {
            let Some(entry) = entry.as_object_mut() else {
                continue;
            };
            if !display.text.is_empty() {
                match text(&display.text, room) {
                    Some(text) => {
                        room = room.without(MEMBER).without(Cost::of_text(&text));
                        entry.insert("text".to_owned(), text.into());
                    }
                    None => texts += 1,
                }
            }
            if let Some(table) = &display.table {
                let (part, is_whole) = part(table, &mut room);
                tables += usize::from(!is_whole);
                entry.insert("table".to_owned(), part);
            }
        }
        self.room = room;
        if tables > 0 {
            self.short(&format!("rows of {tables} tables"));
        }
        if texts > 0 {
            self.short(&format!("the texts of {texts} displays"));
        }
    }

    fn install(&mut self, installed: &[String]) {
        let mut share = self.room.part(1, 6);
        for one in installed {
            if !self.take(&mut share, Cost::of_text(one).and(Cost::of(3, 2))) {
                break;
            }
            self.installed.push(one.clone());
        }
        let all = installed.len();
        self.missing(
            all - self.installed.len(),
            all,
            "installed distributions are",
        );
    }

    /// The files by all that is known of them; beyond the room for that, without their hashes.
    fn put_files(&mut self, files: Vec<Value>) {
        let mut share = self.room.part(1, 2);
        let (all, mut sparing, mut unhashed) = (files.len(), false, 0);
        let bare = |file: &Value| Cost::of_json(file).without(HASH);
        // Those behind one are to be named as well.
        let mut behind = files.iter().map(bare).fold(Cost::default(), Cost::and);
        for mut file in files {
            behind = behind.without(bare(&file));
            sparing |= !Cost::of_json(&file).and(behind).fits(share);
            if sparing && let Some(file) = file.as_object_mut() {
                file.remove("sha256");
                unhashed += 1;
            }
            if !self.take(&mut share, Cost::of_json(&file).and(Cost::of(1, 1))) {
                break;
            }
            self.files.push(file);
        }
        self.missing(all - self.files.len(), all, "files are");
        if unhashed > 0 {
            self.short(&format!("the hashes of {unhashed} files"));
        }
    }

    /// The displays by their kind and by what belongs to them; the last ones without the latter, if it is too much.
    fn put_displays(&mut self, displays: Vec<Value>) {
        let mut share = self.room.part(1, 2);
        let (all, mut bare) = (displays.len(), 0);
        for (at, mut display) in displays.into_iter().enumerate() {
            let behind = BARE.times(all - at - 1);
            let is_too_much = !Cost::of_json(&display).and(behind).fits(share);
            if is_too_much
                && let Some(display) = display.as_object_mut()
                && display.remove("media").is_some()
            {
                bare += 1;
            }
            if !self.take(&mut share, Cost::of_json(&display).and(Cost::of(1, 1))) {
                break;
            }
            self.displays.push(display);
        }
        self.missing(all - self.displays.len(), all, "displays are");
        if bare > 0 {
            self.short(&format!("pictures and files of {bare} displays"));
        }
    }

    /// Takes a cost out of a share and out of the room, if the share has so much.
    fn take(&mut self, share: &mut Cost, cost: Cost) -> bool {
        let fits = share.take(cost);
        if fits {
            self.room = self.room.without(cost);
        }
        fits
    }

    fn missing(&mut self, missing: usize, all: usize, what: &str) {
        if missing > 0 {
            self.notes.push(format!(
                "{missing} of {all} {what} not named in the structured result, for which there is no room (`--result-text`, `--result-tokens`)"
            ));
        }
    }

    fn short(&mut self, what: &str) {
        self.notes.push(format!(
            "{what} are not or not all in the structured result, for which there is no room (`--result-text`, `--result-tokens`)"
        ));
    }
}

/// A display of which nothing but its kind is named.
const BARE: Cost = Cost::of(24, 9);

/// What a hash takes in the entry of a file.
const HASH: Cost = Cost::of(78, 55);

/// As much of a text as there is room for; nothing if that says nothing.
fn text(text: &str, room: Cost) -> Option<String> {
    let room = room.without(MEMBER).min(MOST_TEXT);
    if !LEAST_TEXT.fits(room) && !Cost::of_text(text).fits(room) {
        return None;
    }
    let whole = Captured::from(text.as_bytes().to_vec());
    Some(Excerpt::<Faithful>::of(&whole, room).into_text())
}

/// A table with as many of its rows as there is room for, and whether these are all that came. Its size is always there.
fn part(table: &Table, room: &mut Cost) -> (Value, bool) {
    let mut part = json!({
        "row_count": table.row_count,
        "column_count": table.column_count,
    });
    *room = room.without(MEMBER);
    let columns = table.columns.iter().map(column).collect::<Value>();
    if !room.take(Cost::of_json(&columns)) {
        return (part, false);
    }
    let mut rows = Vec::new();
    for row in &table.rows {
        let row = Value::Array(row.clone());
        if !room.take(Cost::of_json(&row).and(Cost::of(1, 1))) {
            break;
        }
        rows.push(row);
    }
    let is_whole = rows.len() == table.rows.len();
    if let Some(part) = part.as_object_mut() {
        part.insert("columns".to_owned(), columns);
        part.insert("rows".to_owned(), rows.into());
    }
    (part, is_whole)
}

fn column(column: &Column) -> Value {
    json!({ "name": column.name, "type": column.kind })
}
