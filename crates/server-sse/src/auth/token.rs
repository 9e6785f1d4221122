//! Judges one access token: a signed JWT (RFC 9068) of one of our issuers, made out for us, in its time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;
use server_app::settings::{AuthorizationSettings, Scope, SigningAlgorithm};
use tokio::time::Instant;

use super::challenge::Denial;
use super::keys::KeySet;

/// The longest token that is looked at. Those with many groups in them have some four kilobytes.
pub(super) const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The longest name of a key.
const MAX_KEY_ID_BYTES: usize = 256;

/// OpenID Connect Core, section 2: no subject is longer.
const MAX_SUBJECT_BYTES: usize = 255;

/// The longest time for which a token is remembered; what lies beyond is for ever as far as a clock is concerned.
const MAX_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A token that can be read, and nothing of it is believed yet.
#[derive(Debug)]
pub(super) struct Unproven<'t> {
    token: &'t str,
    algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    pub(super) issuer: String,
}

/// What a good token says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proven {
    /// Whose it is, unlike anybody else's of any issuer.
    pub(super) holder: String,
    pub(super) until: Instant,
    pub(super) has_scopes: bool,
}

/// Why a token is not believed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// None of the keys made its signature.
    Signature,
    Denied(Denial),
}

impl From<&'static str> for Doubt {
    fn from(why: &'static str) -> Self {
        Self::Denied(Denial::InvalidToken(why))
    }
}

/// The claims that matter here. A member that is there twice makes it none.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    exp: f64,
    sub: Option<String>,
    client_id: Option<String>,
    azp: Option<String>,
    scope: Option<Words>,
    scp: Option<Words>,
    /// What kind of token it is, as Keycloak and Cognito say it.
    typ: Option<String>,
    token_use: Option<String>,
    /// Only ID tokens have these.
    nonce: Option<Value>,
    at_hash: Option<Value>,
    c_hash: Option<Value>,
    /// Bound to a key of its client (RFC 7800).
    cnf: Option<Value>,
}

/// Several words, in one text or in a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    Text(String),
    List(Vec<String>),
}

impl<'t> Unproven<'t> {
    /// Reads what says by which key the token is to be judged.
    pub(super) fn read(token: &'t str, settings: &AuthorizationSettings) -> Result<Self, Denial> {
        let invalid = Denial::InvalidToken;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(invalid("the access token is too long"));
        }
        // An unknown algorithm, such as none, does not get through here.
        let header =
            decode_header(token).map_err(|_| invalid("the access token is no signed JWT"))?;
        if !settings
            .algorithms
            .iter()
            .any(|allowed| algorithm(*allowed) == header.alg)
        {
            return Err(invalid(
                "the signature of the access token is of no kind that is taken",
            ));
        }
        if !is_of_an_access_token(&header) {
            return Err(invalid("the token is no access token"));
        }
        // RFC 7515, section 4.1.11: whoever does not understand these must refuse.
        if header.crit.is_some() || header.extras.inner().contains_key("b64") {
            return Err(invalid(
                "the access token has headers that are not understood",
            ));
        }
        if header
            .kid
            .as_ref()
            .is_some_and(|id| id.len() > MAX_KEY_ID_BYTES)
        {
            return Err(invalid("the access token names its key by too long a name"));
        }
        let issuer = jsonwebtoken::dangerous::insecure_decode::<Issued>(token)
            .map_err(|_| invalid("the access token does not say who issued it"))?
            .claims
            .iss;
        Ok(Self {
            token,
            algorithm: header.alg,
            key_id: header.kid,
            issuer,
        })
    }

    /// Judges the token by the keys of its issuer.
    pub(super) fn prove(
        &self,
        keys: &KeySet,
        settings: &AuthorizationSettings,
    ) -> Result<Proven, Doubt> {
        let mut validation = Validation::new(self.algorithm);
        validation.leeway = settings.leeway.as_secs();
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_audience(&[settings.resource.as_str()]);
        validation.set_issuer(&[&self.issuer]);
        for key in keys.candidates(self.key_id.as_deref(), self.algorithm) {
            match decode::<Claims>(self.token, key, &validation) {
                Ok(proven) => return accept(proven.claims, settings),
                Err(error) => match error.kind() {
                    ErrorKind::InvalidSignature => {}
                    kind => return Err(why(kind).into()),
                },
            }
        }
        Err(Doubt::Signature)
    }
}

