//! Which tokens let a request in. Each wrong one differs from a good one in one thing.

use serde_json::{Value, json};
use server_sse::{HttpSettings, Scope, SigningAlgorithm};

use super::issuer::{Issuer, Key, RESOURCE, Token, encoded, seconds_from_now};
use super::{ROUTES, challenge};
use crate::site::{Site, call, json_of};

/// What stands at the end of every challenge.
const POINTERS: &str = "resource_metadata=\"https://py.example.com/.well-known/oauth-protected-resource/mcp\", scope=\"python:run\"";

async fn site(issuer: &Issuer) -> Site {
    Site::with(issuer.taken()).await
}

#[tokio::test]
async fn every_kind_of_signature_is_checked() {
    let keys = [
        Key::rsa("r"),
        Key::p256("p"),
        Key::p384("q"),
        Key::ed25519("e"),
    ];
    let [rsa, p256, p384, ed25519] = &keys;
    let issuer = Issuer::start(&keys.each_ref()).await;
    let site = site(&issuer).await;
    let check = async |key: &Key, algorithm: &str, others: &Key| {
        let mut token = issuer.token(key);
        token.header["alg"] = algorithm.into();
        let signed = token.signed(key);
        assert_eq!(site.discover(&signed).await.status(), 200, "{algorithm}");
        // Neither another text under the signature nor another signature under the text.
        let (text, signature) = signed.rsplit_once('.').unwrap();
        token.claims["sub"] = "bob".into();
        for forged in [
            format!("{}.{signature}", token.unsigned()),
            format!("{text}."),
            format!("{text}.{}", encoded([0; 64])),
            token.signed(others),
        ] {
            let refused = site.discover(&forged).await;
            assert_eq!(refused.status(), 401, "{algorithm}");
            assert!(challenge(&refused).contains("by none of its issuer's keys"));
        }
    };
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        check(rsa, algorithm, ed25519).await;
    }
    check(p256, "ES256", p384).await;
    check(p384, "ES384", p256).await;
    check(ed25519, "EdDSA", p256).await;
}

/// A token with one thing about it changed, on every route.
async fn refused(site: &Site, token: &str, why: &str) {
    for route in ROUTES {
        let response = site.knock(route).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 401, "{route}: {why}");
        assert_eq!(
            challenge(&response),
            format!("Bearer error=\"invalid_token\", error_description=\"{why}\", {POINTERS}"),
            "{route}"
        );
        let body = response.text().await.unwrap();
        assert!(!body.contains(token) && body.contains("-32600"), "{body}");
    }
}

#[tokio::test]
async fn what_a_token_says_must_all_be_right() {
    let (key, stranger) = (Key::p256("k"), Key::p256("k"));
    let issuer = Issuer::start(&[&key]).await;
    let site = site(&issuer).await;
    let good = issuer.token(&key);
    let with = |change: &dyn Fn(&mut Token)| {
        let mut token = good.clone();
        change(&mut token);
        token.signed(&key)
    };
    let claim = |name: &str, value: Value| with(&|token| token.claims[name] = value.clone());
    let header = |name: &str, value: Value| with(&|token| token.header[name] = value.clone());
    let without = |name: &str| {
        with(&|token| {
            token.claims.as_object_mut().unwrap().remove(name);
        })
    };

    let expired = "the access token has expired";
    refused(&site, &claim("exp", json!(seconds_from_now(-31))), expired).await;
    let early = "the access token is not valid yet";
    refused(&site, &claim("nbf", json!(seconds_from_now(60))), early).await;
    let elsewhere = "the access token was made out for another server";
    for audience in [
        json!("https://other.example.com/mcp"),
        json!("https://py.example.com"),
        json!("https://py.example.com/mcp/"),
        json!(["a", "b"]),
        json!([]),
    ] {
        refused(&site, &claim("aud", audience), elsewhere).await;
    }
    let lacking = "the access token lacks its issuer, its audience or its end";
    for missing in ["aud", "exp"] {
        let incomplete = without(missing);
        // The JWT crate may find out that the end is missing when it reads the claims.
        let response = site.discover(&incomplete).await;
        assert_eq!(response.status(), 401, "{missing}");
    }
    refused(&site, &without("aud"), lacking).await;
    let nobody = "the access token does not say who issued it";
    refused(&site, &without("iss"), nobody).await;
    refused(&site, &claim("iss", json!([issuer.name])), nobody).await;
    let unknown = "the access token is of an unknown issuer";
    for other in [
        "https://login.example.com".to_owned(),
        format!("{}/", issuer.name),
        issuer.name.to_uppercase(),
    ] {
        refused(&site, &claim("iss", json!(other)), unknown).await;
    }
    let kind = "the token is no access token";
    refused(&site, &header("typ", json!("id+jwt")), kind).await;
    refused(&site, &header("typ", json!("dpop+jwt")), kind).await;
    refused(&site, &claim("nonce", json!("n")), kind).await;
    refused(&site, &claim("at_hash", json!("n")), kind).await;
    refused(&site, &claim("typ", json!("ID")), kind).await;
    refused(&site, &claim("token_use", json!("id")), kind).await;
    let bound = "the access token is bound to a key, which is not checked here";
    refused(&site, &claim("cnf", json!({"jkt": "x"})), bound).await;
    let strange = "the access token has headers that are not understood";
    refused(&site, &header("crit", json!(["exp"])), strange).await;
    refused(&site, &header("b64", json!(false)), strange).await;
    let unnamed = "the access token names nobody in 1 to 255 bytes";
    refused(&site, &claim("sub", json!("")), unnamed).await;
    refused(&site, &claim("sub", json!("x".repeat(256))), unnamed).await;
    let signature = "the signature of the access token is by none of its issuer's keys";
    refused(&site, &good.signed(&stranger), signature).await;
    refused(&site, &header("kid", json!("other")), signature).await;
    let long = "the access token is too long";
    refused(&site, &claim("more", json!("x".repeat(16 * 1024))), long).await;
    let no_jwt = "the access token is no signed JWT";
    for text in ["s3cret", "a.b", "a.b.c.d.e", ".."] {
        refused(&site, text, no_jwt).await;
    }
    assert_eq!(site.discover(&good.signed(&key)).await.status(), 200);
}

