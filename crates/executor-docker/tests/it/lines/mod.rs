//! Every line of the hardening is held by a look: each is taken out or weakened on its way to a
//! real engine, and what was to notice that must.
//!
//! The engine is honest while the backend prepares, and every promise is accepted, so that it is
//! the look that notices and not the preparation, whose own proof is in `lies.rs`.

mod filter;
mod holds;
mod look;
mod table;
mod unheld;

use std::collections::BTreeSet;

use serde_json::Value;

use self::holds::{HOLDS, HOLDS_WHERE_FOUND};
use self::look::{Found, Lab};
use self::table::{ENDS, IDENTITY, LEFT_ALONE, LIMITS, LIMITS_OF_V1, Line, PLACES, STORE};
use self::unheld::NOT_LOOKED_AT;

#[tokio::test]
async fn a_sandbox_holds_what_is_looked_at() {
    let Some(lab) = Lab::open("a sandbox holds").await else {
        return;
    };
    let found = lab.look(|_| {}).await;
    lab.close().await;
    assert_eq!(broken(&found), BTreeSet::new(), "{found:#?}");
}

#[tokio::test]
async fn each_line_of_identity_is_noticed() {
    check("lines of identity", IDENTITY).await;
}

#[tokio::test]
async fn each_line_of_places_is_noticed() {
    check("lines of places", PLACES).await;
}

#[tokio::test]
async fn each_line_of_the_store_is_noticed() {
    check("lines of the store", STORE).await;
}

#[tokio::test]
async fn each_limit_is_noticed() {
    check("lines of limits", LIMITS).await;
    if std::path::Path::new("/sys/fs/cgroup/memory").exists() {
        check("lines of limits", LIMITS_OF_V1).await;
    }
}

#[tokio::test]
async fn each_line_of_ends_is_noticed() {
    let Some(lab) = Lab::open("lines of ends").await else {
        return;
    };
    assert_eq!(lab.ends(|_| {}).await["after-its-end"], "kept");
    for line in ENDS {
        let found = lab.ends(line.lie).await;
        assert_ne!(found["after-its-end"], "kept", "{}", line.path);
    }
    assert_eq!(lab.left_alone(|_| {}).await["left-alone"], "ends");
    for line in LEFT_ALONE {
        let found = lab.left_alone(line.lie).await;
        assert_ne!(found["left-alone"], "ends", "{}", line.path);
    }
    lab.close().await;
}

/// A new line is looked at, or says why not.
#[test]
fn no_line_is_forgotten() {
    let body: Value =
        serde_json::from_str(include_str!("../../../golden/create-docker-store.json")).unwrap();
    let mut paths = Vec::new();
    leaves("", &body, &mut paths);
    let tables = [
        IDENTITY,
        PLACES,
        STORE,
        LIMITS,
        LIMITS_OF_V1,
        ENDS,
        LEFT_ALONE,
    ];
    let looked_at: Vec<&str> = tables
        .iter()
        .flat_map(|lines| lines.iter())
        .filter_map(|line| line.path.split(' ').next())
        .chain(NOT_LOOKED_AT.iter().map(|(path, _)| *path))
        .collect();
    let of = |path: &str, known: &str| {
        let rest = path.strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    paths.retain(|path| !looked_at.iter().any(|known| of(path, known)));
    assert_eq!(paths, Vec::<String>::new());
}

/// The names that a look did not find as they must be.
fn broken(found: &Found) -> BTreeSet<&'static str> {
    if found["start"] != "done" {
        return BTreeSet::from(["start"]);
    }
    let where_found = HOLDS_WHERE_FOUND.iter();
    let where_found = where_found.filter(|(name, _)| found.contains_key(*name));
    HOLDS
        .iter()
        .chain(where_found)
        .filter(|(name, value)| found.get(*name).map(String::as_str) != Some(*value))
        .map(|(name, _)| *name)
        .collect()
}

/// That each line is noticed by what is named with it when it is taken out.
async fn check(what: &str, lines: &[Line]) {
    let Some(lab) = Lab::open(what).await else {
        return;
    };
    let mut unnoticed = Vec::new();
    for line in lines {
        let found = lab.look(line.lie).await;
        let broken = broken(&found);
        println!("{}: {}: noticed by {broken:?}", line.path, line.weaker);
        let expected = line.noticed.iter().all(|name| broken.contains(name));
        if broken.is_empty() || !expected {
            unnoticed.push(format!("{}: {}: {broken:?}", line.path, line.weaker));
        }
    }
    lab.close().await;
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

/// The paths of everything that is not an object.
fn leaves(path: &str, value: &Value, found: &mut Vec<String>) {
    let Some(object) = value.as_object() else {
        found.push(path.trim_start_matches('.').to_owned());
        return;
    };
    for (name, value) in object {
        leaves(&format!("{path}.{name}"), value, found);
    }
}