/// What is read of a token before it is known whose key made it.
#[derive(Deserialize)]
struct Issued {
    iss: String,
}

/// RFC 9068, section 2.1, names the type; many issuers still write the general one, or none.
fn is_of_an_access_token(header: &Header) -> bool {
    let Some(kind) = &header.typ else { return true };
    let kind = kind.to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").unwrap_or(&kind);
    matches!(kind, "at+jwt" | "jwt")
}

fn accept(claims: Claims, settings: &AuthorizationSettings) -> Result<Proven, Doubt> {
    let other_kind = claims.typ.as_deref().is_some_and(|kind| kind != "Bearer")
        || claims
            .token_use
            .as_deref()
            .is_some_and(|kind| kind != "access");
    let of_an_id_token = [&claims.nonce, &claims.at_hash, &claims.c_hash];
    if other_kind || of_an_id_token.iter().any(|claim| claim.is_some()) {
        return Err("the token is no access token".into());
    }
    if claims.cnf.is_some() {
        return Err("the access token is bound to a key, which is not checked here".into());
    }
    let until = expiry(claims.exp, settings.leeway).ok_or("the access token has expired")?;
    // RFC 9068, section 2.2: without a person behind it, a client speaks for itself.
    let (kind, name) = match (claims.sub, claims.client_id.or(claims.azp)) {
        (Some(subject), _) => ("sub", subject),
        (None, Some(client)) => ("client", client),
        (None, None) => return Err("the access token does not say whose it is".into()),
    };
    if name.is_empty() || name.len() > MAX_SUBJECT_BYTES {
        return Err("the access token names nobody in 1 to 255 bytes".into());
    }
    let granted: Vec<&str> = [&claims.scope, &claims.scp]
        .into_iter()
        .flatten()
        .flat_map(Words::iter)
        .collect();
    let has_scopes = settings
        .scopes
        .iter()
        .map(Scope::as_str)
        .all(|scope| granted.contains(&scope));
    Ok(Proven {
        // An issuer has no fragment, so this has only one meaning.
        holder: format!("{}#{kind}={name}", claims.iss),
        until,
        has_scopes,
    })
}

impl Words {
    fn iter(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Text(text) => Box::new(text.split(' ')),
            Self::List(list) => Box::new(list.iter().flat_map(|text| text.split(' '))),
        }
    }
}

/// When a token that expires at `exp` is over for us, if that is to come.
fn expiry(exp: f64, leeway: Duration) -> Option<Instant> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let left = exp + leeway.as_secs_f64() - now.as_secs_f64();
    // RFC 7519, section 4.1.4: not on the very end either. The JWT crate compares whole seconds, and takes it there.
    if left <= 0.0 {
        return None;
    }
    let left = Duration::try_from_secs_f64(left.min(MAX_LIFE.as_secs_f64())).ok()?;
    Instant::now().checked_add(left)
}

/// The reason for people: neither what the token says nor what the crate says of it.
const fn why(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the access token has expired",
        ErrorKind::ImmatureSignature => "the access token is not valid yet",
        ErrorKind::InvalidAudience => "the access token was made out for another server",
        ErrorKind::InvalidIssuer => "the access token is of an unknown issuer",
        ErrorKind::MissingRequiredClaim(_) => {
            "the access token lacks its issuer, its audience or its end"
        }
        _ => "the access token cannot be understood",
    }
}

pub(super) const fn algorithm(name: SigningAlgorithm) -> Algorithm {
    match name {
        SigningAlgorithm::RS256 => Algorithm::RS256,
        SigningAlgorithm::RS384 => Algorithm::RS384,
        SigningAlgorithm::RS512 => Algorithm::RS512,
        SigningAlgorithm::PS256 => Algorithm::PS256,
        SigningAlgorithm::PS384 => Algorithm::PS384,
        SigningAlgorithm::PS512 => Algorithm::PS512,
        SigningAlgorithm::ES256 => Algorithm::ES256,
        SigningAlgorithm::ES384 => Algorithm::ES384,
        _ => Algorithm::EdDSA,
    }
}
