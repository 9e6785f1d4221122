//! Resources: what a server lets its clients read, how it is listed and how it is read. Notifications about changes
//! are [`subscriptions`](crate::subscriptions)'.

use serde_json::{Map, Value};

use crate::content::{Annotations, Meta, ResourceContents};
use crate::fields::Fields;
use crate::icons::Icon;
use crate::jsonrpc::ErrorObject;
use crate::wire::Cache;

/// A resource that stands in the list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Resource {
    /// Where it is (RFC 3986).
    pub uri: String,
    /// For programs.
    pub name: String,
    /// For people (2025-06-18).
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

impl Resource {
    /// A resource with nothing but a place and a name.
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

    /// Adds the name for people.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds what it is about.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds what its bytes are.
    #[must_use]
    pub fn with_mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Adds a picture of it.
    #[must_use]
    pub fn with_icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }
}

/// A family of resources, named by a pattern of URIs (RFC 6570).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ResourceTemplate {
    /// The pattern, such as `run://{id}/output`.
    pub uri_template: String,
    /// For programs.
    pub name: String,
    /// For people (2025-06-18).
    pub title: Option<String>,
    /// What its members are about.
    pub description: Option<String>,
    /// What the bytes of all its members are.
    pub mime_type: Option<String>,
    /// For whom they are.
    pub annotations: Annotations,
    /// Pictures of it (2025-11-25).
    pub icons: Vec<Icon>,
    /// Free metadata (2025-06-18).
    pub meta: Meta,
}

impl ResourceTemplate {
    /// A family with nothing but a pattern and a name.
    pub fn new(uri_template: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            uri_template: uri_template.into(),
            name: name.into(),
            title: None,
            description: None,
            mime_type: None,
            annotations: Annotations::default(),
            icons: Vec::new(),
            meta: Meta::new(),
        }
    }

    /// Adds the name for people.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds what its members are about.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds what the bytes of its members are.
    #[must_use]
    pub fn with_mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Adds a picture of it.
    #[must_use]
    pub fn with_icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }
}

/// The answer to `resources/list`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ListResourcesResult {
    /// One page of resources.
    pub resources: Vec<Resource>,
    /// Leads to the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

impl ListResourcesResult {
    /// One page.
    #[must_use]
    pub const fn new(resources: Vec<Resource>, next_cursor: Option<String>) -> Self {
        Self {
            resources,
            next_cursor,
        }
    }
}

/// The answer to `resources/templates/list`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ListResourceTemplatesResult {
    /// One page of families.
    pub templates: Vec<ResourceTemplate>,
    /// Leads to the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

impl ListResourceTemplatesResult {
    /// One page.
    #[must_use]
    pub const fn new(templates: Vec<ResourceTemplate>, next_cursor: Option<String>) -> Self {
        Self {
            templates,
            next_cursor,
        }
    }
}

/// The answer to `resources/read`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReadResourceResult {
    /// What stands there; several items where the URI names a directory. Never empty: a resource that is missing is
    /// an error.
    pub contents: Vec<ResourceContents>,
    /// How long it may be kept (2026-07-28).
    pub cache: Cache,
}

impl ReadResourceResult {
    /// Contents that nobody should keep, see [`Cache::NONE`].
    #[must_use]
    pub const fn new(contents: Vec<ResourceContents>) -> Self {
        Self {
            contents,
            cache: Cache::NONE,
        }
    }

    /// Says how long the contents may be kept.
    #[must_use]
    pub const fn with_cache(mut self, cache: Cache) -> Self {
        self.cache = cache;
        self
    }
}

/// The longest URI that is taken. Subscriptions keep theirs, so they are bounded apart from the message.
pub const MAX_URI_BYTES: usize = 8 * 1024;

/// Reads the URI of `resources/read`, `resources/subscribe` and `resources/unsubscribe`.
///
/// # Errors
///
/// `INVALID_PARAMS` when it is missing, not a string, or no URI: it needs a scheme.
pub fn uri(params: &Map<String, Value>) -> Result<&str, ErrorObject> {
    let fields = Fields::new(params, "params");
    let uri = fields.text("uri")?;
    if uri.len() > MAX_URI_BYTES {
        return Err(fields.wrong(
            "uri",
            &format!("must be at most {MAX_URI_BYTES} bytes long"),
        ));
    }
    if has_scheme(uri) {
        Ok(uri)
    } else {
        Err(fields.wrong("uri", "must be a URI with a scheme"))
    }
}

/// RFC 3986, section 3.1: a letter, then letters, digits, `+`, `-` and `.`, then a colon.
fn has_scheme(uri: &str) -> bool {
    let Some((scheme, _)) = uri.split_once(':') else {
        return false;
    };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_uri_has_a_scheme() {
        let check = |value: Value, accepted: bool| {
            let params = json!({ "uri": value });
            assert_eq!(
                uri(params.as_object().unwrap()).is_ok(),
                accepted,
                "{params}"
            );
        };
        check(json!("test://a"), true);
        check(json!("pyexec+x.y-z:1"), true);
        check(json!("file:///etc/passwd"), true);
        check(json!(format!("x:{}", "y".repeat(MAX_URI_BYTES - 2))), true);
        check(json!(format!("x:{}", "y".repeat(MAX_URI_BYTES))), false);
        check(json!("/etc/passwd"), false);
        check(json!("1a:b"), false);
        check(json!(":b"), false);
        check(json!(""), false);
        check(json!(null), false);
        assert!(uri(&Map::new()).is_err());
    }
}
