//! The resource server: who gets in with which token of which issuer, and what the others are told.

mod issuer;
mod keys;
mod lifetimes;
mod login;
mod metadata;
mod reach;
mod theft;
mod tokens;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::json;

use crate::site::{Site, modern};

/// Everything behind the gate.
const ROUTES: [&str; 5] = [
    "POST /mcp",
    "GET /mcp",
    "DELETE /mcp",
    "GET /sse",
    "POST /message",
];

impl Site {
    /// A request to a route, as far as it needs to be one.
    fn knock(&self, route: &str) -> RequestBuilder {
        let (method, path) = route.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        self.client
            .request(method, self.url(path))
            .json(&modern("server/discover", json!({})))
    }

    /// A whole request with this token.
    async fn discover(&self, token: &str) -> Response {
        let post = self.modern("server/discover", json!({})).bearer_auth(token);
        post.send().await.unwrap()
    }
}

/// What a response tells whoever was not let in.
fn challenge(response: &Response) -> &str {
    let told = response.headers().get("www-authenticate");
    told.map_or("", |told| told.to_str().unwrap())
}
