//! Where keys come from, when they are fetched, and what happens while they cannot be.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use server_sse::{HttpSettings, Issuer as IssuerName, KeysUrl};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use super::challenge;
use super::issuer::{Issuer, Key};
use crate::site::{PATIENCE, Site};

/// How long the issuer is left alone, where a test waits for that.
const PAUSE: Duration = Duration::from_millis(300);

fn impatient(change: impl FnOnce(&mut HttpSettings)) -> impl FnOnce(&mut HttpSettings) {
    |http| {
        change(http);
        http.keys_pause = PAUSE;
    }
}

/// Asks until the status comes that must come.
async fn until(site: &Site, token: &str, status: u16) {
    let began = Instant::now();
    while site.discover(token).await.status() != status {
        assert!(began.elapsed() < PATIENCE, "never a {status}");
        sleep(PAUSE / 4).await;
    }
}

#[tokio::test]
async fn new_keys_are_fetched_when_a_token_names_one() {
    let (old, new) = (Key::p256("old"), Key::ed25519("new"));
    let issuer = Issuer::start(&[&old]).await;
    let site = Site::with(impatient(issuer.taken())).await;
    let (by_old, by_new) = (issuer.token(&old), issuer.token(&new));
    let (by_old, by_new) = (by_old.signed(&old), by_new.signed(&new));
    until(&site, &by_old, 200).await;
    assert_eq!(site.discover(&by_new).await.status(), 401);
    issuer.publish(&[&old, &new]);
    until(&site, &by_new, 200).await;
    assert_eq!(site.discover(&by_old).await.status(), 200);
    // A key that was withdrawn counts for nothing once anything made us look.
    issuer.publish(&[&new]);
    let mut unknown = issuer.token(&new);
    unknown.header["kid"] = "unknown".into();
    let unknown = unknown.signed(&new);
    let began = Instant::now();
    while site.discover(&by_old).await.status() != 401 {
        assert!(began.elapsed() < PATIENCE);
        assert_eq!(site.discover(&unknown).await.status(), 401);
        sleep(PAUSE / 4).await;
    }
}

#[tokio::test]
async fn a_key_without_a_name_may_be_new_as_well() {
    let (old, new) = (Key::p256("a"), Key::p256("b"));
    let issuer = Issuer::start(&[&old]).await;
    let site = Site::with(impatient(issuer.taken())).await;
    let mut token = issuer.token(&new);
    token.header.as_object_mut().unwrap().remove("kid");
    assert_eq!(site.discover(&token.signed(&new)).await.status(), 401);
    assert_eq!(site.discover(&token.signed(&old)).await.status(), 200);
    issuer.publish(&[&new]);
    until(&site, &token.signed(&new), 200).await;
}

#[tokio::test]
async fn keys_that_nobody_has_are_not_asked_for_again_and_again() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]).await;
    let site = Site::with(|http| {
        issuer.taken()(http);
        http.keys_pause = Duration::from_secs(3600);
    })
    .await;
    assert_eq!(
        site.discover(&issuer.token(&key).signed(&key))
            .await
            .status(),
        200
    );
    for number in 0..20 {
        let mut token = issuer.token(&key);
        token.header["kid"] = json!(format!("k{number}"));
        assert_eq!(site.discover(&token.signed(&key)).await.status(), 401);
        token.header.as_object_mut().unwrap().remove("kid");
        assert_eq!(
            site.discover(&token.signed(&Key::p256("x"))).await.status(),
            401
        );
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn many_who_wait_wait_for_the_same_answer() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]).await;
    issuer.hold(true);
    let site = Site::with(issuer.taken()).await;
    let token = issuer.token(&key).signed(&key);
    let asking = join_all((0..20).map(|_| site.discover(&token)));
    let letting_go = async {
        // Whoever gives up waiting takes nothing from the others.
        let one = tokio::time::timeout(Duration::from_millis(200), site.discover(&token));
        assert!(one.await.is_err(), "it cannot know yet");
        issuer.hold(false);
    };
    let (responses, ()) = tokio::join!(asking, letting_go);
    assert!(responses.iter().all(|response| response.status() == 200));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let key = Key::p256("k");
    let issuer = Issuer::on(listener, &[&key]);
    let taken = impatient(issuer.taken());
    let token = issuer.token(&key).signed(&key);
    issuer.end().await;
    let site = Site::with(taken).await;
    // Nobody can say whether the token is good: that is no reason to throw it away.
    let refused = site.discover(&token).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(challenge(&refused), "");
    // What needs no keys to be judged is judged.
    let asked = site.knock("POST /mcp").send().await.unwrap();
    assert_eq!(asked.status(), 401);
    assert_eq!(site.discover("nonsense").await.status(), 401);
    let issuer = Issuer::on(TcpListener::bind(address).await.unwrap(), &[&key]);
    until(&site, &token, 200).await;
    issuer.end().await;
}

