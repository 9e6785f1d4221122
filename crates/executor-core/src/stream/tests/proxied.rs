//! The way out with the real runner: connections of a program, served by this test.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, split};
use tokio::task::JoinSet;

use super::local::{Finished, Local};
use crate::output::OutputStream;
use crate::stream::channel::ProxyChannel;
use crate::stream::{LinkEvent, RunCommand};

/// Runs `text` with the proxy's port open, each connection served by `serve`.
async fn run_served<F, S>(
    text: &str,
    change: impl FnOnce(RunCommand) -> RunCommand,
    serve: S,
) -> Finished
where
    F: Future<Output = ()> + Send + 'static,
    S: Fn(ProxyChannel) -> F,
{
    let mut local = Local::boot().await;
    local.send(change(local.program(text).proxy(true)), text.as_bytes());
    let (mut stdout, mut stderr, mut noted) = (Vec::new(), Vec::new(), Vec::new());
    let mut served = JoinSet::new();
    loop {
        match local.link.next().await {
            LinkEvent::Started { notes, .. } => noted = notes,
            LinkEvent::Connection(channel) => {
                served.spawn(serve(channel));
            }
            LinkEvent::Output {
                stream: OutputStream::Stdout,
                bytes,
            } => {
                stdout.extend_from_slice(&bytes);
                local.link.consumed(OutputStream::Stdout, bytes.len());
            }
            LinkEvent::Output {
                stream: OutputStream::Stderr,
                bytes,
            } => {
                stderr.extend_from_slice(&bytes);
                local.link.consumed(OutputStream::Stderr, bytes.len());
            }
            LinkEvent::Done(report) => {
                while let Some(end) = served.join_next().await {
                    end.unwrap();
                }
                return Finished {
                    stdout,
                    stderr,
                    notes: noted,
                    items: Vec::new(),
                    said: Vec::new(),
                    report,
                };
            }
            LinkEvent::Failed(error) => panic!("{error}"),
            other => panic!("nothing of this was asked for: {other:?}"),
        }
    }
}

async fn echo(channel: ProxyChannel) {
    let (mut from, mut to) = split(channel);
    if copy(&mut from, &mut to).await.is_ok() {
        let _ = to.shutdown().await;
    }
}

/// What the programs below begin with.
const CONNECT: &str = "import os, socket, threading\n\
    from urllib.parse import urlsplit\nat = urlsplit(os.environ['https_proxy'])\n\
    def connect(): return socket.create_connection((at.hostname, at.port), 20)\n";

#[tokio::test]
async fn twenty_connections_echo_at_once_with_half_closes() {
    let text = CONNECT.to_owned()
        + "import hashlib\nright = []\ndef one(n):\n    s = connect()\n    data = bytes([n]) * (400000 + n)\n\
           \x20   def send():\n        s.sendall(data)\n        s.shutdown(socket.SHUT_WR)\n\
           \x20   t = threading.Thread(target=send); t.start()\n    got = b''\n\
           \x20   while True:\n        chunk = s.recv(65536)\n        if not chunk: break\n        got += chunk\n\
           \x20   t.join()\n    right.append(got == data)\n\
           ts = [threading.Thread(target=one, args=(n,)) for n in range(20)]\n\
           [t.start() for t in ts]\n[t.join() for t in ts]\nprint(len(right), all(right))\n";
    let run = run_served(&text, |c| c, echo).await;
    assert_eq!((run.out(), run.err()), ("20 True\n", ""));
}

#[tokio::test]
async fn more_than_sixty_four_wait_their_turn() {
    let text = CONNECT.to_owned()
        + "ss = [connect() for _ in range(100)]\n\
           for s in ss[:64]: s.sendall(b'x')\nprint(sum(s.recv(1) == b'x' for s in ss[:64]))\n\
           for s in ss[:64]: s.close()\n\
           for s in ss[64:]: s.sendall(b'x')\nprint(sum(s.recv(1) == b'x' for s in ss[64:]))\n";
    let run = run_served(&text, |c| c, echo).await;
    assert_eq!((run.out(), run.err()), ("64\n36\n", ""));
}

