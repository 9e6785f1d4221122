//! What an operator can set about the HTTP side, with defaults that are safe on loopback.

use std::fmt;
use std::time::Duration;

use server_app::audit::Audit;
use server_app::settings::AuthorizationSettings;
use subtle::ConstantTimeEq as _;

/// The settings of the HTTP transports. Every number is a bound with an answer of its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpSettings {
    /// What every request but `/healthz` must bear; `None` asks for nothing, which is for loopback only.
    pub token: Option<BearerToken>,
    /// Whose access tokens every request but `/healthz` must bear one of. [`token`](Self::token) is then not looked at.
    pub authorization: Option<AuthorizationSettings>,
    /// How long an issuer is left alone after an attempt to get its keys, whoever asks for a key that is not known.
    pub keys_pause: Duration,
    /// The hosts under which the server may be addressed, `name` (any port) or `name:port`. A request for another
    /// one is refused (403): this is what stops DNS rebinding.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may call, such as `https://app.example.com`, besides those on an allowed host.
    pub allowed_origins: Vec<String>,
    /// The path in front of ours when a proxy strips one, such as `/python`: `/sse` tells clients where to post.
    pub public_prefix: String,
    /// The largest request body (413).
    pub max_body_bytes: usize,
    /// All request bodies together that are being read, or wait for a session whose client does not read (503).
    pub max_buffered_bytes: usize,
    /// Sessions of both kinds together (503).
    pub max_sessions: usize,
    /// How long a session may do nothing before it is ended; an open stream or a running call is doing something.
    pub session_idle: Duration,
    /// Connections; more of them wait to be accepted. The default is half of the 1024 files that most systems let a
    /// process open, so that idle clients never take the place of the engine's connections.
    pub max_connections: usize,
    /// How long a client may take to send the head of a request, or leave a connection unused.
    pub header_timeout: Duration,
    /// How long a client may take to send the body of a request (408).
    pub body_timeout: Duration,
    /// How long a client may leave what was written to it unread before its connection is closed.
    pub write_timeout: Duration,
    /// How long an answer may take before it is streamed, if the client takes streams.
    pub stream_after: Duration,
    /// How often a stream without news carries a comment, so that nothing between takes it for dead. Streams that are
    /// silent together carry it together, at most a sixteenth of this earlier.
    pub keep_alive: Duration,
    /// How long a client should wait before it takes up a stream that it lost (2025-11-25).
    pub retry: Duration,
    /// How long requests may go on after the shutdown was asked for.
    pub drain: Duration,
    /// Where connections are recorded.
    pub audit: Audit,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            token: None,
            authorization: None,
            keys_pause: Duration::from_secs(10),
            allowed_hosts: ["localhost", "127.0.0.1", "[::1]"]
                .map(str::to_owned)
                .to_vec(),
            allowed_origins: Vec::new(),
            public_prefix: String::new(),
            max_body_bytes: 4 * 1024 * 1024,
            max_buffered_bytes: 64 * 1024 * 1024,
            max_sessions: 256,
            session_idle: Duration::from_secs(30 * 60),
            max_connections: 512,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            stream_after: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            retry: Duration::from_millis(500),
            drain: Duration::from_secs(10),
            audit: Audit::off(),
        }
    }
}

/// The secret that clients present. It is never shown, and compared in constant time (its length is no secret).
#[derive(Clone)]
pub struct BearerToken(Box<[u8]>);

impl BearerToken {
    /// Takes the token as clients send it; none if it is empty or holds what a header cannot carry.
    #[must_use]
    pub fn new(token: &str) -> Option<Self> {
        let sendable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        sendable.then(|| Self(token.as_bytes().into()))
    }

    pub(crate) fn matches(&self, presented: &[u8]) -> bool {
        self.0.ct_eq(presented).into()
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_compared_whole_and_never_shown() {
        let token = BearerToken::new("s3cret").unwrap();
        assert!(token.matches(b"s3cret"));
        assert!(!token.matches(b"s3cre"));
        assert!(!token.matches(b"s3crets"));
        assert!(!token.matches(b""));
        assert!(!format!("{token:?}").contains("s3"));
        for unsendable in ["", "a b", "a\n", "ä"] {
            assert!(BearerToken::new(unsendable).is_none(), "{unsendable:?}");
        }
    }
}
