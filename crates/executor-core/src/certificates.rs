//! The certificates that sandboxes trust besides their image's own.

use std::fmt;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::error::{ErrorKind, Result, SandboxError};

/// Certificates, as PEM one after the other, that everything in a sandbox trusts besides its image's own. None by
/// [`Default`].
///
/// Clones share what was read.
#[derive(Clone)]
pub struct ExtraCertificates(Arc<Inner>);

struct Inner {
    read: Box<dyn Fn() -> Result<String> + Send + Sync>,
    pem: OnceCell<String>,
}

impl ExtraCertificates {
    /// These.
    #[must_use]
    pub fn from_pem(pem: String) -> Self {
        Self(Arc::new(Inner {
            read: Box::new(|| Ok(String::new())),
            pem: OnceCell::new_with(Some(pem)),
        }))
    }

    /// Those that `read` finds: it is called before the first sandbox is started, on a thread that it may block, and
    /// again before the next one if it failed. Reading what a host trusts takes longer than all else in a server's start.
    #[must_use]
    pub fn read_by(read: impl Fn() -> Result<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            read: Box::new(read),
            pem: OnceCell::new(),
        }))
    }

    /// The certificates; empty if there are none. Cancel-safe: the next one reads anew.
    pub(crate) async fn pem(&self) -> Result<&str> {
        let read = || async {
            let inner = Arc::clone(&self.0);
            let reading = tokio::task::spawn_blocking(move || (inner.read)());
            reading.await.unwrap_or_else(|panicked| {
                let error = SandboxError::new(ErrorKind::Internal, "read extra certificates");
                Err(error.with_source(panicked))
            })
        };
        self.0.pem.get_or_try_init(read).await.map(String::as_str)
    }
}

impl Default for ExtraCertificates {
    fn default() -> Self {
        Self::from_pem(String::new())
    }
}

impl fmt::Debug for ExtraCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.pem.get().map(String::len);
        f.debug_struct("ExtraCertificates")
            .field("bytes", &length)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_was_read_is_not_read_again_and_what_failed_is() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let certificates =
            ExtraCertificates::read_by(move || match counted.fetch_add(1, Ordering::Relaxed) {
                0 => Err(SandboxError::new(ErrorKind::StartFailed, "read them")),
                1 => panic!("this is no file"),
                _ => Ok("PEM".to_owned()),
            });
        let failed = certificates.pem().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::StartFailed);
        let failed = certificates.pem().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Internal);
        for reader in [certificates.clone(), certificates] {
            assert_eq!(reader.pem().await.unwrap(), "PEM");
        }
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    }
}
