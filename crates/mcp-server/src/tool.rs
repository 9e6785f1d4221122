//! What a server offers: the [`Tool`] trait and what surrounds one call of it. Who calls it, and when, is the driver's.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use mcp_protocol::Revision;
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::tools::{self, CallToolResult};
use serde_json::{Map, Value};

/// A tool that clients can call.
///
/// Calls run concurrently, each in a task of its own. **Dropping the future of a call cancels it**: a cancel
/// notification, a client that goes away and a shutdown all do that, and the server waits for the drop to end before
/// it says that it has stopped. A panic of a call is answered with an internal error, and the server lives on.
#[async_trait]
pub trait Tool: fmt::Debug + Send + Sync + 'static {
    /// What clients see of it. Asked once, when the server is built; the name must be unique there.
    fn definition(&self) -> tools::Tool;

    /// Does the work. `arguments` is the object as it was sent, not yet checked against the tool's schema: arguments
    /// that do not fit are an `Ok` result with `is_error`, which a model can mend.
    ///
    /// # Errors
    ///
    /// [`ToolError`] means that *we* did not do our work. A program that failed is an `Ok` result with `is_error`.
    async fn call(
        &self,
        arguments: Map<String, Value>,
        context: CallContext,
    ) -> Result<CallToolResult, ToolError>;
}

/// What a call knows of its caller, and its way to report progress.
#[derive(Clone)]
pub struct CallContext {
    revision: Revision,
    client_info: Option<Arc<Implementation>>,
    principal: Principal,
    progress: Option<Arc<dyn Fn(String) + Send + Sync>>,
}

impl CallContext {
    /// A call by nobody in particular, whose progress goes nowhere; the `with_` methods make it more than that. Tests
    /// of tools use it too.
    #[must_use]
    pub fn new(revision: Revision) -> Self {
        Self {
            revision,
            client_info: None,
            principal: Principal::local(),
            progress: None,
        }
    }

    /// Says which program calls.
    #[must_use]
    pub fn with_client_info(mut self, client_info: Option<Arc<Implementation>>) -> Self {
        self.client_info = client_info;
        self
    }

    /// Says on whose behalf.
    #[must_use]
    pub fn with_principal(mut self, principal: Principal) -> Self {
        self.principal = principal;
        self
    }

    /// Says where progress goes. `sink` must be cheap and must not block.
    #[must_use]
    pub fn with_progress(mut self, sink: impl Fn(String) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(sink));
        self
    }

    /// Tells the client what happens now, if it asked for progress. Cheap, never blocks; when there is more to tell
    /// than the rate allows, the newest message wins. A message is cut after
    /// [`MAX_PROGRESS_BYTES`](crate::MAX_PROGRESS_BYTES).
    pub fn progress(&self, message: impl Into<String>) {
        if let Some(sink) = &self.progress {
            sink(message.into());
        }
    }

    /// The revision that the caller speaks.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// The calling program, as it calls itself: for logs, never for trust.
    #[must_use]
    pub fn client_info(&self) -> Option<&Implementation> {
        self.client_info.as_deref()
    }

    /// On whose behalf the call is made, as far as the transport knows.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("revision", &self.revision)
            .field("client_info", &self.client_info)
            .field("principal", &self.principal)
            .field("wants_progress", &self.progress.is_some())
            .finish()
    }
}

/// On whose behalf something is asked. What belongs to one principal is unknown to the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// A principal that a transport has authenticated, by a name that is not a secret.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Whoever holds the other end of the pipe, or the loopback without a token.
    #[must_use]
    pub fn local() -> Self {
        Self::new("local")
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// We did not do our work. The client gets `-32603` with the safe sentence and a reference id; the log gets the same
/// id with everything.
#[derive(Debug)]
pub struct ToolError {
    sentence: String,
    reference: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ToolError {
    /// An error with a sentence that **the client may see**: nothing of the host in it, no full stop.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            reference: None,
            source: None,
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

    pub(crate) fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
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
