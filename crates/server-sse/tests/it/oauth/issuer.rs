//! An authorization server on loopback that publishes keys, and the keys. Tokens are put together by hand, so that wrong
//! ones can be, and so that no code is tested with itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaKeyPair, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use serde_json::{Value, json};
use server_sse::{AuthorizationSettings, HttpSettings, Issuer as IssuerName, Resource};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the server under test is called.
pub(super) const RESOURCE: &str = "https://py.example.com/mcp";

/// A key pair with a name.
pub(super) struct Key {
    pub(super) id: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    /// The cryptography at hand makes no RSA keys: this one was made for this test, and protects nothing.
    pub(super) fn rsa(id: &'static str) -> Self {
        let text = include_str!("rsa.b64").replace('\n', "");
        let pair = RsaKeyPair::from_der(&STANDARD.decode(text).unwrap()).unwrap();
        let pair = Pair::Rsa(pair);
        Self { id, pair }
    }

    pub(super) fn ed25519(id: &'static str) -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Pair::Ed25519(Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap());
        Self { id, pair }
    }

    pub(super) fn p256(id: &'static str) -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let made = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, made.as_ref(), &random).unwrap();
        let pair = Pair::P256(pair);
        Self { id, pair }
    }

    pub(super) fn p384(id: &'static str) -> Self {
        let (kind, random) = (&ECDSA_P384_SHA384_FIXED_SIGNING, SystemRandom::new());
        let made = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, made.as_ref(), &random).unwrap();
        let pair = Pair::P384(pair);
        Self { id, pair }
    }

    /// What of it is public.
    pub(super) fn public(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => pair.public().as_ref().to_vec(),
            Pair::P256(pair) | Pair::P384(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    pub(super) fn jwk(&self) -> Value {
        let point = |name: &str| {
            let public = self.public();
            let (x, y) = public[1..].split_at(public.len() / 2);
            json!({"kty": "EC", "crv": name, "x": encoded(x), "y": encoded(y)})
        };
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let parts = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": encoded(parts.n), "e": encoded(parts.e)})
            }
            Pair::P256(_) => point("P-256"),
            Pair::P384(_) => point("P-384"),
            Pair::Ed25519(_) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(self.public())})
            }
        };
        jwk["kid"] = self.id.into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// The algorithm that is used unless a test wants another.
    fn usual(&self) -> &'static str {
        match &self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::P384(_) => "ES384",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    fn sign(&self, algorithm: &str, text: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding: &dyn RsaEncoding = match algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &random, text.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
            Pair::P256(pair) | Pair::P384(pair) => pair
                .sign(&random, text.as_bytes())
                .unwrap()
                .as_ref()
                .to_vec(),
            Pair::Ed25519(pair) => pair.sign(text.as_bytes()).as_ref().to_vec(),
        }
    }
}

/// A token in the making.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) header: Value,
    pub(super) claims: Value,
}

impl Token {
    /// One whose header is as given, even if the key could not have made it.
    pub(super) fn signed(&self, key: &Key) -> String {
        let text = self.unsigned();
        let algorithm = self.header["alg"].as_str().unwrap_or_default();
        format!("{text}.{}", encoded(key.sign(algorithm, &text)))
    }

    /// What a signature is made over.
    pub(super) fn unsigned(&self) -> String {
        let (header, claims) = (self.header.to_string(), self.claims.to_string());
        format!("{}.{}", encoded(header), encoded(claims))
    }
}

pub(super) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970, so many from now.
pub(super) fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

/// The authorization server. It ends with the test.
pub(super) struct Issuer {
    pub(super) name: String,
    shared: Arc<Shared>,
    serving: JoinSet<()>,
}

struct Shared {
    /// Path to document; what is not here is not found.
    documents: Mutex<Vec<(String, String)>>,
    asked: AtomicUsize,
    /// Answers wait until this is true.
    open: watch::Sender<bool>,
}

impl Issuer {
    pub(super) async fn start(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, keys)
    }

    pub(super) fn on(listener: TcpListener, keys: &[&Key]) -> Self {
        let name = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            documents: Mutex::default(),
            asked: AtomicUsize::new(0),
            open: watch::channel(true).0,
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        let issuer = Self {
            name,
            shared,
            serving,
        };
        let metadata = json!({"issuer": issuer.name, "jwks_uri": format!("{}/keys", issuer.name)});
        issuer.put(
            "/.well-known/oauth-authorization-server",
            &metadata.to_string(),
        );
        issuer.publish(keys);
        issuer
    }

    /// Publishes these keys, and none of those before.
    pub(super) fn publish(&self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        self.put("/keys", &json!({"keys": keys}).to_string());
    }

    /// Puts a document somewhere; an empty one takes it away.
    pub(super) fn put(&self, path: &str, document: &str) {
        let mut documents = self.shared.documents.lock().unwrap();
        documents.retain(|(known, _)| known != path);
        if !document.is_empty() {
            documents.push((path.to_owned(), document.to_owned()));
        }
    }

    /// Holds all answers back, or lets them go.
    pub(super) fn hold(&self, hold: bool) {
        self.shared.open.send_replace(!hold);
    }

    /// How often the keys were asked for.
    pub(super) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// Is not there any more.
    pub(super) async fn end(mut self) {
        self.serving.shutdown().await;
    }

    /// A good token, for whoever wants to spoil it.
    pub(super) fn token(&self, key: &Key) -> Token {
        Token {
            header: json!({"typ": "at+jwt", "alg": key.usual(), "kid": key.id}),
            claims: json!({
                "iss": self.name, "aud": RESOURCE, "sub": "alice", "client_id": "c",
                "exp": seconds_from_now(300), "iat": seconds_from_now(-1),
                "scope": "openid python:run",
            }),
        }
    }

    /// What a server is told that takes tokens of this issuer.
    pub(super) fn settings(&self) -> AuthorizationSettings {
        let resource = Resource::new(RESOURCE).unwrap();
        AuthorizationSettings::new(resource, vec![IssuerName::new(&self.name).unwrap()])
    }

    /// The same as a change of the usual settings.
    pub(super) fn taken(&self) -> impl FnOnce(&mut HttpSettings) + use<> {
        let settings = self.settings();
        move |http| http.authorization = Some(settings)
    }
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    if uri.path() == "/keys" {
        shared.asked.fetch_add(1, Ordering::SeqCst);
    }
    let _ = shared.open.subscribe().wait_for(|open| *open).await;
    let documents = shared.documents.lock().unwrap();
    match documents.iter().find(|(path, _)| path == uri.path()) {
        Some((_, document)) => document.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