#[tokio::test]
async fn an_abort_is_a_reset_on_both_sides() {
    let text = CONNECT.to_owned()
        + "s = connect()\ns.sendall(b'x')\ntry: print(s.recv(1))\nexcept ConnectionResetError: print('reset')\n";
    let run = run_served(
        &text,
        |c| c,
        |mut channel| async move {
            // Read, so that the reset can only come from the drop.
            assert_eq!(channel.read_u8().await.unwrap(), b'x');
        },
    );
    assert_eq!(run.await.out(), "reset\n");

    let text = CONNECT.to_owned()
        + "import struct\ns = connect()\ns.sendall(b'x')\nprint(s.recv(1))\n\
           s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\ns.close()\n\
           import time\ntime.sleep(0.3)\n";
    let run = run_served(
        &text,
        |c| c,
        |mut channel| async move {
            assert_eq!(channel.read_u8().await.unwrap(), b'x');
            channel.write_all(b"y").await.unwrap();
            assert!(channel.read_u8().await.is_err());
        },
    );
    assert_eq!(run.await.out(), "b'y'\n");
}

#[tokio::test]
async fn a_long_answer_to_a_slow_program_arrives_whole() {
    let text = CONNECT.to_owned()
        + "import time\ns = connect()\ntotal = 0\nwhile True:\n    chunk = s.recv(100000)\n\
           \x20   if not chunk: break\n    total += len(chunk)\n    time.sleep(0.002)\nprint(total)\n";
    let run = run_served(
        &text,
        |c| c,
        |mut channel| async move {
            channel.write_all(&vec![b'a'; 3_000_000]).await.unwrap();
            channel.shutdown().await.unwrap();
        },
    );
    assert_eq!(run.await.out(), "3000000\n");
}

#[tokio::test]
async fn connections_flow_while_output_is_not_read_and_the_other_way_round() {
    let mut local = Local::boot().await;
    let text = CONNECT.to_owned()
        + "import sys\ndef flood():\n    for _ in range(50): sys.stdout.write('f' * 100000)\n    sys.stdout.flush()\n\
           t = threading.Thread(target=flood); t.start()\ns = connect()\nsent = 0\n\
           for _ in range(30):\n    s.sendall(b'q' * 100000)\n    got = 0\n    while got < 100000: got += len(s.recv(100000))\n\
           s.close()\nt.join()\n";
    local.send(local.program(&text).proxy(true), text.as_bytes());
    let mut held = Vec::new();
    let mut channel = loop {
        match local.link.next().await {
            LinkEvent::Connection(channel) => break channel,
            LinkEvent::Output { bytes, .. } => held.push(bytes.len()),
            LinkEvent::Started { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    // All 3 MB pass through the connection while not one byte of output is given back.
    let mut buffer = vec![0; 100_000];
    for _ in 0..30 {
        channel.read_exact(&mut buffer).await.unwrap();
        channel.write_all(&buffer).await.unwrap();
        channel.flush().await.unwrap();
    }
    drop(channel);
    held.iter()
        .for_each(|bytes| local.link.consumed(OutputStream::Stdout, *bytes));
    let rest = local.finish().await.unwrap();
    assert_eq!(rest.stdout.len() + held.iter().sum::<usize>(), 5_000_000);
}

#[tokio::test]
async fn connections_end_with_the_program() {
    let text =
        CONNECT.to_owned() + "s = connect()\ns.sendall(b'x')\nprint(s.recv(1))\nos._exit(0)\n";
    let run = run_served(
        &text,
        |c| c,
        |mut channel| async move {
            let mut got = Vec::new();
            assert_eq!(channel.read_u8().await.unwrap(), b'x');
            channel.write_all(b"y").await.unwrap();
            // An end or a reset, but not for ever.
            let _ = tokio::time::timeout(Duration::from_secs(8), channel.read_to_end(&mut got))
                .await
                .unwrap();
        },
    );
    assert_eq!(run.await.out(), "b'y'\n");
}

#[tokio::test]
async fn the_variables_of_the_proxy_are_set_when_it_is_open() {
    let text = "import os, urllib.request as u\n\
        print({k.lower(): v.rsplit(':', 1)[0] for k, v in os.environ.items() if k.lower().endswith('_proxy') and 'no' not in k.lower()})\n\
        print(os.environ['NO_PROXY'] == os.environ['no_proxy'])\n\
        print([bool(u.proxy_bypass(h)) for h in ('localhost', '127.0.0.1', 'example.org')])\n";
    let run = run_served(text, |c| c, echo).await;
    assert_eq!(
        (run.out(), run.err()),
        (
            "{'http_proxy': 'http://127.0.0.1', 'https_proxy': 'http://127.0.0.1', \
             'all_proxy': 'http://127.0.0.1'}\nTrue\n[True, True, False]\n",
            ""
        )
    );
    let text = "import os\nprint([k for k in os.environ if 'proxy' in k.lower()])\n";
    let run = run_served(text, |c| c.proxy(false), echo).await;
    assert_eq!(run.out(), "[]\n");
}
