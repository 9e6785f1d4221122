//! Addresses of package indexes: typed, and shown without what is secret in them.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The address of a package index that speaks the "simple" API (PEP 503), over HTTPS or HTTP.
///
/// It may hold a user name and a password: `Display` and `Debug` show them as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct IndexUrl(Url);

/// A name and a port that the gateway opens while modules are installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct IndexHost {
    /// A DNS name or an IP address, lower case, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// A text that is not the address of an index. It never repeats the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexUrlError {
    /// Not a URL, or longer than 2048 bytes.
    #[error("an index address is a URL of at most {MAX_URL_BYTES} bytes, such as `{PYPI}`")]
    Malformed,
    /// A scheme other than `https` and `http`.
    #[error("an index address begins with `https://` or `http://`")]
    Scheme,
    /// A query or a fragment, which the simple API does not have.
    #[error("an index address has no query and no fragment")]
    Extra,
}

impl IndexUrl {
    /// The Python Package Index.
    ///
    /// # Panics
    /// Never: the address is a constant, and a test parses it.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a constant address that a test parses")]
    pub fn pypi() -> Self {
        PYPI.parse().expect("a well-formed constant")
    }

    /// The host of the index itself.
    #[must_use]
    pub fn host(&self) -> IndexHost {
        let host = self.0.host_str().unwrap_or_default();
        IndexHost {
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_ascii_lowercase(),
            port: self.0.port_or_known_default().unwrap_or(443),
        }
    }

    /// The host that serves the files of a public index, where that is another one than the index itself.
    pub(super) fn file_host(&self) -> Option<IndexHost> {
        let index = self.host();
        let (_, files) = FILE_HOSTS.iter().find(|(host, _)| *host == index.host)?;
        Some(IndexHost {
            host: (*files).to_owned(),
            port: 443,
        })
    }

    /// The whole address, password included: for the installer only.
    pub(crate) fn reveal(&self) -> &str {
        self.0.as_str()
    }

    /// `host:port` when the index is spoken to in clear text, which the installer has to be told to accept.
    pub(super) fn clear_text_host(&self) -> Option<String> {
        (self.0.scheme() == "http").then(|| {
            let host = self.0.host_str().unwrap_or_default();
            self.0
                .port()
                .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
        })
    }

    /// What must not be shown: the user name, when it stands alone (a token), and the password.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let password = self.0.password();
        let token = if password.is_none() {
            self.0.username()
        } else {
            ""
        };
        [token, password.unwrap_or_default()]
            .into_iter()
            .filter(|secret| !secret.is_empty())
    }
}

impl FromStr for IndexUrl {
    type Err = IndexUrlError;

    fn from_str(text: &str) -> Result<Self, IndexUrlError> {
        if text.len() > MAX_URL_BYTES || text.contains(|c: char| c.is_ascii_control()) {
            return Err(IndexUrlError::Malformed);
        }
        let url = Url::parse(text.trim()).map_err(|_| IndexUrlError::Malformed)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(IndexUrlError::Scheme);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(IndexUrlError::Extra);
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(IndexUrlError::Malformed);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for IndexUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if !shown.username().is_empty() || shown.password().is_some() {
            // Both setters fail only for URLs without a host, and this one has one.
            let _ = shown.set_password(None);
            let _ = shown.set_username("***");
        }
        f.write_str(shown.as_str())
    }
}

impl fmt::Debug for IndexUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexUrl({self})")
    }
}

impl Default for IndexUrl {
    fn default() -> Self {
        Self::pypi()
    }
}

impl fmt::Display for IndexHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The address of the Python Package Index.
const PYPI: &str = "https://pypi.org/simple";
/// Public indexes and the hosts that their pages link to for the files.
const FILE_HOSTS: &[(&str, &str)] = &[
    ("pypi.org", "files.pythonhosted.org"),
    ("test.pypi.org", "test-files.pythonhosted.org"),
];
/// Longer addresses are refused; proxies and servers commonly stop at a few KiB.
const MAX_URL_BYTES: usize = 2048;

#[cfg(test)]
mod tests {
    use super::IndexUrl;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match text.parse::<IndexUrl>() {
            Ok(url) => format!("{url} at {}", url.host()),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn addresses() {
        check(
            "https://pypi.org/simple",
            "https://pypi.org/simple at pypi.org:443",
        );
        check(
            "http://Index.Local:8080/s/",
            "http://index.local:8080/s/ at index.local:8080",
        );
        check("http://[::1]/simple", "http://[::1]/simple at [::1]:80");
        check(
            "https://me:hunter2@index.corp/simple",
            "https://***@index.corp/simple at index.corp:443",
        );
        check(
            "https://token@index.corp/simple",
            "https://***@index.corp/simple at index.corp:443",
        );
        check(
            "file:///srv/wheels",
            "error: an index address begins with `https://` or `http://`",
        );
        check(
            "pypi",
            "error: an index address is a URL of at most 2048 bytes, such as `https://pypi.org/simple`",
        );
        check(
            "https://x/?q",
            "error: an index address has no query and no fragment",
        );
        check(
            "https:///",
            "error: an index address is a URL of at most 2048 bytes, such as `https://pypi.org/simple`",
        );
    }

    #[test]
    fn the_password_is_not_shown() {
        let url: IndexUrl = "https://me:hunter2@index.corp/simple"
            .parse()
            .expect("an address");
        assert!(!format!("{url} {url:?}").contains("hunter2"));
        assert_eq!(url.secrets().collect::<Vec<_>>(), ["hunter2"]);
    }
}
