//! Leftovers of dead servers: found by label, judged by the engine's clock, removed.
//!
//! What a container of ours is goes by [`Labels::of_container`]; nothing else is ever touched, but for
//! processes of the runtime that name such a container.

use std::time::Duration;

use executor_core::backend::SweepReport;
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;

use crate::client::{Client, Listed, ListedState, Removal};
use crate::error::DockerError;
use crate::forgotten;
use crate::labels::Labels;
use crate::orphans;
use crate::process::{Fate, ProcessMark};
use crate::reaper::{Reaper, Stage};
use crate::runtime;

/// A container that was made and not started for so long was left by somebody who died between.
const START_GRACE: i64 = 60;
/// A container that has ended gets so long for its living owner to look at why.
const END_GRACE: Duration = Duration::from_secs(2);
/// So many removals run side by side.
const SIDE_BY_SIDE: usize = 4;

/// Removes the leftovers. It looks twice when it found some that have only just ended perhaps:
/// those that are still there after [`END_GRACE`] have no owner who cares.
pub(crate) async fn sweep(
    client: &Client,
    owner: Uuid,
    reaper: &Reaper,
) -> Result<SweepReport, DockerError> {
    // Asked for the engine's time too, which starts rely on until the next sweep.
    let facts = client.facts().await?;
    let here = ProcessMark::current();
    let own = Own {
        owner,
        stage: &|name| reaper.stage(name),
        fate: &|process| {
            here.as_ref()
                .map_or(Fate::Unknown, |here| process.fate(here))
        },
        leapt_since: &|created| client.leapt_since(created),
    };

    let first = judge(client.list().await?, client.now()?, &own);
    let mut leftovers = first.remove;
    if !first.ended.is_empty() {
        tokio::time::sleep(END_GRACE).await;
        let still_there = judge(client.list().await?, client.now()?, &own);
        leftovers.extend(
            still_there
                .ended
                .into_iter()
                .filter(|leftover| first.ended.contains(leftover)),
        );
    }

    let mut report = SweepReport::new(first.found, 0, 0);
    let mut removals = stream::iter(leftovers)
        .map(|leftover| remove(client, leftover))
        .buffer_unordered(SIDE_BY_SIDE);
    while let Some((name, outcome)) = removals.next().await {
        match outcome {
            Ok(Removal::Done) => {
                tracing::info!(container = name, "removed a leftover");
                report.removed += 1;
            }
            // Somebody else was faster.
            Ok(Removal::Absent | Removal::InProgress) => {}
            Err(error) => {
                tracing::warn!(container = name, %error, "could not remove a leftover");
                report.failed += 1;
            }
        }
    }
    drop(removals);
    if runtime::knows_gvisor(&facts) {
        end_forgotten(client, &facts.directory).await?;
    }
    Ok(report)
}

/// Ends what runs of sandboxes that the engine knows no more.
async fn end_forgotten(client: &Client, engine: &str) -> Result<(), DockerError> {
    for id in forgotten::containers(engine) {
        if !client.status(&id).await?.there {
            orphans::end(&id).await;
        }
    }
    Ok(())
}

/// Removes one, with what its runtime may have left beside it.
async fn remove(client: &Client, leftover: Leftover) -> (String, Result<Removal, DockerError>) {
    let Leftover { name, id } = leftover;
    let outcome = client.remove(&name).await;
    if matches!(outcome, Ok(Removal::Done | Removal::Absent)) {
        orphans::end(&id).await;
    }
    (name, outcome)
}

/// What this process owns, and what it can see of others.
struct Own<'a> {
    owner: Uuid,
    stage: &'a (dyn Fn(&str) -> Option<Stage> + Sync),
    fate: &'a (dyn Fn(&ProcessMark) -> Fate + Sync),
    /// How far the engine's clock was set forward since a time by it.
    leapt_since: &'a (dyn Fn(i64) -> i64 + Sync),
}

/// A list, judged.
#[derive(Debug, Default, PartialEq, Eq)]
struct Judged {
    /// How many are ours, whichever server's.
    found: usize,
    /// To be removed at once.
    remove: Vec<Leftover>,
    /// Ended; another living server may be about to look at them.
    ended: Vec<Leftover>,
}

