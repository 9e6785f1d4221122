//! The anchors that people have without us: `docker run` for each program, one after another or side by side, and
//! `docker exec` in a container that lives.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use super::server::{PRINTED, PROGRAM};
use super::stage::Stage;
use crate::image;

/// How the program is given to Python.
const PYTHON: [&str; 4] = ["python3", "-I", "-c", PROGRAM];

/// One `docker run` of the program in a new container without a network, until the command has ended.
pub(super) fn run(stage: &Stage<'_>) -> Result<Duration> {
    timed(stage.docker_run()?.arg(image::IMAGE).args(PYTHON))
}

/// One `docker exec` of the program in a container that many programs share.
pub(super) fn exec(stage: &Stage<'_>) -> Result<Duration> {
    let living = stage.living()?;
    timed(stage.docker()?.args(["exec", living]).args(PYTHON))
}

/// The best rate, in programs a second, of `docker run` with so many side by side, each with `count` in all.
pub(super) fn best_rate(stage: &Stage<'_>, side_by_side: &[usize], count: u32) -> Result<f64> {
    let mut best = 0.0_f64;
    for &threads in side_by_side {
        let took = run_together(stage, threads, count)?;
        best = best.max(f64::from(count) / took.as_secs_f64());
    }
    Ok(best)
}

/// Runs so many, with this many at any time.
fn run_together(stage: &Stage<'_>, threads: usize, count: u32) -> Result<Duration> {
    let count = usize::try_from(count).context("too many runs")?;
    let begun = AtomicUsize::new(0);
    let mut template = stage.docker_run()?;
    template.arg(image::IMAGE).args(PYTHON);
    let template = &template;
    let started = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    while begun.fetch_add(1, Ordering::Relaxed) < count {
                        timed(&mut copy_of(template))?;
                    }
                    Ok(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err(anyhow!("a thread with `docker run` panicked")))
        })
    })?;
    Ok(started.elapsed())
}

/// A command of the same words and variables.
fn copy_of(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => copy.env(name, value),
            None => copy.env_remove(name),
        };
    }
    copy
}

/// Runs a command that must print what the program prints.
fn timed(command: &mut Command) -> Result<Duration> {
    let asked = Instant::now();
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("cannot start `docker`")?;
    let took = asked.elapsed();
    if !output.status.success() || output.stdout != PRINTED.as_bytes() {
        bail!(
            "`docker` ended with {} and printed {:?}: {}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(took)
}

/// Runs a program that prints much, and reads all of it.
pub(super) fn run_printing(stage: &Stage<'_>, program: &str, bytes: u64) -> Result<Duration> {
    let asked = Instant::now();
    let mut run = stage.docker_run()?;
    let mut child = run
        .args([image::IMAGE, "python3", "-I", "-c", program])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start `docker run`")?;
    let mut output = child.stdout.take().context("no standard output")?;
    let mut piece = vec![0; 64 * 1024];
    let mut read = 0;
    loop {
        match output.read(&mut piece).context("cannot read the output")? {
            0 => break,
            count => read += u64::try_from(count).unwrap_or(u64::MAX),
        }
    }
    let status = child.wait().context("cannot wait for `docker run`")?;
    if !status.success() || read != bytes {
        bail!("`docker run` ended with {status} after {read} of {bytes} bytes");
    }
    Ok(asked.elapsed())
}