#[tokio::test]
async fn the_last_good_keys_are_kept_while_the_issuer_is_down() {
    let (key, new) = (Key::p256("k"), Key::p256("new"));
    let issuer = Issuer::start(&[&key]).await;
    let site = Site::with(impatient(issuer.taken())).await;
    let token = issuer.token(&key).signed(&key);
    let by_new = issuer.token(&new).signed(&new);
    until(&site, &token, 200).await;
    issuer.put("/keys", "");
    // It may be one that cannot be fetched now.
    until(&site, &by_new, 503).await;
    assert_eq!(site.discover(&token).await.status(), 200);
    issuer.put("/keys", "<html>");
    sleep(PAUSE).await;
    assert_eq!(site.discover(&by_new).await.status(), 503);
    assert_eq!(site.discover(&token).await.status(), 200);
    issuer.end().await;
    assert_eq!(site.discover(&token).await.status(), 200);
}

#[tokio::test]
async fn the_metadata_are_found_in_every_usual_place() {
    let key = Key::p256("k");
    let places = [
        "/.well-known/oauth-authorization-server/realms/x",
        "/.well-known/openid-configuration/realms/x",
        "/realms/x/.well-known/openid-configuration",
    ];
    for place in places {
        let mut issuer = Issuer::start(&[&key]).await;
        issuer.put("/.well-known/oauth-authorization-server", "");
        let keys = format!("{}/keys", issuer.name);
        issuer.name.push_str("/realms/x");
        let metadata = json!({"issuer": issuer.name, "jwks_uri": keys, "other": [1]});
        issuer.put(place, &metadata.to_string());
        let site = Site::with(issuer.taken()).await;
        let token = issuer.token(&key).signed(&key);
        assert_eq!(site.discover(&token).await.status(), 200, "{place}");
    }
}

#[tokio::test]
async fn metadata_that_are_about_somebody_else_count_for_nothing() {
    let key = Key::p256("k");
    let check = async |metadata: &dyn Fn(&Issuer) -> String, status: u16| {
        let issuer = Issuer::start(&[&key]).await;
        issuer.put(
            "/.well-known/oauth-authorization-server",
            &metadata(&issuer),
        );
        let site = Site::with(issuer.taken()).await;
        let token = issuer.token(&key).signed(&key);
        assert_eq!(site.discover(&token).await.status(), status);
    };
    let metadata =
        |issuer: String, keys: String| json!({"issuer": issuer, "jwks_uri": keys}).to_string();
    let keys = |issuer: &Issuer| format!("{}/keys", issuer.name);
    check(&|issuer| metadata(issuer.name.clone(), keys(issuer)), 200).await;
    check(
        &|issuer| metadata(format!("{}/", issuer.name), keys(issuer)),
        503,
    )
    .await;
    check(
        &|issuer| metadata("https://login.example.com".into(), keys(issuer)),
        503,
    )
    .await;
    check(
        &|issuer| metadata(issuer.name.clone(), "http://keys.example.com".into()),
        503,
    )
    .await;
    check(&|_| "{}".into(), 503).await;
    // More than anybody needs is not read.
    check(
        &|issuer| metadata(issuer.name.clone(), keys(issuer)) + &" ".repeat(300 * 1024),
        503,
    )
    .await;
}

#[tokio::test]
async fn an_address_of_keys_that_is_given_is_not_asked_for() {
    let key = Key::p256("k");
    let issuer = Issuer::start(&[&key]).await;
    issuer.put("/.well-known/oauth-authorization-server", "");
    let mut settings = issuer.settings();
    let url = format!("{}/keys", issuer.name);
    settings.keys_url = KeysUrl::new(&url).ok();
    let site = Site::with(|http| http.authorization = Some(settings)).await;
    let token = issuer.token(&key).signed(&key);
    assert_eq!(site.discover(&token).await.status(), 200);
}

#[tokio::test]
async fn the_keys_of_one_issuer_are_no_keys_of_another() {
    let (one, two) = (Key::p256("k"), Key::p256("k"));
    let (first, second) = (Issuer::start(&[&one]).await, Issuer::start(&[&two]).await);
    let mut settings = first.settings();
    settings
        .issuers
        .push(IssuerName::new(&second.name).unwrap());
    let site = Site::with(|http| http.authorization = Some(settings)).await;
    let check = async |issuer: &Issuer, key: &Key, status: u16| {
        let token = issuer.token(key).signed(key);
        assert_eq!(site.discover(&token).await.status(), status);
    };
    check(&first, &one, 200).await;
    check(&second, &two, 200).await;
    check(&first, &two, 401).await;
    check(&second, &one, 401).await;
}
