//! An issuer's published keys as those that may check a token's signature.

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// The most keys that one issuer may publish. The largest ones have about ten at a time.
pub(super) const MAX_KEYS: usize = 100;

/// Keys that are fit to check signatures.
#[derive(Debug, Default)]
pub(crate) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// What it may be used with.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JWK set (RFC 7517). Keys that are not understood, or are for something else, are passed over.
    ///
    /// # Errors
    ///
    /// Why it is none, or has nothing in it that could be used.
    pub(super) fn read(document: &[u8]) -> Result<Self, String> {
        let document: Document =
            serde_json::from_slice(document).map_err(|error| format!("no key set: {error}"))?;
        let count = document.keys.len();
        if count > MAX_KEYS {
            return Err(format!("{count} keys; at most {MAX_KEYS} are taken"));
        }
        let keys: Vec<_> = document.keys.into_iter().filter_map(Key::read).collect();
        if keys.is_empty() {
            return Err(format!("none of {count} keys is fit to check signatures"));
        }
        Ok(Self(keys))
    }

    /// Whether there is a key of that name.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// The keys that may have made a signature: those of the name, if it gives one.
    pub(crate) fn candidates(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &DecodingKey> {
        self.0
            .iter()
            .filter(move |key| id.is_none() || key.id.as_deref() == id)
            .filter(move |key| key.algorithms.contains(&algorithm))
            .map(|key| &key.key)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Key {
    fn read(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let signs = jwk
            .common
            .public_key_use
            .as_ref()
            .is_none_or(|meant| *meant == PublicKeyUse::Signature);
        let verifies = jwk
            .common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !signs || !verifies {
            return None;
        }
        let algorithms = algorithms(&jwk.algorithm, jwk.common.key_algorithm);
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        (!algorithms.is_empty()).then_some(Self {
            id: jwk.common.key_id,
            algorithms,
            key,
        })
    }
}

/// What a key may be used with: what its kind allows, and of that only what it was made for, if it says so.
fn algorithms(kind: &AlgorithmParameters, made_for: Option<KeyAlgorithm>) -> Vec<Algorithm> {
    let possible: &[Algorithm] = match kind {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(point) => match point.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(point) if point.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        // A secret in a public document is no secret; whatever it checks, anybody can have signed.
        _ => &[],
    };
    let fits = |algorithm: &Algorithm| match made_for {
        None => true,
        // RFC 9864 gives the only curve here a name of its own, which the JWT crate does not know yet.
        Some(KeyAlgorithm::UNKNOWN_ALGORITHM) => *algorithm == Algorithm::EdDSA,
        Some(made_for) => KeyAlgorithm::from(*algorithm) == made_for,
    };
    possible.iter().copied().filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ed25519(more: &Value) -> Value {
        let mut key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "a",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        for (name, value) in more.as_object().unwrap() {
            key[name] = value.clone();
        }
        key
    }

    fn read(keys: &Value) -> Result<KeySet, String> {
        KeySet::read(json!({"keys": keys}).to_string().as_bytes())
    }

    #[test]
    fn only_what_may_check_signatures_is_kept() {
        let check = |more: Value, kept: bool| {
            let found = read(&json!([ed25519(&more)]));
            assert_eq!(found.is_ok(), kept, "{more}");
        };
        check(json!({}), true);
        check(json!({"use": "sig"}), true);
        check(json!({"use": "enc"}), false);
        check(json!({"key_ops": ["verify"]}), true);
        check(json!({"key_ops": ["sign"]}), false);
        check(json!({"alg": "EdDSA"}), true);
        check(json!({"alg": "Ed25519"}), true);
        check(json!({"alg": "ES256"}), false);
        check(json!({"alg": "HS256"}), false);
        check(json!({"crv": "X25519"}), false);
        check(json!({"kty": "oct", "k": "c2VjcmV0"}), false);
        check(json!({"x": "&"}), false);
    }

    #[test]
    fn a_name_and_an_algorithm_choose() {
        let keys = json!([
            ed25519(&json!({})),
            {"kty": "RSA", "kid": "b", "alg": "PS256", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "kid": "c", "n": "AQAB", "e": "AQAB"},
            {"kty": "new", "kid": "d"},
            7,
        ]);
        let set = read(&keys).unwrap();
        assert_eq!(set.len(), 3);
        let check = |id: Option<&str>, algorithm: Algorithm, count: usize| {
            let found = set.candidates(id, algorithm).count();
            assert_eq!(found, count, "{id:?} {algorithm:?}");
        };
        check(None, Algorithm::EdDSA, 1);
        check(None, Algorithm::PS256, 2);
        check(None, Algorithm::RS256, 1);
        check(Some("b"), Algorithm::PS256, 1);
        check(Some("b"), Algorithm::RS256, 0);
        check(Some("c"), Algorithm::ES256, 0);
        check(Some("a"), Algorithm::HS256, 0);
        check(Some("e"), Algorithm::EdDSA, 0);
        assert!(set.knows("a") && !set.knows("d"));
    }

    #[test]
    fn a_document_that_is_none_says_why() {
        for (document, why) in [
            ("", "no key set"),
            ("{}", "no key set"),
            ("{\"keys\": []}", "none of 0 keys"),
        ] {
            let refused = KeySet::read(document.as_bytes()).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        let many = Value::from(vec![ed25519(&json!({})); MAX_KEYS + 1]);
        assert!(read(&many).unwrap_err().contains("at most 100"));
    }
}
