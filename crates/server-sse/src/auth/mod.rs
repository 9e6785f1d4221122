//! The OAuth 2.1 resource server: which access tokens let a request in, and for whom it then speaks. Tokens are neither
//! issued, nor kept, nor handed on; nothing of them is written to a log.
//!
//! | module | concern |
//! |---|---|
//! | `bearer` | the token of a request |
//! | `token` | whether it is good |
//! | `keys` | what its signature is checked with |
//! | `crypto` | how |
//! | `challenge` | what is answered when it is not |
//! | `metadata` | where clients get one |
//! | `lifetime` | for whom a request speaks, and until when |

mod bearer;
mod challenge;
mod crypto;
mod keys;
mod lifetime;
mod metadata;
mod token;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use mcp_server::Principal;
use server_app::settings::{AuthorizationSettings, Scope};

use self::challenge::{Challenges, Denial};
use self::keys::Keys;
pub(crate) use self::lifetime::{Caller, Lifetime, ending_with};
use self::metadata::Metadata;
pub(crate) use self::metadata::{WELL_KNOWN, is_asked_for};
use self::token::{Doubt, Proven, Unproven};

/// Judges requests by their access tokens.
#[derive(Debug)]
pub(crate) struct ResourceServer {
    settings: AuthorizationSettings,
    issuers: Vec<Arc<Keys>>,
    metadata: Metadata,
    challenges: Challenges,
}

impl ResourceServer {
    /// Fetches nothing yet. `name` is what the server is called by people, `pause` how long an issuer is left alone after
    /// an attempt to get its keys.
    ///
    /// # Errors
    ///
    /// When connections over TLS cannot be made ready.
    pub(crate) fn new(
        settings: AuthorizationSettings,
        name: &str,
        pause: Duration,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        crypto::install();
        let issuers = settings.issuers.iter().map(|issuer| {
            let url = settings.keys_url.clone();
            Keys::new(issuer.clone(), url, &settings.reach, pause).map(Arc::new)
        });
        let issuers = issuers.collect::<Result<_, _>>()?;
        let metadata = Metadata::new(&settings, name);
        let scopes: Vec<_> = settings.scopes.iter().map(Scope::as_str).collect();
        let challenges = Challenges::new(&metadata.address, &scopes.join(" "));
        Ok(Self {
            settings,
            issuers,
            metadata,
            challenges,
        })
    }

    /// Begins to fetch what will be needed. Must be called within a runtime.
    pub(crate) fn prepare(&self) {
        for issuer in &self.issuers {
            issuer.prepare();
        }
    }

    /// For whom a request speaks; else what it is answered.
    pub(crate) async fn admit(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Result<Caller, Box<Response>> {
        let judged = match bearer::token(headers, uri) {
            Ok(token) => self.judge(token).await,
            Err(denial) => Err(denial),
        };
        match judged {
            Ok(proven) if proven.has_scopes => Ok(Caller {
                principal: Principal::new(&proven.holder),
                until: Some(proven.until),
            }),
            Ok(_) => Err(self.deny(Denial::InsufficientScope)),
            Err(denial) => Err(self.deny(denial)),
        }
    }

    /// The answer to a request for the metadata document.
    pub(crate) fn metadata(&self, path: &str) -> Response {
        self.metadata.answer(path)
    }

    async fn judge(&self, token: &str) -> Result<Proven, Denial> {
        let token = Unproven::read(token, &self.settings)?;
        let issuer = self
            .issuers
            .iter()
            .find(|known| known.issuer().as_str() == token.issuer)
            .ok_or(Denial::InvalidToken(
                "the access token is of an unknown issuer",
            ))?;
        let key_id = token.key_id.as_deref();
        let fetch = async || issuer.with(key_id).await.map_err(|_| Denial::Undecided);
        let mut judged = token.prove(&*fetch().await?, &self.settings);
        // A token that names no key may be of one that is new.
        if judged == Err(Doubt::Signature) && key_id.is_none() {
            issuer.refresh().await;
            judged = token.prove(&*fetch().await?, &self.settings);
        }
        judged.map_err(|doubt| match doubt {
            Doubt::Denied(denial) => denial,
            Doubt::Signature => Denial::InvalidToken(
                "the signature of the access token is by none of its issuer's keys",
            ),
        })
    }

    fn deny(&self, denial: Denial) -> Box<Response> {
        tracing::debug!(?denial, "a request was not let in");
        Box::new(self.challenges.answer(denial))
    }
}
