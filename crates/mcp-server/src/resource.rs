//! What a server lets its clients read: the [`ResourceProvider`] trait and the pages of its lists.

use std::fmt;

use async_trait::async_trait;
use mcp_protocol::resources::{ReadResourceResult, Resource, ResourceTemplate};
use mcp_protocol::wire::Cache;

use crate::{CallContext, ToolError};

/// The resources of a server.
///
/// All methods run as calls of tools do: concurrently, and **dropping the future cancels**. Clients never see the
/// positions of pages, only cursors that this server has authenticated, so a position is always one that the provider
/// itself has given out, to the same principal.
#[async_trait]
pub trait ResourceProvider: fmt::Debug + Send + Sync + 'static {
    /// One page of the list, in an order that does not change: from the start, or from the position that the page
    /// before named.
    ///
    /// # Errors
    ///
    /// [`ToolError`]: we did not do our work.
    async fn list(
        &self,
        position: Option<&str>,
        context: CallContext,
    ) -> Result<Page<Resource>, ToolError>;

    /// One page of the families of resources, likewise.
    ///
    /// # Errors
    ///
    /// [`ToolError`]: we did not do our work.
    async fn templates(
        &self,
        position: Option<&str>,
        context: CallContext,
    ) -> Result<Page<ResourceTemplate>, ToolError>;

    /// The contents of a resource, listed or not; none if there is no such resource for this caller. `uri` is foreign
    /// text that has a scheme, nothing more is known of it.
    ///
    /// # Errors
    ///
    /// [`ToolError`]: we did not do our work, or need the user's input first.
    async fn read(
        &self,
        uri: &str,
        context: CallContext,
    ) -> Result<Option<ReadResourceResult>, ToolError>;
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// What stands on it.
    pub items: Vec<T>,
    /// Where the next page begins, in the provider's own words; none on the last one.
    pub next: Option<String>,
    /// How long it may be kept (2026-07-28); the scope should be the same on all pages.
    pub cache: Cache,
}

impl<T> Page<T> {
    /// The last page, which nobody should keep.
    #[must_use]
    pub const fn last(items: Vec<T>) -> Self {
        Self {
            items,
            next: None,
            cache: Cache::NONE,
        }
    }

    /// Says where the next page begins.
    #[must_use]
    pub fn with_next(mut self, position: impl Into<String>) -> Self {
        self.next = Some(position.into());
        self
    }

    /// Says how long it may be kept.
    #[must_use]
    pub const fn with_cache(mut self, cache: Cache) -> Self {
        self.cache = cache;
        self
    }
}
