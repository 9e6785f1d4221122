//! Much at once: a hundred megabytes that a program prints or reads from the network, and files that it leaves.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::Value;

use super::super::message::Call;
use super::super::scenario::{Bound, Readings, Row, Scale, Scenario, Unit};
use super::super::talk::Transport;
use super::python::in_image;
use super::server::Server;
use super::stage::Stage;
use super::{DRUN, PY, docker};
use crate::{image, pages, process};

/// From the call to the answer.
const OUTPUT: &str = "100 MB of output";
/// Bytes of a line, its end included.
const LINE: u64 = 50_000;

/// From the call to the answer, which links to them.
const FILES: &str = "30 MB of files";
/// How many, so that none is too large to be kept.
const PIECES: usize = 2;
/// The program that writes them; what stands in braces is known only then.
const WRITES: &str =
    "for at in range({pieces}): open(f'{place}/{at}.bin', 'wb').write(bytes({each}))";

/// From the request to the last byte, as the program itself sees it.
const DOWNLOAD: &str = "100 MB through the gateway";
/// The program that reads them and prints how many there were, and the seconds.
const READS: &str = "\
import time, urllib.request
begun, total = time.perf_counter(), 0
with urllib.request.urlopen(\"{url}\") as body:
    while piece := body.read(1 << 20): total += len(piece)
print(total, time.perf_counter() - begun)
";
/// The name under which programs reach the bench.
const HOST: &str = "data.bench";
/// How long a program may take to come.
const COMES_WITHIN: Duration = Duration::from_secs(60);
/// What is written at once.
const PIECE: usize = 256 * 1024;

/// The scenario.
#[derive(Debug)]
pub(super) struct Throughput<'s> {
    pub(super) stage: &'s Stage<'s>,
}

impl Scenario for Throughput<'_> {
    fn name(&self) -> String {
        "throughput".to_owned()
    }

    fn subjects(&self) -> Vec<&'static str> {
        vec!["ours", DRUN, PY]
    }

    fn rows(&self) -> Vec<Row> {
        [(OUTPUT, DRUN), (FILES, DRUN), (DOWNLOAD, PY)]
            .map(|(reading, anchor)| Row {
                reading: reading.to_owned(),
                unit: Unit::Seconds,
                anchor: Some(anchor),
                bound: Bound::None,
                aim: None,
            })
            .to_vec()
    }

    fn most_rounds(&self) -> usize {
        3
    }

    fn prepare(&self, _scale: &Scale) -> Result<()> {
        self.stage.root().map(|_root| ())
    }

    fn measure(&self, subject: &str, scale: &Scale) -> Result<Readings> {
        let mut readings = Readings::default();
        let lines = scale.pick(400, 2000);
        let each = scale.pick(3_000_000, 15_000_000);
        let download = scale.pick(20_000_000, 100_000_000);
        match subject {
            DRUN => {
                let took = docker::run_printing(self.stage, &prints(lines), lines * LINE)?;
                readings.note_time(OUTPUT, took);
                readings.note_time(FILES, self.files_of_docker(each)?);
            }
            PY => readings.note(DOWNLOAD, self.download_of_python(download)?),
            _ => {
                self.output(&mut readings, lines)?;
                self.files(&mut readings, each)?;
                self.download(&mut readings, download)?;
            }
        }
        Ok(readings)
    }
}

