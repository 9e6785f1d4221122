//! Displays and files as blocks of content: what fits as text, pictures and small files, the rest as links.

use bytes::Bytes;
use executor_core::limits::ResultLimits;
use executor_core::media::{self, Picture};
use executor_core::{Captured, Display, Outcome};
use mcp_protocol::content::{ContentBlock, EmbeddedResource, ResourceContents, ResourceLink};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::budget::{Budget, Coming, LEAST_TEXT, ResultBudget};
use crate::cost::Cost;
use crate::excerpt::{Excerpt, Visible};
use crate::left_out;
use crate::store::Shelf;
use crate::visible;

/// What is shown of a run besides its output, and what the structured form has to name.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// For whoever looks.
    pub(crate) blocks: Vec<ContentBlock>,
    /// For programs: what each display is, without its text and its rows.
    pub(crate) displays: Vec<Value>,
    /// For programs: one object a file.
    pub(crate) files: Vec<Value>,
    /// Sentences on what is not there.
    pub(crate) notes: Vec<String>,
    without_room: usize,
    pictures_over: usize,
}

/// The most files that have a block of their own; the structured form names all.
const MAX_FILE_BLOCKS: usize = 32;

/// The longest file that is given as text, in bytes.
const SMALL_FILE: usize = 4 * 1024;

/// What a usual link takes.
const LINK: Cost = Cost::of(330, 90);

/// What displays and files take of the text form at least.
pub(crate) fn coming(outcome: &Outcome) -> Coming {
    let displays = outcome.displays.iter().map(of_display);
    let files = Coming {
        links: LINK.times(outcome.files.len().min(MAX_FILE_BLOCKS)),
        ..Coming::default()
    };
    displays.fold(files, Coming::and)
}

fn of_display(display: &Display) -> Coming {
    let texts = match short_text(display) {
        Some(text) => Cost::of_block_text(&text),
        None => LEAST_TEXT.and(LINK),
    };
    Coming {
        links: LINK.times(display.parts.len()),
        texts,
    }
}

/// A text that is shown whole if there is room for anything: it needs no link to the rest.
fn short_text(display: &Display) -> Option<String> {
    let is_short = display.text.len() <= SHORT && display.notes.is_empty();
    is_short.then(|| visible::all(&display.text))
}

/// The longest such text, in bytes.
const SHORT: usize = 200;

/// Puts everything that `outcome` shows into blocks, and what is only linked on the shelf.
pub(crate) fn shown(
    outcome: &Outcome,
    limits: &ResultLimits,
    bounds: &ResultBudget,
    budget: &mut Budget,
    shelf: &mut Shelf,
) -> Shown {
    let mut shown = Shown::default();
    for (number, display) in outcome.displays.iter().enumerate() {
        shown.display(number + 1, display, budget, shelf);
    }
    for (number, file) in outcome.files.iter().enumerate() {
        let media_type = media::media_type(file.name.last(), &file.bytes);
        let path = format!("files/{}", file.name);
        let uri = shelf.put(&path, media_type, file.bytes.clone());
        let mut entry = json!({
            "name": file.name.as_str(),
            "size": file.bytes.len(),
            "media_type": media_type,
            "sha256": hex::encode(Sha256::digest(&file.bytes)),
        });
        if let Some(uri) = &uri {
            put(&mut entry, "uri", uri.as_str());
        }
        shown.files.push(entry);
        if number < MAX_FILE_BLOCKS {
            let file = (file.name.as_str(), media_type, &file.bytes);
            shown.file(file, uri, limits, budget);
        }
    }
    if outcome.files.len() > MAX_FILE_BLOCKS {
        let more = outcome.files.len() - MAX_FILE_BLOCKS;
        let first = outcome.files.get(MAX_FILE_BLOCKS);
        let first = first.map_or("", |file| file.name.as_str());
        shown.notes.push(format!(
            "{more} more files were returned, beginning with `{}`; the structured result names them",
            visible::line(first, 80)
        ));
    }
    shown.tell_bounds(limits, bounds);
    let (left_out, more) = (&outcome.left_out, outcome.left_out_more);
    shown
        .notes
        .extend(left_out::sentences(left_out, more, limits));
    shown
}

