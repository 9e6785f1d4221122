//! What results are made of: text, pictures, sound, and resources named or embedded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::icons::Icon;

/// One block of content.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ContentBlock {
    /// Text for the model.
    Text(TextContent),
    /// A picture.
    Image(MediaContent),
    /// Sound (2025-03-26; older clients get an embedded resource).
    Audio(MediaContent),
    /// A resource that can be read (2025-06-18; older clients get a line of text).
    ResourceLink(ResourceLink),
    /// A resource with its contents.
    Resource(EmbeddedResource),
}

impl ContentBlock {
    /// A block of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextContent {
            text: text.into(),
            annotations: Annotations::default(),
            meta: Meta::new(),
        })
    }

    /// A picture from its bytes.
    pub fn image(bytes: &[u8], mime_type: impl Into<String>) -> Self {
        Self::Image(MediaContent::from_bytes(bytes, mime_type))
    }

    /// Sound from its bytes.
    pub fn audio(bytes: &[u8], mime_type: impl Into<String>) -> Self {
        Self::Audio(MediaContent::from_bytes(bytes, mime_type))
    }

    /// Says for whom the block is and how much it matters.
    #[must_use]
    pub fn with_annotations(mut self, annotations: Annotations) -> Self {
        match &mut self {
            Self::Text(text) => text.annotations = annotations,
            Self::Image(media) | Self::Audio(media) => media.annotations = annotations,
            Self::ResourceLink(link) => link.annotations = annotations,
            Self::Resource(resource) => resource.annotations = annotations,
        }
        self
    }

    /// Adds free metadata (2025-06-18).
    #[must_use]
    pub fn with_meta(mut self, meta: Meta) -> Self {
        match &mut self {
            Self::Text(text) => text.meta = meta,
            Self::Image(media) | Self::Audio(media) => media.meta = meta,
            Self::ResourceLink(link) => link.meta = meta,
            Self::Resource(resource) => resource.meta = meta,
        }
        self
    }

    /// The text of a text block.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(&text.text),
            Self::Image(_) | Self::Audio(_) | Self::ResourceLink(_) | Self::Resource(_) => None,
        }
    }
}

/// A text block.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TextContent {
    /// The text.
    pub text: String,
    /// For whom it is.
    pub annotations: Annotations,
    /// Free metadata (2025-06-18).
    pub meta: Meta,
}

/// A picture or sound.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MediaContent {
    /// Standard base64, with padding.
    pub data: String,
    /// What the bytes are.
    pub mime_type: String,
    /// For whom it is.
    pub annotations: Annotations,
    /// Free metadata (2025-06-18).
    pub meta: Meta,
}

impl MediaContent {
    /// Media from its bytes.
    pub fn from_bytes(bytes: &[u8], mime_type: impl Into<String>) -> Self {
        Self {
            data: STANDARD.encode(bytes),
            mime_type: mime_type.into(),
            annotations: Annotations::default(),
            meta: Meta::new(),
        }
    }
}

/// A resource that can be read by its URI.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ResourceLink {
    /// Where it is.
    pub uri: String,
    /// For programs.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// What its bytes are.
    pub mime_type: Option<String>,
    /// Its length in bytes, before any encoding.
    pub size: Option<u64>,
    /// For whom it is.
    pub annotations: Annotations,
    /// Pictures of it (2025-11-25).
    pub icons: Vec<Icon>,
    /// Free metadata (2025-06-18).
    pub meta: Meta,
}

impl ResourceLink {
    /// A link with nothing but a place and a name.
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            name: name.into(),
            title: None,
            description: None,
            mime_type: None,
            size: None,
            annotations: Annotations::default(),
            icons: Vec::new(),
            meta: Meta::new(),
        }
    }
}

/// A resource that travels inside the result.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EmbeddedResource {
    /// What stands in it.
    pub contents: ResourceContents,
    /// For whom it is.
    pub annotations: Annotations,
    /// Free metadata of the block (2025-06-18); its contents have their own.
    pub meta: Meta,
}

impl EmbeddedResource {
    /// Embeds `contents`.
    #[must_use]
    pub fn new(contents: ResourceContents) -> Self {
        Self {
            contents,
            annotations: Annotations::default(),
            meta: Meta::new(),
        }
    }
}

/// The contents of one resource.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ResourceContents {
    /// Where it is.
    pub uri: String,
    /// What its bytes are.
    pub mime_type: Option<String>,
    /// The bytes.
    pub body: ResourceBody,
    /// Free metadata (2025-06-18).
    pub meta: Meta,
}

impl ResourceContents {
    /// A resource of text.
    pub fn text(
        uri: impl Into<String>,
        mime_type: Option<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            uri: uri.into(),
            mime_type,
            body: ResourceBody::Text(text.into()),
            meta: Meta::new(),
        }
    }

    /// A resource of bytes.
    pub fn blob(uri: impl Into<String>, mime_type: Option<String>, bytes: &[u8]) -> Self {
        Self {
            uri: uri.into(),
            mime_type,
            body: ResourceBody::Blob(STANDARD.encode(bytes)),
            meta: Meta::new(),
        }
    }

    /// Adds free metadata (2025-06-18).
    #[must_use]
    pub fn with_meta(mut self, meta: Meta) -> Self {
        self.meta = meta;
        self
    }
}

/// The bytes of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceBody {
    /// As text.
    Text(String),
    /// As standard base64.
    Blob(String),
}

/// For whom a block is and how much it matters.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Annotations {
    /// Who should see it; empty says nothing.
    pub audience: Vec<Role>,
    /// From 0 (optional) to 1 (required).
    pub priority: Option<f64>,
    /// When it was last changed, ISO 8601 (2025-06-18).
    pub last_modified: Option<String>,
}

impl Annotations {
    /// Something for these readers.
    #[must_use]
    pub fn for_audience(audience: impl IntoIterator<Item = Role>) -> Self {
        Self {
            audience: audience.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// Free metadata of an object, `_meta` on the wire (2025-06-18).
pub type Meta = Map<String, Value>;
