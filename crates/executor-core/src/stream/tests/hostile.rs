//! A runner that lies: each breach ends the link with the error that names it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex, split};

use crate::backend::SandboxStream;
use crate::output::OutputStream;
use crate::runner;
use crate::stream::channel::ProxyChannel;
use crate::stream::frame::{Decoder, Frame, Side};
use crate::stream::{Link, LinkEvent, LinkSettings, RunCommand, StreamError, Surroundings};

/// The runner's end of a stream, played by a test.
pub(super) struct Fake {
    stream: DuplexStream,
    decoder: Decoder,
}

impl Fake {
    pub(super) async fn say(&mut self, frames: &[Frame]) {
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes));
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// The next frame of the host.
    async fn hear(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.decoder.next().unwrap() {
                return frame;
            }
            assert_ne!(
                self.stream.read_buf(self.decoder.space()).await.unwrap(),
                0,
                "the host left"
            );
        }
    }
}

pub(super) fn json(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(super) fn ready() -> Frame {
    Frame::Ready(json(
        r#"{"protocol":2,"python":"3.12.3","confined":true,"playwright":null}"#,
    ))
}

pub(super) fn prepared() -> Frame {
    Frame::Prepared(json(r#"{"imported":["numpy"],"failed":[]}"#))
}

pub(super) fn started() -> Frame {
    Frame::Started(json(r#"{"notes":[]}"#))
}

fn done(out: u64, err: u64) -> Frame {
    Frame::Done(json(&format!(
        r#"{{"cause":"exited","exit_code":0,"duration_ms":1,"cpu_ms":1,"peak_memory_bytes":1,"oom_kills":0,
        "stdout_bytes":{out},"stderr_bytes":{err},"lost_bytes":0,"processes_killed":0,"tmp_free":1,"modules_free":null}}"#
    )))
}

fn data(channel: u32, length: usize) -> Frame {
    Frame::Data {
        channel,
        payload: Bytes::from(vec![b'x'; length]),
    }
}

/// A link to a fake runner that has taken the runner's text.
pub(super) async fn connect(
    settings: LinkSettings,
    first: &[Frame],
) -> (Fake, Result<Link, StreamError>) {
    connect_in(&Surroundings::of(0, "/"), settings, first).await
}

/// As [`connect`], in these surroundings.
pub(super) async fn connect_in(
    surroundings: &Surroundings,
    settings: LinkSettings,
    first: &[Frame],
) -> (Fake, Result<Link, StreamError>) {
    let (ours, theirs) = duplex(4 << 20);
    let (reader, writer) = split(ours);
    let mut fake = Fake {
        stream: theirs,
        decoder: Decoder::new(Side::Host),
    };
    fake.say(first).await;
    let boot = Link::boot(
        SandboxStream::new(reader, writer),
        settings,
        surroundings,
        runner::Runner::default().code(),
    )
    .await;
    let mut text = vec![0; runner::SOURCE.len() + 4];
    fake.stream.read_exact(&mut text).await.unwrap();
    assert_eq!(&text[4..], runner::SOURCE.as_bytes());
    if boot.is_ok() {
        assert_eq!(fake.hear().await.name(), "Prepare");
    }
    (fake, boot.map(|(link, _)| link))
}

/// As [`connect`], with a command sent and heard.
async fn ordered(command: RunCommand) -> (Fake, Link) {
    let (mut fake, link) = connect(LinkSettings::default(), &[ready()]).await;
    let link = link.unwrap();
    link.send(command, Bytes::new()).unwrap();
    assert_eq!(fake.hear().await.name(), "Run");
    assert_eq!(fake.hear().await, Frame::End { channel: 0 });
    (fake, link)
}

async fn running() -> (Fake, Link) {
    let (mut fake, mut link) = ordered(RunCommand::program(0)).await;
    fake.say(&[started()]).await;
    assert!(matches!(link.next().await, LinkEvent::Started { .. }));
    (fake, link)
}

/// The error that ends the link, after whatever else it tells.
pub(super) async fn failure(link: &mut Link) -> StreamError {
    loop {
        if let LinkEvent::Failed(error) = link.next().await {
            return error;
        }
    }
}

async fn connection(link: &mut Link) -> ProxyChannel {
    match link.next().await {
        LinkEvent::Connection(channel) => channel,
        other => panic!("no connection: {other:?}"),
    }
}

#[tokio::test]
async fn breaches_are_named() {
    async fn check(frames: &[Frame], expected: &str) {
        let (mut fake, mut link) = running().await;
        fake.say(frames).await;
        let error = failure(&mut link).await;
        assert!(error.is_hostile(), "{error}");
        assert_eq!(error.to_string(), expected);
    }
    let open = |channel| Frame::Open { channel };
    let credit = |channel, bytes| Frame::Credit { channel, bytes };

    check(&[ready()], "frame `Ready` came out of order").await;
    check(&[started()], "frame `Started` came out of order").await;
    check(&[prepared()], "frame `Prepared` came out of order").await;
    check(&[done(0, 0), done(0, 0)], "frame `Done` came out of order").await;
    check(&[done(0, 0), data(1, 1)], "frame `Data` came out of order").await;
    check(&[done(0, 0), open(16)], "frame `Open` came out of order").await;
    check(&[done(1, 0)], "field `stdout_bytes` is out of range").await;
    check(
        &[data(1, 3), done(2, 0)],
        "field `stdout_bytes` is out of range",
    )
    .await;
    check(
        &[Frame::Done(json("{}"))],
        "frame `Done` is malformed: missing field `cause` at line 1 column 2",
    )
    .await;
    check(&[Frame::Pong(1)], "a pong answers no ping").await;
    check(&[data(0, 1)], "frame `Data` came out of order").await;
    check(
        &[Frame::End { channel: 1 }],
        "frame `End` came out of order",
    )
    .await;
    check(
        &[Frame::Reset { channel: 2 }],
        "frame `Reset` came out of order",
    )
    .await;
    check(&[credit(1, 5)], "frame `Credit` came out of order").await;
    check(&[credit(0, 1)], "channel `0` granted an impossible credit").await;
    check(&[data(3, 1)], "frame `Data` came out of order").await;
    let item = Frame::Item(json(r#"{"name":"a","bytes":0,"whole":true}"#));
    check(&[item], "frame `Item` came out of order").await;
    check(&[credit(3, 1)], "frame `Credit` came out of order").await;
    check(&[data(16, 1)], "channel `16` is not open").await;
    check(&[credit(u32::MAX, 1)], "channel `4294967295` is not open").await;
    check(
        &[open(15)],
        "channel `15` cannot be opened: the number is used or reserved",
    )
    .await;
    check(
        &[open(20), open(20)],
        "channel `20` cannot be opened: the number is used or reserved",
    )
    .await;
    check(
        &[open(20), open(19)],
        "channel `19` cannot be opened: the number is used or reserved",
    )
    .await;
    check(
        &[open(16), credit(16, 1)],
        "channel `16` granted an impossible credit",
    )
    .await;
    check(
        &[open(16), Frame::End { channel: 16 }, data(16, 1)],
        "frame `Data` came out of order",
    )
    .await;
    check(
        &[open(16), Frame::Reset { channel: 16 }, data(16, 1)],
        "channel `16` is not open",
    )
    .await;
    let many: Vec<Frame> = (16..=80).map(open).collect();
    check(&many, "more than 64 connections at once").await;
    let flood = |channel| {
        vec![data(channel, 64 * 1024); 4]
            .into_iter()
            .chain([data(channel, 1)])
    };
    check(
        &flood(1).collect::<Vec<_>>(),
        "channel `1` sent more than its credit",
    )
    .await;
    check(
        &flood(2).collect::<Vec<_>>(),
        "channel `2` sent more than its credit",
    )
    .await;
    let proxied: Vec<Frame> = [open(16)].into_iter().chain(flood(16)).collect();
    check(&proxied, "channel `16` sent more than its credit").await;
}

#[tokio::test]
async fn nothing_is_said_before_its_time() {
    for early in [data(1, 1), done(0, 0), Frame::Open { channel: 16 }, ready()] {
        let (mut fake, mut link) = ordered(RunCommand::program(0)).await;
        fake.say(std::slice::from_ref(&early)).await;
        assert_eq!(
            failure(&mut link).await,
            StreamError::OutOfOrder(early.name())
        );
    }
    let (_fake, booted) = connect(LinkSettings::default(), &[started()]).await;
    assert_eq!(booted.unwrap_err(), StreamError::OutOfOrder("Started"));
}

#[tokio::test]
async fn a_runner_of_another_generation_is_refused() {
    let other = r#"{"protocol":1,"python":"3.12.3","confined":true,"playwright":null}"#;
    let (_fake, booted) = connect(LinkSettings::default(), &[Frame::Ready(json(other))]).await;
    assert_eq!(booted.unwrap_err(), StreamError::OutOfRange("protocol"));
}

#[tokio::test(start_paused = true)]
async fn boot_and_silence_have_their_limits() {
    let (_fake, booted) = connect(LinkSettings::default(), &[]).await;
    assert_eq!(
        booted.unwrap_err(),
        StreamError::NotReady(Duration::from_secs(20))
    );

    let (mut fake, mut link) = running().await;
    let begun = tokio::time::Instant::now();
    let (failed, ping) = tokio::join!(failure(&mut link), fake.hear());
    assert_eq!(ping, Frame::Ping(1));
    assert_eq!(failed, StreamError::Silent(Duration::from_secs(60)));
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn pings_keep_a_quiet_link_alive() {
    let (mut fake, mut link) = running().await;
    let answers = async {
        for token in 1..=10 {
            assert_eq!(fake.hear().await, Frame::Ping(token));
            fake.say(&[Frame::Pong(token)]).await;
        }
        fake.say(&[done(0, 0)]).await;
    };
    let begun = tokio::time::Instant::now();
    let (event, ()) = tokio::join!(link.next(), answers);
    assert!(matches!(event, LinkEvent::Done(_)), "{event:?}");
    assert_eq!(begun.elapsed().as_secs(), 150);
}

#[tokio::test]
async fn the_end_comes_after_the_output_and_stays() {
    let (mut fake, mut link) = running().await;
    fake.say(&[data(2, 2), data(1, 1), done(1, 2)]).await;
    drop(fake);
    let seen = |event| match event {
        LinkEvent::Output { stream, bytes } => format!("{stream:?} {}", bytes.len()),
        LinkEvent::Done(_) => "done".to_owned(),
        LinkEvent::Failed(error) => error.to_string(),
        other => panic!("{other:?}"),
    };
    for expected in [
        "Stderr 2",
        "Stdout 1",
        "done",
        "the stream ended",
        "the stream ended",
    ] {
        assert_eq!(seen(link.next().await), expected);
    }
    assert_eq!(
        link.send(RunCommand::program(0), Bytes::new()),
        Err(StreamError::Closed)
    );
}

#[tokio::test]
async fn a_command_precedes_a_program_and_nothing_follows_it() {
    let (mut fake, mut link) = ordered(RunCommand::command(vec!["true".to_owned()])).await;
    assert_eq!(
        link.send(RunCommand::program(0), Bytes::new()),
        Err(StreamError::NotIdle)
    );
    fake.say(&[started(), data(1, 256 * 1024 / 4), done(65_536, 0)])
        .await;
    assert!(matches!(link.next().await, LinkEvent::Started { .. }));
    assert!(matches!(link.next().await, LinkEvent::Output { .. }));
    assert!(matches!(link.next().await, LinkEvent::Done(_)));
    link.send(RunCommand::program(0), Bytes::new()).unwrap();
    // Late, and for another run: it must not become credit of this one.
    link.consumed(OutputStream::Stdout, 65_536);
    assert_eq!(fake.hear().await.name(), "Run");
    assert_eq!(fake.hear().await, Frame::End { channel: 0 });
    fake.say(&[started(), done(0, 0)]).await;
    assert!(matches!(link.next().await, LinkEvent::Started { .. }));
    assert!(matches!(link.next().await, LinkEvent::Done(_)));
    assert_eq!(
        link.send(RunCommand::program(0), Bytes::new()),
        Err(StreamError::NotIdle)
    );
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_told_apart() {
    let (mut fake, mut link) = ordered(RunCommand::program(0)).await;
    let Frame::Done(text) = done(0, 0) else {
        unreachable!()
    };
    let text = String::from_utf8(text.to_vec()).unwrap();
    let text = text.replace("\"exit_code\":0", "\"error\":\"no processes left\"");
    fake.say(&[Frame::Done(json(&text))]).await;
    assert_eq!(
        failure(&mut link).await,
        StreamError::NotStarted("no processes left".to_owned())
    );
}

#[tokio::test]
async fn credit_goes_back_as_output_is_consumed() {
    let (mut fake, mut link) = running().await;
    fake.say(&[data(1, 50_000), data(1, 50_000)]).await;
    let mut seen = 0;
    while seen < 100_000 {
        let LinkEvent::Output { stream, bytes } = link.next().await else {
            panic!("no output")
        };
        seen += bytes.len();
        // Twice as much as there was: only what arrived counts.
        link.consumed(stream, bytes.len() * 2);
    }
    let mut granted = 0;
    fake.say(&[Frame::Open { channel: 16 }]).await;
    drop(connection(&mut link).await);
    loop {
        match fake.hear().await {
            Frame::Credit { channel: 1, bytes } => granted += bytes,
            Frame::Reset { channel: 16 } => break,
            other => panic!("{other:?}"),
        }
    }
    assert!((65_536..=100_000).contains(&granted), "{granted}");
}

#[tokio::test]
async fn input_waits_for_credit() {
    let (mut fake, link) = connect(LinkSettings::default(), &[ready()]).await;
    let mut link = link.unwrap();
    let input: Vec<u8> = (0..300_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    link.send(RunCommand::program(10), Bytes::from(input.clone()))
        .unwrap();
    assert_eq!(fake.hear().await.name(), "Run");
    let mut got = Vec::new();
    while got.len() < 256 * 1024 {
        let Frame::Data {
            channel: 0,
            payload,
        } = fake.hear().await
        else {
            panic!("no data")
        };
        got.extend_from_slice(&payload);
    }
    assert_eq!(got.len(), 256 * 1024);
    fake.say(&[
        started(),
        Frame::Credit {
            channel: 0,
            bytes: 100_000,
        },
    ])
    .await;
    assert!(matches!(link.next().await, LinkEvent::Started { .. }));
    loop {
        match fake.hear().await {
            Frame::Data {
                channel: 0,
                payload,
            } => got.extend_from_slice(&payload),
            Frame::End { channel: 0 } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(got, input);
}

#[tokio::test]
async fn a_channel_is_over_when_both_sides_say_so() {
    let (mut fake, mut link) = running().await;
    let opens: Vec<Frame> = (16..80).map(|channel| Frame::Open { channel }).collect();
    fake.say(&opens).await;
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(connection(&mut link).await);
    }
    // The runner has closed one and the host has not: its place is taken still.
    fake.say(&[Frame::Reset { channel: 16 }]).await;
    drop(held.remove(0));
    assert_eq!(fake.hear().await, Frame::Reset { channel: 16 });
    fake.say(&[Frame::Open { channel: 80 }]).await;
    held.push(connection(&mut link).await);
    // The host has closed one and the runner has not.
    drop(held.remove(0));
    assert_eq!(fake.hear().await, Frame::Reset { channel: 17 });
    fake.say(&[
        data(17, 9),
        Frame::End { channel: 17 },
        Frame::Open { channel: 81 },
    ])
    .await;
    assert_eq!(failure(&mut link).await, StreamError::TooManyChannels(64));
    let mut rest = Vec::new();
    assert!(held[0].read_to_end(&mut rest).await.is_err());
    assert!(held[0].write_all(b"x").await.is_err());
}

#[tokio::test]
async fn what_was_written_before_a_shutdown_is_sent_after_the_drop() {
    let (mut fake, mut link) = running().await;
    fake.say(&[Frame::Open { channel: 16 }]).await;
    let mut channel = connection(&mut link).await;
    channel.write_all(b"farewell").await.unwrap();
    channel.shutdown().await.unwrap();
    drop(channel);
    let payload = Bytes::from_static(b"farewell");
    assert_eq!(
        fake.hear().await,
        Frame::Data {
            channel: 16,
            payload
        }
    );
    assert_eq!(fake.hear().await, Frame::End { channel: 16 });
    assert_eq!(fake.hear().await, Frame::Reset { channel: 16 });
}

#[tokio::test]
async fn dropping_the_link_closes_both_directions_and_its_channels() {
    let (mut fake, mut link) = running().await;
    fake.say(&[Frame::Open { channel: 16 }, data(16, 3)]).await;
    let mut channel = connection(&mut link).await;
    let mut bytes = [0; 3];
    channel.read_exact(&mut bytes).await.unwrap();
    drop(link);
    assert!(channel.read_exact(&mut bytes).await.is_err());
    assert_eq!(fake.stream.read_to_end(&mut Vec::new()).await.unwrap(), 0);
}
