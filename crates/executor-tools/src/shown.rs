//! Displays and files as blocks of content: what fits as text, pictures and small files, the rest as links.

use bytes::Bytes;
use executor_core::files::LeftOut;
use executor_core::limits::ResultLimits;
use executor_core::media::{self, Picture};
use executor_core::{Captured, Display, Outcome};
use mcp_protocol::content::{ContentBlock, EmbeddedResource, ResourceContents, ResourceLink};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::budget::Budget;
use crate::excerpt::{Excerpt, Faithful, Visible};
use crate::store::Shelf;
use crate::visible;

/// What is shown of a run besides its output, in the two forms of a result.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// For whoever looks.
    pub(crate) blocks: Vec<ContentBlock>,
    /// For programs: one object a display.
    pub(crate) displays: Vec<Value>,
    /// One object a file.
    pub(crate) files: Vec<Value>,
    /// Sentences on what is not there.
    pub(crate) notes: Vec<String>,
}

/// The most files that have a block of their own; the structured form names all.
const MAX_FILE_BLOCKS: usize = 32;

/// The longest file that is given as text, in bytes of JSON.
const SMALL_FILE: usize = 4 * 1024;

/// The most text of one display that programs get as well; a longer one they find in the blocks.
const STRUCTURED_TEXT: usize = 4 * 1024;

/// How many of what was left out are named.
const NAMED_LEFT_OUT: usize = 8;

/// Puts everything that `outcome` shows into blocks, and what is only linked on the shelf.
pub(crate) fn shown(
    outcome: &Outcome,
    limits: &ResultLimits,
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
    shown.left_out(&outcome.left_out, outcome.left_out_more);
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
        let mut media = Vec::new();
        let mut links = Vec::new();
        let mut pictures = Vec::new();
        let mut text = String::new();
        let mut cut = false;
        if !display.text.is_empty() {
            let whole = Captured::from(display.text.clone().into_bytes());
            let excerpt = Excerpt::<Visible>::of(&whole, budget.display());
            cut = excerpt.omitted() > 0;
            text = excerpt.into_text();
        }
        for part in &display.parts {
            let path = format!("display-{number}/{}", part.name);
            let mut entry = json!({
                "name": part.name.as_str(),
                "media_type": part.media_type,
                "size": part.bytes.len(),
            });
            let is_inline = part.view.is_some() && budget.take_picture(part.bytes.len());
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
        if cut
            && !display
                .parts
                .iter()
                .any(|part| part.media_type.starts_with("text/plain"))
        {
            let path = format!("display-{number}/text.txt");
            let bytes = Bytes::from(display.text.clone());
            let length = bytes.len();
            let uri = shelf.put(&path, "text/plain", bytes);
            links.push(link(&path, "text/plain", length, uri));
        }
        for note in &display.notes {
            start_line(&mut text);
            text.push_str("note: ");
            text.push_str(&visible::line(note, MAX_NOTE));
        }
        budget.take(text.len());
        if !text.is_empty() {
            self.blocks.push(ContentBlock::text(text));
        }
        self.blocks.append(&mut pictures);
        self.blocks.append(&mut links);
        let mut entry = json!({ "kind": display.kind.as_str() });
        if !display.text.is_empty() {
            let whole = Captured::from(display.text.clone().into_bytes());
            let text = Excerpt::<Faithful>::of(&whole, STRUCTURED_TEXT).into_text();
            put(&mut entry, "text", text);
        }
        if let Some(table) = &display.table
            && let Ok(table) = serde_json::to_value(table)
        {
            put(&mut entry, "table", table);
        }
        if !media.is_empty() {
            put(&mut entry, "media", media);
        }
        self.displays.push(entry);
    }

    fn file(
        &mut self,
        (name, media_type, bytes): (&str, &'static str, &Bytes),
        uri: Option<String>,
        limits: &ResultLimits,
        budget: &mut Budget,
    ) {
        let picture = Picture::of(bytes).filter(|picture| limits.shows(*picture, bytes.len()));
        if picture.is_some() && budget.take_picture(bytes.len()) {
            self.blocks.push(ContentBlock::image(bytes, media_type));
        } else if let Some(uri) = &uri
            && let Some(text) = small_text(bytes, budget)
        {
            let contents = ResourceContents::text(uri.as_str(), Some(media_type.to_owned()), text);
            let embedded = EmbeddedResource::new(contents);
            self.blocks.push(ContentBlock::Resource(embedded));
            return;
        }
        self.blocks.push(link(name, media_type, bytes.len(), uri));
    }

    fn left_out(&mut self, left_out: &[LeftOut], more: u64) {
        for one in left_out.iter().take(NAMED_LEFT_OUT) {
            let name = visible::line(&one.name, 80).replace('`', "'");
            self.notes
                .push(format!("`{name}` was not returned: {}", one.reason));
        }
        let unnamed = left_out.len().saturating_sub(NAMED_LEFT_OUT);
        let more = more.saturating_add(u64::try_from(unnamed).unwrap_or(u64::MAX));
        if more > 0 {
            self.notes
                .push(format!("{more} more files or displays were not returned"));
        }
    }
}

/// The longest note that is shown.
const MAX_NOTE: usize = 400;

/// The text of a file that is short, has nothing hidden in it and fits what is left of the budget.
fn small_text(bytes: &Bytes, budget: &mut Budget) -> Option<String> {
    if bytes.len() > SMALL_FILE || !media::is_text(bytes) {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    // An embedded file is its bytes: what would have to be written out differently is only linked.
    // Line ends of either kind are plain; the csv module writes those of Windows.
    let lines = text.replace("\r\n", "\n");
    let is_plain = visible::all(&lines) == lines;
    (is_plain && budget.fits(bytes.len())).then(|| {
        budget.take(bytes.len());
        text.to_owned()
    })
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

/// A link to the whole of an output of which the text shows only a part.
pub(crate) fn whole_output(name: &str, output: &Captured, shelf: &mut Shelf) -> ContentBlock {
    let bytes = Bytes::from(output.to_bytes().into_owned());
    let length = bytes.len();
    let uri = shelf.put(name, "text/plain", bytes);
    let block = link(name, "text/plain", length, uri);
    match block {
        ContentBlock::ResourceLink(mut link) if output.is_truncated() => {
            link.description = Some(format!(
                "the first {} and the last {} of {} bytes",
                output.head().len(),
                output.tail().len(),
                output.total_bytes()
            ));
            ContentBlock::ResourceLink(link)
        }
        block => block,
    }
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
