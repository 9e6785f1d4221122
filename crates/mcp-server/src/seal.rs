//! What travels through clients and must come back unchanged: cursors and the state of a call between its rounds. It is
//! authenticated, not secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// How long the authentication code of a token is.
const TAG: usize = 32;

/// A key under which tokens are made and recognised.
#[derive(Clone)]
pub(crate) struct Seal(Hmac<Sha256>);

impl Seal {
    /// A seal that only this server knows, and that ends with it.
    pub(crate) fn random() -> Self {
        // Two random UUIDs are 244 random bits.
        let mut secret = Sha256::new();
        secret.update(Uuid::new_v4().as_bytes());
        secret.update(Uuid::new_v4().as_bytes());
        Self::new(&secret.finalize().into())
    }

    /// A seal that servers share.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        // HMAC fills a shorter key up with zeros, to the block of its hash.
        let mut block = [0; 64];
        for (place, byte) in block.iter_mut().zip(key) {
            *place = *byte;
        }
        Self(Hmac::new(&block.into()))
    }

    /// Makes a token. It opens for the same purpose only.
    pub(crate) fn close(&self, purpose: &str, payload: &[u8]) -> String {
        let mut token = self.tag(purpose, payload).finalize().into_bytes().to_vec();
        token.extend_from_slice(payload);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The payload of a token, unless it is anything but one made here for this purpose.
    pub(crate) fn open(&self, purpose: &str, token: &str) -> Option<Vec<u8>> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (tag, payload) = token.split_at_checked(TAG)?;
        self.tag(purpose, payload).verify_slice(tag).ok()?;
        Some(payload.to_vec())
    }

    fn tag(&self, purpose: &str, payload: &[u8]) -> Hmac<Sha256> {
        let mut tag = self.0.clone();
        // The length keeps purpose and payload apart.
        tag.update(
            &u64::try_from(purpose.len())
                .unwrap_or(u64::MAX)
                .to_be_bytes(),
        );
        tag.update(purpose.as_bytes());
        tag.update(payload);
        tag
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_closed_opens() {
        let seal = Seal::random();
        let token = seal.close("p", b"payload");
        assert_eq!(seal.open("p", &token).as_deref(), Some(&b"payload"[..]));
        assert_eq!(seal.open("q", &token), None, "for another purpose");
        assert_eq!(Seal::random().open("p", &token), None, "under another key");
        for at in 0..token.len() {
            let mut broken = token.clone().into_bytes();
            broken[at] = if broken[at] == b'A' { b'B' } else { b'A' };
            let broken = String::from_utf8(broken).unwrap();
            assert_eq!(seal.open("p", &broken), None, "changed at {at}");
        }
        for nothing in ["", "AAAA", "no token!", &token[..10], &format!("{token}A")] {
            assert_eq!(seal.open("p", nothing), None, "{nothing:?}");
        }
    }
}