impl Shown {
    fn display(
        &mut self,
        number: usize,
        display: &Display,
        budget: &mut Budget,
        shelf: &mut Shelf,
    ) {
        budget.begin(of_display(display));
        let mut media = Vec::new();
        let mut links = Vec::new();
        let mut pictures = Vec::new();
        for part in &display.parts {
            let path = format!("display-{number}/{}", part.name);
            let mut entry = json!({
                "name": part.name.as_str(),
                "media_type": part.media_type,
                "size": part.bytes.len(),
            });
            let is_small = part.view.is_some();
            let is_inline = is_small && budget.take_picture(part.bytes.len());
            self.pictures_over += usize::from(is_small && !is_inline);
            if is_inline {
                pictures.push(ContentBlock::image(&part.bytes, part.media_type));
            } else {
                let uri = shelf.put(&path, part.media_type, part.bytes.clone());
                if let Some(uri) = &uri {
                    put(&mut entry, "uri", uri.as_str());
                }
                links.push(link(&path, part.media_type, part.bytes.len(), uri));
            }
            if let Some(Picture { width, height, .. }) = part.view {
                put(&mut entry, "width", width);
                put(&mut entry, "height", height);
            }
            media.push(entry);
        }
        let of_links = links
            .iter()
            .map(Cost::of_block)
            .fold(Cost::default(), Cost::and);
        let (text, is_cut) = readable(display, budget.display(of_links));
        let is_told = !text.is_empty();
        self.without_room += usize::from(is_cut && !is_told);
        let is_text = |kind: &str| kind.starts_with("text/plain");
        let has_link = is_told || LINK.fits(budget.room().without(of_links));
        if is_cut && has_link && !display.parts.iter().any(|part| is_text(part.media_type)) {
            let path = format!("display-{number}/text.txt");
            let bytes = Bytes::from(display.text.clone());
            let length = bytes.len();
            let uri = shelf.put(&path, "text/plain", bytes);
            links.push(link(&path, "text/plain", length, uri));
        }
        if !text.is_empty() {
            budget.spend(Cost::of_block_text(&text));
            self.blocks.push(ContentBlock::text(text));
        }
        for block in pictures.into_iter().chain(links) {
            self.block(block, budget);
        }
        let mut entry = json!({ "kind": display.kind.as_str() });
        if !media.is_empty() {
            put(&mut entry, "media", media);
        }
        self.displays.push(entry);
    }

    /// Adds a block if there is room for it.
    fn block(&mut self, block: ContentBlock, budget: &mut Budget) {
        if budget.take(Cost::of_block(&block)) {
            self.blocks.push(block);
        } else {
            self.without_room += 1;
        }
    }

