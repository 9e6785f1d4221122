//! The runner as an interpreter has compiled it, in the place of its text.

use bytes::Bytes;

use super::hostile::{connect, failure, ready};
use super::local::Local;
use crate::limits::ResultLimits;
use crate::runner::Runner;
use crate::stream::frame::Frame;
use crate::stream::{LinkSettings, StreamError, Surroundings};

async fn boot(runner: Bytes) -> Result<Local, StreamError> {
    let directory = tempfile::tempdir().unwrap();
    let surroundings = Surroundings::of(0, directory.path().to_str().unwrap());
    Local::boot_of(runner, directory, &surroundings).await
}

/// Warns, shows something, and ends with a value.
const PROGRAM: &str = "import warnings\nwarnings.warn('careful')\ndisplay({'a': 1})\n[2]\n";

/// What a program leaves in a sandbox whose runner came in this form, the names of its directory aside.
async fn all_that_is_seen(local: &mut Local) -> String {
    let program = local.program(PROGRAM).results(ResultLimits::default());
    local.send(program, PROGRAM.as_bytes());
    let finished = local.finish().await.unwrap();
    let directory = local.directory.path().to_str().unwrap();
    format!(
        "{:?} {} {} {:?} {:?}",
        finished.report.exit,
        finished.out(),
        finished.err().replace(directory, ""),
        finished.items,
        finished.said
    )
}

#[tokio::test]
async fn what_one_sandbox_has_compiled_serves_the_next() {
    let runner = Runner::default();
    let mut from_text = boot(runner.code()).await.unwrap();
    runner.learn(from_text.link.take_compiled().unwrap());
    let mut from_code = boot(runner.code()).await.unwrap();
    assert_eq!(from_code.link.take_compiled(), None);
    let seen = all_that_is_seen(&mut from_code).await;
    assert!(seen.contains("careful"), "{seen}");
    assert!(seen.contains("'a'"), "{seen}");
    assert_eq!(all_that_is_seen(&mut from_text).await, seen);
}

#[tokio::test]
async fn the_code_of_another_interpreter_is_no_runner() {
    let first = boot(Runner::default().code()).await.unwrap();
    let mut code = first.link.take_compiled().unwrap().to_vec();
    code[0] ^= 1;
    let failed = boot(Bytes::from(code)).await.map(|_| ()).unwrap_err();
    assert_eq!(failed, StreamError::Closed);
}

#[tokio::test]
async fn it_is_told_once_and_before_anything_else() {
    let code = || Frame::Compiled(Bytes::from_static(b"code"));
    let (_fake, booted) = connect(LinkSettings::default(), &[code(), ready()]).await;
    let link = booted.unwrap();
    assert_eq!(link.take_compiled().as_deref(), Some(&b"code"[..]));
    assert_eq!(link.take_compiled(), None);
    let (_fake, booted) = connect(LinkSettings::default(), &[code(), code(), ready()]).await;
    assert_eq!(booted.unwrap_err(), StreamError::OutOfOrder("Compiled"));
    let (mut fake, booted) = connect(LinkSettings::default(), &[ready()]).await;
    fake.say(&[code()]).await;
    let failed = failure(&mut booted.unwrap()).await;
    assert_eq!(failed, StreamError::OutOfOrder("Compiled"));
}
