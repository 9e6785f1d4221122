//! Laws 5 and 6 are the executor's: their liars are event lists that no backend could cause.

use executor_core::id::SandboxId;
use executor_core::{Ending, Event, Outcome, OutputStream};
use executor_testkit::laws::{check_ended_is_last, check_started_is_first};

fn started() -> Event {
    Event::Started(SandboxId::random().unwrap())
}

fn output() -> Event {
    Event::Output {
        stream: OutputStream::Stdout,
        bytes: "x".into(),
    }
}

fn ended() -> Event {
    Event::Ended(Box::new(Outcome::of(Ending::Exited(0))))
}

fn progress() -> Event {
    Event::Progress("pulling".to_owned())
}

#[test]
fn law_05_notices_a_late_a_second_and_no_started() {
    assert!(check_started_is_first(&[progress(), started(), output(), ended()]).is_ok());
    for lie in [
        vec![output(), started(), ended()],
        vec![started(), output(), started(), ended()],
        vec![output(), ended()],
        vec![],
    ] {
        assert!(check_started_is_first(&lie).is_err(), "{lie:?}");
    }
}

#[test]
fn law_06_notices_an_early_a_second_and_no_ended() {
    assert!(check_ended_is_last(&[started(), output(), ended()]).is_ok());
    for lie in [
        vec![started(), ended(), output()],
        vec![started(), ended(), ended()],
        vec![started(), output()],
        vec![],
    ] {
        assert!(check_ended_is_last(&lie).is_err(), "{lie:?}");
    }
}