/// A container that nobody needs any more.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Leftover {
    name: String,
    /// The engine's own id, by which processes of its runtime name it.
    id: String,
}

fn judge(listed: Vec<Listed>, now: i64, own: &Own<'_>) -> Judged {
    let mut judged = Judged::default();
    for container in listed {
        let Some(labels) = Labels::of_container(&container.name, &container.labels) else {
            continue;
        };
        judged.found += 1;
        // Times of before a leap of the clock are moved along with it.
        let leap = (own.leapt_since)(container.created);
        let overdue = labels.deadline.saturating_add(leap) < now;
        let fate = labels.process.as_ref().map_or(Fate::Unknown, own.fate);
        let stage = (own.stage)(&container.name);
        let abandoned = match container.state {
            _ if matches!(stage, Some(Stage::Starting | Stage::Removing)) => false,
            // Its holder sees to it, in its time.
            _ if let Some(Stage::Alive { since, lifetime }) = stage => since.elapsed() > lifetime,
            // Our own, and nobody here knows of it: the reaper gave it up.
            _ if labels.owner == own.owner => true,
            _ if fate == Fate::Gone => true,
            // Its owner sees to it and looks for it himself, whatever a clock says.
            ListedState::Created | ListedState::Running if fate == Fate::Alive => false,
            _ if overdue => true,
            ListedState::Created => {
                let left = container.created.saturating_add(START_GRACE);
                left.saturating_add(leap) < now
            }
            ListedState::Running => false,
            // A removal that failed is listed as one that goes on, for ever (Docker 20.10); to ask again
            // for one that does go on changes nothing.
            ListedState::Ended | ListedState::Removing => {
                judged.ended.push(leftover(container));
                continue;
            }
        };
        if abandoned {
            judged.remove.push(leftover(container));
        }
    }
    judged
}

