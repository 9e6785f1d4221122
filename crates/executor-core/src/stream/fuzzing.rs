//! What must hold of a runner's bytes whatever they are, for the fuzz targets. Not part of the API.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::command::{Ahead, RunCommand, Surroundings};
use super::error::StreamError;
use super::frame::{Decoder, Frame, MAX_DATA, Side};
use super::state::{State, Told};
use crate::limits::ResultLimits;

/// What the windows of both outputs may hold together (`docs/stream.md`: 256 KiB each).
const MOST_WAITING: usize = 2 * 256 * 1024;

/// Valid conversations of a runner: a good run, connections, a command that could not be started.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    let ready = Frame::Ready(text(
        r#"{"protocol":2,"python":"3.12.3","confined":true,"playwright":null}"#,
    ));
    let started = Frame::Started(text(r#"{"notes":["a note"]}"#));
    let done = |out: usize, err: usize| {
        Frame::Done(Bytes::from(format!(
            r#"{{"cause":"exited","exit_code":0,"duration_ms":1,"cpu_ms":1,"peak_memory_bytes":1,"oom_kills":0,"stdout_bytes":{out},"stderr_bytes":{err},"lost_bytes":0,"processes_killed":0,"tmp_free":1,"modules_free":null}}"#
        )))
    };
    let data = |channel, payload: &'static str| Frame::Data {
        channel,
        payload: text(payload),
    };
    let not_started = Frame::Done(text(
        r#"{"cause":"exited","error":"no processes left","duration_ms":0,"cpu_ms":0,"stdout_bytes":0,"stderr_bytes":0,"lost_bytes":0,"processes_killed":0}"#,
    ));
    let conversations = [
        vec![
            ready.clone(),
            started.clone(),
            data(1, "out"),
            data(2, "err"),
            Frame::Credit {
                channel: 0,
                bytes: 1,
            },
            done(3, 3),
        ],
        vec![
            ready.clone(),
            started.clone(),
            Frame::Open { channel: 16 },
            data(16, "GET / HTTP/1.1\r\n\r\n"),
            Frame::Credit {
                channel: 16,
                bytes: 1,
            },
            Frame::End { channel: 16 },
            Frame::Open { channel: 17 },
            Frame::Reset { channel: 17 },
            Frame::Reset { channel: 16 },
            Frame::Pong(1),
            done(0, 0),
        ],
        vec![
            ready.clone(),
            started,
            data(3, "a display"),
            Frame::Shown(text(r#"{"what":"display: a"}"#)),
            Frame::Item(text(r#"{"name":null,"bytes":9,"whole":true}"#)),
            data(3, "a,b"),
            Frame::Item(text(r#"{"name":"d/a.csv","bytes":3,"whole":true}"#)),
            done(0, 0),
        ],
        vec![
            ready.clone(),
            Frame::Trusted(text(
                r#"{"source":"/a","database":{"cert9.db":"eJwDAAAAAAE="},"problem":null}"#,
            )),
            not_started.clone(),
        ],
        vec![
            Frame::Compiled(Bytes::from_static(b"code")),
            ready.clone(),
            Frame::Prepared(text(r#"{"imported":["numpy"],"failed":[["a","b"]]}"#)),
            Frame::Started(text(r#"{"notes":[],"sets":null,"ahead":true}"#)),
            done(0, 0),
        ],
        vec![
            ready.clone(),
            Frame::Prepared(text(r#"{"missing":"stale"}"#)),
            not_started.clone(),
        ],
        vec![ready, not_started],
    ];
    conversations
        .iter()
        .map(|frames| {
            let mut bytes = BytesMut::new();
            frames.iter().for_each(|frame| frame.encode(&mut bytes));
            bytes.to_vec()
        })
        .collect()
}

/// Takes a runner's bytes; says whether all of them were in order.
///
/// # Errors
///
/// What did not hold: frames must not depend on how the bytes are cut, must be written as they were read, what waits must
/// stay within the windows, and nothing may come after the end.
pub fn run(bytes: &[u8]) -> Result<bool, String> {
    let decoded = decode(bytes, usize::MAX);
    if decoded != decode(bytes, 7) {
        return Err("the frames depend on how their bytes are cut".to_owned());
    }
    let (frames, whole) = decoded;
    let mut written = BytesMut::new();
    frames.iter().for_each(|frame| frame.encode(&mut written));
    if !bytes.starts_with(&written) {
        return Err("a frame is not written as it was read".to_owned());
    }
    converse(&frames).map(|in_order| in_order && whole)
}

/// The frames of `bytes` that come in pieces, and whether nothing is left of them.
fn decode(bytes: &[u8], piece: usize) -> (Vec<Frame>, bool) {
    let mut decoder = Decoder::new(Side::Runner);
    let mut frames = Vec::new();
    for piece in bytes.chunks(piece.min(bytes.len()).max(1)) {
        decoder.space().put_slice(piece);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, false),
            }
        }
    }
    let empty = decoder.space().is_empty();
    (frames, empty)
}

/// Gives the frames to a host that orders a program as soon as it may, and reads now and then.
fn converse(frames: &[Frame]) -> Result<bool, String> {
    let told = |is: fn(&Frame) -> bool| frames.iter().any(is);
    let mut surroundings = Surroundings::of(0, "/");
    if told(|frame| matches!(frame, Frame::Trusted(_))) {
        surroundings = surroundings.extra_certificates("PEM".to_owned());
    }
    if told(|frame| matches!(frame, Frame::Prepared(_))) {
        surroundings = surroundings.ahead(RunCommand::program(0), Ahead::within(Duration::ZERO));
    }
    let mut state = State::new(&surroundings).map_err(|error| error.to_string())?;
    let mut waiting = 0_usize;
    for (at, frame) in frames.iter().enumerate() {
        if let Err(error) = state.apply(frame) {
            state.fail(error);
            break;
        }
        if state.take_ready().is_some() || state.take_prepared().is_some() {
            // Refused if a command runs already; the state says so itself.
            let program = RunCommand::program(2).results(ResultLimits::default());
            let _ = state.order(&program, Bytes::from_static(b"1\n"));
        }
        if let Frame::Data {
            channel: 1 | 2,
            payload,
        } = frame
        {
            waiting = waiting.saturating_add(payload.len());
        }
        if waiting > MOST_WAITING {
            return Err(format!("{waiting} bytes wait, more than both windows hold"));
        }
        if at % 3 == 0 {
            state.ping();
            while state.next_frame().is_some() {}
        }
        if at % 5 == 0 {
            waiting = waiting.saturating_sub(hear(&mut state)?);
        }
    }
    let failed = state.is_over();
    if !failed {
        state.fail(StreamError::Closed);
    }
    hear(&mut state)?;
    if state.next_frame().is_some() {
        return Err("something is said after the end".to_owned());
    }
    Ok(!failed)
}

/// Takes in everything that there is to tell, and gives its credit back; how much that was.
fn hear(state: &mut State) -> Result<usize, String> {
    let mut heard = 0_usize;
    for _ in 0..10_000 {
        match state.next_told() {
            None | Some(Told::Failed(_)) => return Ok(heard),
            Some(Told::Output(stream, bytes)) => {
                if bytes.len() > MAX_DATA {
                    return Err(format!("told {} bytes at once", bytes.len()));
                }
                heard = heard.saturating_add(bytes.len());
                state.consumed(stream, bytes.len());
            }
            Some(Told::Connection(channel)) => state.drop_channel(channel),
            Some(Told::Started(_) | Told::Done(_) | Told::NotStarted(_) | Told::Missing(_)) => {}
            Some(Told::Shown(_) | Told::Collecting | Told::Item(_)) => {}
        }
    }
    Err("there is no end to what is told".to_owned())
}
