//! Why a handler did not answer: we failed, the request was wrong, or the client must be asked first.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use mcp_protocol::input::{InputRequest, UrlRequest};
use mcp_protocol::jsonrpc::ErrorObject;
use serde_json::{Map, Value};

/// A handler (a tool, a prompt, a resource provider, a completer) did not answer.
///
/// Mostly it means that *we* did not do our work: the client gets `-32603` with the safe sentence and a reference id;
/// the log gets the same id with everything. [`CallContext::ask`](crate::CallContext::ask) gives errors that are to be
/// passed on unchanged, with `?`: they become the question to the client.
#[derive(Debug)]
pub struct ToolError {
    sentence: String,
    reference: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
    /// Boxed, for it is large and rare.
    kind: Box<Kind>,
}

/// What is to be made of the error.
#[derive(Debug)]
pub(crate) enum Kind {
    /// We failed.
    Internal,
    /// The client gets exactly this.
    Refused(ErrorObject),
    /// The client did not declare what would have to be asked of it.
    Incapable(Map<String, Value>),
    /// The client is to be asked, and the handler run again with the answers.
    Input(BTreeMap<String, InputRequest>),
    /// The user is to open these pages first.
    Pages(Vec<UrlRequest>),
}

impl ToolError {
    /// An error with a sentence that **the client may see**: nothing of the host in it, no full stop.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            reference: None,
            source: None,
            kind: Box::new(Kind::Internal),
        }
    }

    /// The request itself is wrong, and the client gets exactly this error. A tool whose *arguments* are wrong answers
    /// with a result instead, which a model can mend.
    #[must_use]
    pub fn refused(error: ErrorObject) -> Self {
        Self {
            kind: Box::new(Kind::Refused(error.clone())),
            ..Self::new(error.message)
        }
    }

    /// The request can be answered once the user has been to these pages, to sign in somewhere for example, and the client
    /// is to make it again then. At most [`MAX_QUESTIONS`](crate::MAX_QUESTIONS) pages, each with an id of its own.
    ///
    /// Clients of 2025-11-25 get the error -32042 with the pages, and [`Server::page_done`](crate::Server::page_done) tells
    /// them when to come again. Those of 2026-07-28 are asked as [`CallContext::ask`](crate::CallContext::ask) does, and
    /// come again by themselves, so the handler looks each time whether the user has been there. Who cannot open pages is
    /// told so. A task has nobody to tell: there it is an internal error.
    #[must_use]
    pub fn pages(pages: Vec<UrlRequest>) -> Self {
        Self {
            kind: Box::new(Kind::Pages(pages)),
            ..Self::new("the user must open a page first")
        }
    }

    /// Adds the reference id under which the tool has logged already; otherwise one is made.
    #[must_use]
    pub fn with_reference(mut self, reference: impl Into<String>) -> Self {
        self.reference = Some(reference.into());
        self
    }

    /// Adds the cause, for the log only.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn incapable(required: Map<String, Value>) -> Self {
        Self {
            kind: Box::new(Kind::Incapable(required)),
            ..Self::new("the client cannot be asked for what this needs")
        }
    }

    pub(crate) fn input(requests: BTreeMap<String, InputRequest>) -> Self {
        Self {
            kind: Box::new(Kind::Input(requests)),
            ..Self::new("the client must be asked first")
        }
    }

    pub(crate) fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl Error for ToolError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| {
            let source: &(dyn Error + 'static) = source.as_ref();
            source
        })
    }
}