fn leftover(container: Listed) -> Leftover {
    Leftover {
        name: container.name,
        id: container.id,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const NOW: i64 = 1_000_000;

    /// What becomes of a container of `owner` in `state`, made `age` seconds ago, with so many
    /// seconds left to its deadline.
    #[track_caller]
    fn check(owner: Uuid, state: ListedState, age: i64, left: i64, expected: &str) {
        let us = Uuid::from_u128(1);
        let run = "a".repeat(32);
        let labels = Labels {
            owner,
            run: run.clone(),
            deadline: NOW + left,
            process: None,
        };
        let name = format!("mcp-python-{run}");
        let listed = Listed {
            name,
            id: String::new(),
            labels: labels.to_map(),
            state,
            created: NOW - age,
        };
        let own = Own {
            owner: us,
            stage: &|_| None,
            fate: &|_| Fate::Unknown,
            leapt_since: &|_| 0,
        };
        let judged = judge(vec![listed.clone()], NOW, &own);
        let verdict = match (judged.remove.len(), judged.ended.len()) {
            (0, 0) => "stays",
            (1, 0) => "goes",
            (0, 1) => "goes unless its owner looks",
            _ => "goes twice",
        };
        assert_eq!(verdict, expected, "{listed:?}");
        assert_eq!(judged.found, 1);

        for stage in [Stage::Starting, Stage::Removing] {
            let held = Own {
                owner: us,
                stage: &|_| Some(stage),
                fate: &|_| Fate::Gone,
                leapt_since: &|_| 0,
            };
            let judged = judge(vec![listed.clone()], NOW, &held);
            assert_eq!(
                judged,
                Judged {
                    found: 1,
                    ..Judged::default()
                },
                "{stage:?} here"
            );
        }
        // Whatever the engine's clock says, which may just have been set.
        for lifetime in [Duration::ZERO, Duration::from_secs(1000)] {
            let since = Instant::now();
            while since.elapsed().is_zero() {}
            let held = Own {
                owner: us,
                stage: &|_| Some(Stage::Alive { since, lifetime }),
                fate: &|_| Fate::Gone,
                leapt_since: &|_| 0,
            };
            let judged = judge(vec![listed.clone()], NOW, &held);
            let over = lifetime.is_zero();
            assert_eq!(judged.remove.len(), usize::from(over), "{listed:?} alive");
        }
    }

    #[test]
    fn only_what_nobody_needs_goes() {
        let (us, them) = (Uuid::from_u128(1), Uuid::from_u128(2));
        check(them, ListedState::Running, 500, 100, "stays");
        check(them, ListedState::Running, 500, -1, "goes");
        check(them, ListedState::Created, 59, 100, "stays");
        check(them, ListedState::Created, 61, 100, "goes");
        check(
            them,
            ListedState::Ended,
            5,
            100,
            "goes unless its owner looks",
        );
        check(them, ListedState::Ended, 500, -1, "goes");
        check(them, ListedState::Removing, 500, -1, "goes");
        check(
            them,
            ListedState::Removing,
            5,
            100,
            "goes unless its owner looks",
        );
        check(us, ListedState::Running, 5, 100, "goes");
        check(us, ListedState::Created, 5, 100, "goes");
        check(us, ListedState::Ended, 5, 100, "goes");
    }

    #[test]
    fn what_a_dead_process_left_goes_at_once() {
        let run = "a".repeat(32);
        let labels = Labels {
            owner: Uuid::from_u128(2),
            run: run.clone(),
            deadline: NOW + 100,
            process: "boot/1/2/3".parse().ok(),
        };
        for state in [
            ListedState::Created,
            ListedState::Running,
            ListedState::Ended,
        ] {
            let listed = Listed {
                name: format!("mcp-python-{run}"),
                id: String::new(),
                labels: labels.to_map(),
                state,
                created: NOW,
            };
            for fate in [Fate::Gone, Fate::Unknown, Fate::Alive] {
                let own = Own {
                    owner: Uuid::from_u128(1),
                    stage: &|_| None,
                    fate: &|process| match process.to_string() == "boot/1/2/3" {
                        true => fate,
                        false => Fate::Unknown,
                    },
                    leapt_since: &|_| 0,
                };
                let judged = judge(vec![listed.clone()], NOW, &own);
                let goes = usize::from(fate == Fate::Gone);
                assert_eq!(judged.remove.len(), goes, "{state:?} {fate:?}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_takes_nobody_anything() {
        // A year too late by the clock: the sweep knows that it was set, or sees that the owner lives.
        let late = NOW + 365 * 86_400;
        let run = "a".repeat(32);
        let labels = Labels {
            owner: Uuid::from_u128(2),
            run: run.clone(),
            deadline: NOW + 100,
            process: "boot/1/2/3".parse().ok(),
        };
        for state in [ListedState::Created, ListedState::Running] {
            for (fate, leap, goes) in [
                (Fate::Unknown, 0, 1),
                (Fate::Unknown, 365 * 86_400, 0),
                (Fate::Alive, 0, 0),
                (Fate::Gone, 365 * 86_400, 1),
            ] {
                let listed = Listed {
                    name: format!("mcp-python-{run}"),
                    id: String::new(),
                    labels: labels.to_map(),
                    state,
                    created: NOW,
                };
                let own = Own {
                    owner: Uuid::from_u128(1),
                    stage: &|_| None,
                    fate: &|_| fate,
                    leapt_since: &|created| if created == NOW { leap } else { 0 },
                };
                let judged = judge(vec![listed], late, &own);
                assert_eq!(judged.remove.len(), goes, "{state:?} {fate:?} {leap}");
            }
        }
    }

    #[test]
    fn look_alikes_are_not_even_counted() {
        let labels = Labels {
            owner: Uuid::nil(),
            run: "a".repeat(32),
            deadline: 0,
            process: None,
        };
        let listed = Listed {
            name: "somebody-elses".to_owned(),
            id: String::new(),
            labels: labels.to_map(),
            state: ListedState::Ended,
            created: 0,
        };
        let own = Own {
            owner: Uuid::nil(),
            stage: &|_| None,
            fate: &|_| Fate::Unknown,
            leapt_since: &|_| 0,
        };
        assert_eq!(judge(vec![listed], NOW, &own), Judged::default());
    }
}