impl<'s> Throughput<'s> {
    /// A server that has a sandbox waiting, and looks for what others left on the way.
    fn server(&self, settings: &[&str]) -> Result<Server<'s>> {
        let mut server = Server::start(self.stage, Transport::Stdio, settings)?;
        server.look()?;
        server.look()?;
        server.filled(1)?;
        Ok(server)
    }

    fn output(&self, readings: &mut Readings, lines: u64) -> Result<()> {
        let mut server = self.server(&[])?;
        let (took, answer) = server.ask_for(&Call::run(&prints(lines), &[], None))?;
        let answer = answer.context("the program did not exit well")?;
        let omitted = answer.pointer("/result/structuredContent/stdout_omitted_bytes");
        let omitted = omitted.and_then(Value::as_u64).unwrap_or_default();
        // A note of some words stands where something was left out.
        let told = omitted + u64::try_from(printed(&answer)?.len())?;
        let bytes = lines * LINE;
        ensure!(
            told.abs_diff(bytes) < LINE,
            "{told} of {bytes} bytes were accounted for"
        );
        readings.note_time(OUTPUT, took);
        server.leave(readings)
    }

    fn files(&self, readings: &mut Readings, each: u64) -> Result<()> {
        let mut server = self.server(&[])?;
        let (took, answer) = server.ask_for(&Call::run(&writes(".", each), &[], None))?;
        let answer = answer.context("the program did not exit well")?;
        let content = answer.pointer("/result/content").and_then(Value::as_array);
        let links = content.into_iter().flatten().filter(|block| {
            let is = |name: &str| block.get(name).and_then(Value::as_u64);
            is("size") == Some(each)
        });
        let links = links.count();
        ensure!(links == PIECES, "{links} of {PIECES} files were linked to");
        readings.note_time(FILES, took);
        server.leave(readings)
    }

    /// By `docker run`, into a directory that it shares.
    fn files_of_docker(&self, each: u64) -> Result<Duration> {
        let dir = tempfile::tempdir_in(self.stage.dir()?)?;
        let program = writes("/out", each);
        let mut run = self.stage.docker_run()?;
        run.arg("--volume")
            .arg(format!("{}:/out", dir.path().display()))
            .args([image::IMAGE, "python3", "-I", "-c", &program]);
        let asked = Instant::now();
        process::read(&mut run)?;
        for at in 0..PIECES {
            let read = std::fs::read(dir.path().join(format!("{at}.bin")))?;
            ensure!(u64::try_from(read.len())? == each, "a file is not whole");
        }
        Ok(asked.elapsed())
    }

    fn download(&self, readings: &mut Readings, bytes: u64) -> Result<()> {
        let listener = listen()?;
        let address = listener.local_addr()?;
        let open = format!("{HOST}:80={address}");
        let mut server = self.server(&["--open", &open])?;
        let program = READS.replace("{url}", &format!("http://{HOST}/"));
        let (_took, answer) = beside(&listener, bytes, || {
            server.ask_for(&Call::run(&program, &[], None))
        })?;
        let answer = answer.context("the program did not exit well")?;
        readings.note(DOWNLOAD, seconds(printed(&answer)?, bytes)?);
        server.leave(readings)
    }

    /// By the image's own Python, without a gateway.
    fn download_of_python(&self, bytes: u64) -> Result<f64> {
        let listener = listen()?;
        let program = READS.replace("{url}", &format!("http://{}/", listener.local_addr()?));
        let mut python = in_image(self.stage.root()?);
        python.args(["python3", "-I", "-c", &program]);
        let printed = beside(&listener, bytes, || process::read(&mut python))?;
        seconds(&printed, bytes)
    }
}

fn prints(lines: u64) -> String {
    format!(
        "line = 'x' * {}\nfor _ in range({lines}): print(line)",
        LINE - 1
    )
}

fn writes(place: &str, each: u64) -> String {
    WRITES
        .replace("{pieces}", &PIECES.to_string())
        .replace("{place}", place)
        .replace("{each}", &each.to_string())
}

fn printed(answer: &Value) -> Result<&str> {
    let printed = answer.pointer("/result/structuredContent/stdout");
    printed
        .and_then(Value::as_str)
        .context("nothing was printed")
}

/// What [`READS`] printed.
fn seconds(printed: &str, bytes: u64) -> Result<f64> {
    let (total, seconds) = printed.trim().split_once(' ').unwrap_or_default();
    ensure!(total == bytes.to_string(), "{printed:?} of {bytes} bytes");
    seconds.parse().context("the program printed no time")
}

fn listen() -> Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Does the work, and gives the first who comes so many bytes meanwhile.
fn beside<T>(listener: &TcpListener, bytes: u64, work: impl FnOnce() -> Result<T>) -> Result<T> {
    thread::scope(|scope| {
        let giver = scope.spawn(|| give(listener, bytes));
        let done = work();
        let given = giver.join();
        let done = done?;
        given.map_err(|_panic| anyhow!("the giver panicked"))??;
        Ok(done)
    })
}

fn give(listener: &TcpListener, bytes: u64) -> Result<()> {
    let begun = Instant::now();
    let mut stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(_) if begun.elapsed() < COMES_WITHIN => process::pause(Duration::from_millis(5)),
            Err(error) => bail!("nobody came: {error}"),
        }
    };
    stream.set_nonblocking(false)?;
    answer(&mut stream, bytes).context("cannot give what was asked for")
}

/// Answers the one request of a connection.
fn answer(stream: &mut TcpStream, bytes: u64) -> Result<()> {
    pages::path_asked(stream, COMES_WITHIN)?;
    pages::begin(stream, "application/octet-stream", Some(bytes))?;
    let piece = vec![b'x'; PIECE];
    let mut left = usize::try_from(bytes)?;
    while left > 0 {
        let (now, _) = piece.split_at(left.min(PIECE));
        stream.write_all(now)?;
        left -= now.len();
    }
    Ok(())
}