#[tokio::test]
async fn an_algorithm_is_chosen_by_us_and_not_by_the_token() {
    let key = Key::rsa("k");
    let issuer = Issuer::start(&[&key]).await;
    let mut settings = issuer.settings();
    settings.algorithms = vec![SigningAlgorithm::RS256, SigningAlgorithm::ES256];
    let site = Site::with(|http| http.authorization = Some(settings)).await;
    let good = issuer.token(&key);
    assert_eq!(site.discover(&good.signed(&key)).await.status(), 200);

    let mut none = good.clone();
    for name in ["none", "None", "nOnE"] {
        none.header["alg"] = name.into();
        let unsigned = format!("{}.", none.unsigned());
        refused(&site, &unsigned, "the access token is no signed JWT").await;
    }
    // Whoever knows the public key can sign with it as if it were a secret.
    let kind = "the signature of the access token is of no kind that is taken";
    let mut symmetric = good.clone();
    symmetric.header["alg"] = "HS256".into();
    let text = symmetric.unsigned();
    for secret in [
        key.public(),
        key.jwk()["n"].as_str().unwrap().as_bytes().to_vec(),
        key.jwk().to_string().into_bytes(),
    ] {
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
        let signature = ring::hmac::sign(&secret, text.as_bytes());
        refused(&site, &format!("{text}.{}", encoded(signature)), kind).await;
    }
    // Good by itself, and not allowed here.
    let mut other = good.clone();
    other.header["alg"] = "PS256".into();
    refused(&site, &other.signed(&key), kind).await;
    // Allowed, and not what the key is for.
    other.header["alg"] = "ES256".into();
    let signature = "the signature of the access token is by none of its issuer's keys";
    refused(&site, &other.signed(&key), signature).await;
    // A key that comes with the token counts for nothing, wherever it says it is from.
    let own = Key::p256("own");
    let mut carried = issuer.token(&own);
    carried.header["jwk"] = own.jwk();
    carried.header["jku"] = json!(format!("{}/own", issuer.name));
    issuer.put("/own", &json!({"keys": [own.jwk()]}).to_string());
    refused(&site, &carried.signed(&own), signature).await;
}

#[tokio::test]
async fn what_good_tokens_look_like() {
    let key = Key::ed25519("k");
    let issuer = Issuer::start(&[&key]).await;
    let site = site(&issuer).await;
    let check = async |change: &dyn Fn(&mut Token), holder: &str| {
        let mut token = issuer.token(&key);
        change(&mut token);
        let post = site.modern("tools/call", call("say"));
        let signed = token.signed(&key);
        let response = post.bearer_auth(&signed).send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", challenge(&response));
        let answer = json_of(response).await;
        let text = &answer["result"]["content"][0]["text"];
        let expected = format!("say at 2026-07-28 for {}#{holder}", issuer.name);
        // The tool learns who it is, and nothing of the token.
        assert_eq!(*text, expected);
    };
    let claim = |name: &'static str, value: Value| {
        move |token: &mut Token| token.claims[name] = value.clone()
    };
    let header = |name: &'static str, value: Value| {
        move |token: &mut Token| token.header[name] = value.clone()
    };
    check(&|_| {}, "sub=alice").await;
    check(&claim("aud", json!(["other", RESOURCE])), "sub=alice").await;
    check(&claim("nbf", json!(seconds_from_now(10))), "sub=alice").await;
    check(&claim("exp", json!(seconds_from_now(-10))), "sub=alice").await;
    check(&claim("exp", json!(1e15)), "sub=alice").await;
    check(&claim("exp", json!(4_000_000_000.5)), "sub=alice").await;
    check(&claim("scope", json!("python:run")), "sub=alice").await;
    check(&claim("typ", json!("Bearer")), "sub=alice").await;
    check(&claim("token_use", json!("access")), "sub=alice").await;
    check(&header("typ", json!("JWT")), "sub=alice").await;
    check(&header("typ", json!("application/at+jwt")), "sub=alice").await;
    check(&header("typ", Value::Null), "sub=alice").await;
    check(&header("kid", Value::Null), "sub=alice").await;
    let listed = |token: &mut Token| {
        token.claims.as_object_mut().unwrap().remove("scope");
        token.claims["scp"] = json!(["a", "python:run"]);
    };
    check(&listed, "sub=alice").await;
    // A client that speaks for itself is nobody's subject of the same name.
    let machine = |token: &mut Token| {
        token.claims.as_object_mut().unwrap().remove("sub");
    };
    check(&machine, "client=c").await;
    check(&claim("sub", json!("client=c")), "sub=client=c").await;
}