    fn file(
        &mut self,
        (name, media_type, bytes): (&str, &'static str, &Bytes),
        uri: Option<String>,
        limits: &ResultLimits,
        budget: &mut Budget,
    ) {
        budget.begin(Coming {
            links: LINK,
            ..Coming::default()
        });
        let picture = Picture::of(bytes);
        let small = picture.filter(|picture| limits.shows(*picture, bytes.len()));
        if small.is_some() && budget.take_picture(bytes.len()) {
            self.block(ContentBlock::image(bytes, media_type), budget);
        } else if small.is_some() {
            self.pictures_over += 1;
        } else if let Some(uri) = &uri
            && let Some(text) = small_text(bytes)
        {
            let contents = ResourceContents::text(uri.as_str(), Some(media_type.to_owned()), text);
            let embedded = ContentBlock::Resource(EmbeddedResource::new(contents));
            let cost = Cost::of_block(&embedded);
            if cost.fits(budget.room()) && budget.take(cost) {
                self.blocks.push(embedded);
                return;
            }
        }
        self.block(link(name, media_type, bytes.len(), uri), budget);
    }

    /// Which bounds kept something out of the text form.
    fn tell_bounds(&mut self, limits: &ResultLimits, bounds: &ResultBudget) {
        if self.pictures_over > 0 {
            self.notes.push(format!(
                "{}: the pictures of a result may have {} together; only the operator can allow more (`--result-pictures`)",
                linked(self.pictures_over),
                bounds.pictures.max(limits.picture)
            ));
        }
        if self.without_room > 0 {
            self.notes.push(format!(
                "{} texts, pictures or links of displays and files found no room in this text, which may have {} and about {} tokens; the structured result names more of them; show less at once, or have the operator allow more (`--result-text`, `--result-tokens`)",
                self.without_room,
                bounds.text,
                bounds.tokens
            ));
        }
    }
}

fn linked(pictures: usize) -> String {
    match pictures {
        1 => "a picture is linked to and not shown".to_owned(),
        more => format!("{more} pictures are linked to and not shown"),
    }
}

/// The text of a display with its notes, and whether something of the text is missing or written otherwise.
fn readable(display: &Display, room: Cost) -> (String, bool) {
    if let Some(text) = short_text(display)
        && Cost::of_block_text(&text).fits(room)
    {
        return (text, false);
    }
    let mut room = room.without(LINK);
    if !LEAST_TEXT.fits(room) {
        return (String::new(), !display.text.is_empty());
    }
    let mut notes = String::new();
    for note in &display.notes {
        let line = format!("note: {}\n", visible::line(note, MAX_NOTE));
        let both = Cost::of_text(&notes).and(Cost::of_text(&line));
        if both.fits(room.part(1, 2)) {
            notes.push_str(&line);
        }
    }
    room = room.without(Cost::of_text(&notes)).without(AROUND);
    let whole = Captured::from(display.text.clone().into_bytes());
    let excerpt = Excerpt::<Visible>::of(&whole, room);
    let is_cut = excerpt.omitted() > 0;
    let mut text = excerpt.into_text();
    if !notes.is_empty() {
        start_line(&mut text);
        text.push_str(notes.trim_end());
    }
    (text, is_cut)
}

/// What stands around a text and in its middle, if that is cut.
const AROUND: Cost = Cost::of(80, 15);

/// The longest note that is shown.
const MAX_NOTE: usize = 400;

/// The text of a file that is short and has nothing hidden in it.
fn small_text(bytes: &Bytes) -> Option<&str> {
    if bytes.len() > SMALL_FILE || !media::is_text(bytes) {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    // An embedded file is its bytes: what would have to be written out differently is only linked.
    // Line ends of either kind are plain; the csv module writes those of Windows.
    let lines = text.replace("\r\n", "\n");
    (visible::all(&lines) == lines).then_some(text)
}

/// A link, or a line of text where there is nothing to link to.
fn link(name: &str, media_type: &str, size: usize, uri: Option<String>) -> ContentBlock {
    let name = visible::line(name, 200);
    let Some(uri) = uri else {
        return ContentBlock::text(format!(
            "`{name}` ({media_type}, {size} bytes) is too large to be kept"
        ));
    };
    let mut link = ResourceLink::new(uri, name);
    link.mime_type = Some(media_type.to_owned());
    link.size = u64::try_from(size).ok();
    ContentBlock::ResourceLink(link)
}

/// A link to the bytes of an output of which the text shows only a part, or not all as it was printed.
pub(crate) fn whole_output(name: &str, output: &Captured, shelf: &mut Shelf) -> ContentBlock {
    let bytes = Bytes::from(output.to_bytes().into_owned());
    let length = bytes.len();
    let media_type = if media::is_text(&bytes) {
        "text/plain"
    } else {
        "application/octet-stream"
    };
    let uri = shelf.put(name, media_type, bytes);
    let mut block = link(name, media_type, length, uri);
    if let ContentBlock::ResourceLink(link) = &mut block {
        link.description = Some(if output.is_truncated() {
            format!(
                "the first {} and the last {} of {} bytes, with nothing between them",
                output.head().len(),
                output.tail().len(),
                output.total_bytes()
            )
        } else {
            "as it was printed, to the byte".to_owned()
        });
    }
    block
}

fn put(object: &mut Value, key: &str, value: impl Into<Value>) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value.into());
    }
}

fn start_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}
