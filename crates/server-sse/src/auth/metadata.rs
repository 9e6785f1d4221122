//! The document by which clients find the authorization servers: RFC 9728.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use server_app::settings::{AuthorizationSettings, Issuer, Scope};

use crate::reject;

/// Where the document is, alone or with the path of the resource behind it.
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Clients that know only the usual endpoint look for it there.
const USUAL_PATH: &str = "/mcp";

/// The document and where it is.
#[derive(Debug)]
pub(super) struct Metadata {
    document: String,
    /// The path of the resource, which stands behind that of the document (RFC 9728, section 3.1).
    resource_path: String,
    pub(super) address: String,
}

impl Metadata {
    /// `name` is what the server is called by people.
    pub(super) fn new(settings: &AuthorizationSettings, name: &str) -> Self {
        let resource = &settings.resource;
        let issuers: Vec<_> = settings.issuers.iter().map(Issuer::as_str).collect();
        let scopes: Vec<_> = settings.scopes.iter().map(Scope::as_str).collect();
        let mut document = json!({
            "resource": resource.as_str(),
            "authorization_servers": issuers,
            "bearer_methods_supported": ["header"],
            "resource_name": name,
        });
        // RFC 9728, section 3.2: what has no elements is left out.
        if let (false, Some(members)) = (scopes.is_empty(), document.as_object_mut()) {
            members.insert("scopes_supported".to_owned(), scopes.into());
        }
        Self {
            document: document.to_string(),
            resource_path: resource.path().to_owned(),
            address: format!("{}{WELL_KNOWN}{}", resource.origin(), resource.path()),
        }
    }

    /// The answer to a request for `path`.
    pub(super) fn answer(&self, path: &str) -> Response {
        let asked = path.strip_prefix(WELL_KNOWN);
        if !asked.is_some_and(|asked| {
            asked.is_empty() || asked == USUAL_PATH || asked == self.resource_path
        }) {
            return StatusCode::NOT_FOUND.into_response();
        }
        let headers = [
            (CONTENT_TYPE, reject::JSON),
            (
                CACHE_CONTROL,
                axum::http::HeaderValue::from_static("max-age=3600"),
            ),
        ];
        (headers, self.document.clone()).into_response()
    }
}

/// Whether a request for that path is for the document, which nobody needs a token for.
pub(crate) fn is_asked_for(path: &str) -> bool {
    path.strip_prefix(WELL_KNOWN)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