#[tokio::test]
async fn a_token_is_borne_in_one_header_and_nowhere_else() {
    let key = Key::ed25519("k");
    let issuer = Issuer::start(&[&key]).await;
    let site = site(&issuer).await;
    let token = issuer.token(&key).signed(&key);
    let told = async |authorization: &[&str], query: &str| {
        let mut answers = Vec::new();
        for route in ROUTES {
            let mut request = site.knock(&format!("{route}{query}"));
            for value in authorization {
                request = request.header("authorization", *value);
            }
            let response = request.send().await.unwrap();
            answers.push((response.status().as_u16(), challenge(&response).to_owned()));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "all routes alike: {answers:?}");
        answers.remove(0)
    };
    let asked = (401, format!("Bearer {POINTERS}"));
    assert_eq!(told(&[], "").await, asked);
    assert_eq!(told(&["Basic YTpi"], "").await, asked);
    assert_eq!(told(&[&token], "").await, asked);
    let malformed = |why: &str| {
        let error = "Bearer error=\"invalid_request\", error_description=";
        (400, format!("{error}\"{why}\", {POINTERS}"))
    };
    let bearer = format!("Bearer {token}");
    let twice = malformed("more than one Authorization header");
    assert_eq!(told(&[&bearer, &bearer], "").await, twice);
    assert_eq!(told(&["Basic YTpi", &bearer], "").await, twice);
    let form = malformed("the Authorization header is not of the form Bearer TOKEN");
    assert_eq!(told(&["Bearer"], "").await, form);
    assert_eq!(told(&[&format!("{bearer} {token}")], "").await, form);
    let query =
        malformed("an access token in the address is not taken: it would be written to logs");
    let in_query = format!("?access_token={token}");
    assert_eq!(told(&[], &in_query).await, query);
    assert_eq!(told(&[&bearer], &in_query).await, query);

    for scheme in ["bearer", "BEARER", "Bearer "] {
        let post = site.modern("server/discover", json!({}));
        let post = post.header("authorization", format!("{scheme} {token}"));
        assert_eq!(post.send().await.unwrap().status(), 200, "{scheme}");
    }
    let health = site.client.get(site.url("/healthz")).send().await.unwrap();
    assert_eq!(health.status(), 200);
}

#[tokio::test]
async fn a_token_without_the_scope_is_good_and_not_enough() {
    let key = Key::ed25519("k");
    let issuer = Issuer::start(&[&key]).await;
    let mut settings = issuer.settings();
    settings.scopes.push(Scope::new("python:net").unwrap());
    let both = |http: &mut HttpSettings| http.authorization = Some(settings.clone());
    let site = Site::with(both).await;
    let mut token = issuer.token(&key);
    let expected = "Bearer error=\"insufficient_scope\", error_description=\"the access token lacks a scope that is needed here\", \
        resource_metadata=\"https://py.example.com/.well-known/oauth-protected-resource/mcp\", scope=\"python:run python:net\"";
    for scope in ["", "python:run", "python:net", "python:running python:net"] {
        token.claims["scope"] = scope.into();
        let signed = token.signed(&key);
        for route in ROUTES {
            let response = site.knock(route).bearer_auth(&signed).send().await.unwrap();
            assert_eq!(response.status(), 403, "{route} {scope:?}");
            assert_eq!(challenge(&response), expected);
        }
    }
    token.claims["scope"] = "python:net a python:run".into();
    assert_eq!(site.discover(&token.signed(&key)).await.status(), 200);

    let mut settings = issuer.settings();
    settings.scopes.clear();
    let none = Site::with(|http| http.authorization = Some(settings)).await;
    token.claims["scope"] = "".into();
    assert_eq!(none.discover(&token.signed(&key)).await.status(), 200);
    let asked = none.knock("GET /sse").send().await.unwrap();
    assert!(
        !challenge(&asked).contains("scope"),
        "{}",
        challenge(&asked)
    );
}
