//! A page that asks for what no page may have, in a browser of a program's, in the world around the server.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::abroad::{self, Visit};
use super::evidence::Evidence;
use super::program::Program;
use super::scene::Side;
use super::servers::BROWSER_LIMITS;
use super::stage::Stage;
use super::world::PUBLIC;

pub(super) const PROGRAM: &str = include_str!("programs/browser.py");
/// How long a browser with its page may take.
const TIME: Duration = Duration::from_secs(90);
/// What the page may have; without it nothing is shown by what it did not get.
const ALLOWED: &str = "B00.page";

/// Where each attack leads.
const TARGETS: &[(&str, &str)] = &[
    ("B04.metadata", "http://169.254.169.254"),
    ("B04.lan", "http://10.1.2.3"),
    ("B04.loopback", "http://127.0.0.1"),
    ("B04.own-address", OWN_PAGE),
    ("B04.name", "http://private.attack.test"),
    ("B04.rebinding", "http://rebind.attack.test"),
    ("B04.redirect", REDIRECTING),
];
const OWN_PAGE: &str = "http://51.15.0.2";
const REDIRECTING: &str = "http://93.184.215.14/redirect";

/// Opens the page on one side.
pub(super) fn play(
    stage: &Stage<'_>,
    side: &mut Side<'_>,
    ids: &[&'static str],
) -> Result<Evidence> {
    let visit = Visit {
        server: "pages",
        limits: BROWSER_LIMITS,
        program: &|proxy| Program::new(PROGRAM, ids, told(ids, proxy)),
        time: TIME,
    };
    abroad::play(stage, ids, |world| {
        let evidence = visit.play(stage, world, side)?;
        if !world.heard().0.contains(ALLOWED) {
            bail!(
                "the page did not even get what it may have: {:?}",
                evidence.output
            );
        }
        Ok(evidence)
    })
}

fn told(ids: &[&'static str], proxy: Option<&str>) -> Value {
    let chosen = TARGETS.iter().filter(|(id, _)| ids.contains(id));
    let allowed = (ALLOWED, format!("http://{PUBLIC}"));
    let mut targets = vec![json!([allowed.0, allowed.1])];
    // A name that leads elsewhere every other time is asked often enough to meet both.
    for (id, place) in chosen {
        let often = if *id == "B04.rebinding" { 8 } else { 1 };
        targets.extend((0..often).map(|time| json!([id, format!("{place}/{time}")])));
    }
    json!({ "targets": targets, "proxy": proxy })
}

#[cfg(test)]
mod tests {
    use super::super::world::OWN;
    use super::*;

    #[test]
    fn the_addresses_are_those_of_the_world() {
        assert_eq!(OWN_PAGE, format!("http://{OWN}"));
        assert!(REDIRECTING.starts_with(&format!("http://{PUBLIC}/")));
    }
}
