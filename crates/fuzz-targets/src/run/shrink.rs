//! Makes an input that breaks something shorter, so that a person can read it.

use std::time::{Duration, Instant};

use super::attempt;
use crate::target::Target;

/// How long is spent on it.
const TIME: Duration = Duration::from_secs(10);

/// The shortest input found that still breaks what `input` breaks: pieces are taken out for as long as that helps.
#[must_use]
pub fn shrink(target: &Target, input: &[u8]) -> Vec<u8> {
    let end = Instant::now() + TIME;
    let mut best = input.to_vec();
    let Err(first) = attempt(target, input) else {
        return best;
    };
    // Numbers and quotes in a breach change as the input does; how it begins tells one from another.
    let kind: String = first.0.chars().take(24).collect();
    let mut piece = best.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at < best.len() {
            if Instant::now() >= end {
                return best;
            }
            let until = (at + piece).min(best.len());
            let mut shorter = best.clone();
            shorter.drain(at..until);
            match attempt(target, &shorter) {
                Err(breach) if breach.0.starts_with(&kind) => best = shorter,
                _ => at += piece,
            }
        }
        piece /= 2;
    }
    best
}
