//! Pictures by which clients show people what a server is and what it offers (2025-11-25).

/// One picture, in one or more sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Icon {
    /// Where it is: a URI of `https`, or `data` with the picture in it. Clients may refuse a place that is not the
    /// server's own.
    pub src: String,
    /// What its bytes are, where the place does not say it; PNG and JPEG are what every client shows.
    pub mime_type: Option<String>,
    /// Its sizes, as `48x48`, or `any`; empty means any.
    pub sizes: Vec<String>,
    /// What background it is made for; none means both.
    pub theme: Option<Theme>,
}

impl Icon {
    /// A picture of any size, for any background.
    pub fn new(src: impl Into<String>) -> Self {
        Self {
            src: src.into(),
            mime_type: None,
            sizes: Vec::new(),
            theme: None,
        }
    }

    /// Adds what its bytes are.
    #[must_use]
    pub fn with_mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Adds a size.
    #[must_use]
    pub fn with_size(mut self, size: impl Into<String>) -> Self {
        self.sizes.push(size.into());
        self
    }

    /// Says what background it is made for.
    #[must_use]
    pub const fn with_theme(mut self, theme: Theme) -> Self {
        self.theme = Some(theme);
        self
    }
}

/// The background of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Theme {
    /// A light one.
    Light,
    /// A dark one.
    Dark,
}
