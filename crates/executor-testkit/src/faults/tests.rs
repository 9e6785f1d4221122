//! The proxy before something that only stands for an engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::wire::Message;
use super::*;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What stands for an engine: it answers every call alike, echoes streams, and counts what it heard.
struct Engine {
    _directory: TempDir,
    socket: PathBuf,
    heard: watch::Receiver<usize>,
    _tasks: JoinSet<()>,
}

impl Engine {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (count, heard) = watch::channel(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                connections.spawn(answer(connection, count.clone()));
            }
        });
        Self {
            _directory: directory,
            socket,
            heard,
            _tasks: tasks,
        }
    }

    fn heard(&self) -> usize {
        *self.heard.borrow()
    }
}

async fn answer(connection: UnixStream, heard: watch::Sender<usize>) {
    let (from, mut to) = connection.into_split();
    let mut from = BufReader::new(from);
    let Ok(Some(call)) = Message::read(&mut from, false).await else {
        return;
    };
    heard.send_modify(|heard| *heard += 1);
    if Route::of(&call) == Route::Attach {
        let head = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
        to.write_all(head).await.unwrap();
        let _ended = tokio::io::copy(&mut from, &mut to).await;
        return;
    }
    let answer = Message::answer(200, b"{\"SystemTime\":\"now\"}").to_bytes();
    let _gone = to.write_all(&answer).await;
}

/// What comes back for a call, to the end of the connection or for a moment.
async fn ask(proxy: &FaultProxy, line: &str) -> String {
    let socket = socket_of(&proxy.host()).unwrap().to_owned();
    let Ok(mut connection) = UnixStream::connect(socket).await else {
        return "refused".to_owned();
    };
    let call = format!("{line} HTTP/1.1\r\nhost: x\r\n\r\n");
    connection.write_all(call.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = connection.read_to_end(&mut answer);
    match tokio::time::timeout(Duration::from_millis(300), reading).await {
        Ok(_) => String::from_utf8(answer).unwrap(),
        Err(_elapsed) => "silence".to_owned(),
    }
}

#[tokio::test]
async fn each_fault_is_what_it_says_and_then_all_is_well() {
    for (fault, answer, heard) in [
        (Fault::Swallow, "silence", 0),
        (Fault::Hold, "silence", 1),
        (Fault::Reset, "", 0),
        (Fault::CutAnswer(9), "HTTP/1.1 ", 1),
        (Fault::CutAnswer(0), "", 1),
        (Fault::Delay(Duration::from_millis(400)), "silence", 0),
    ] {
        let engine = Engine::start();
        let proxy = FaultProxy::before(&engine.socket).unwrap();
        proxy.next(Route::Info, fault.clone());
        assert_eq!(ask(&proxy, "GET /info").await, answer, "{fault:?}");
        assert_eq!(engine.heard(), heard, "{fault:?}");
        assert!(proxy.is_healed());
        let sound = ask(&proxy, "GET /info").await;
        assert!(sound.ends_with("{\"SystemTime\":\"now\"}"), "{sound}");
        assert_eq!(proxy.calls(Route::Info), 2);
    }
}

#[tokio::test]
async fn answers_are_replaced_and_changed() {
    let engine = Engine::start();
    let proxy = FaultProxy::before(&engine.socket).unwrap();
    proxy.next(Route::Start, Fault::Answer(409, "{\"message\":\"no\"}"));
    let told = ask(&proxy, "POST /v1.48/containers/x/start").await;
    assert!(told.starts_with("HTTP/1.1 409 "), "{told}");
    assert_eq!(engine.heard(), 0);
    proxy.next(Route::Start, Fault::AnswerInstead(500, "garbage"));
    let told = ask(&proxy, "POST /v1.48/containers/x/start").await;
    assert!(
        told.starts_with("HTTP/1.1 500 ") && told.ends_with("garbage"),
        "{told}"
    );
    assert_eq!(engine.heard(), 1);
    let later: Rewrite = Arc::new(|told: &mut Value| told["SystemTime"] = Value::from("later"));
    proxy.every(Route::Info, Fault::Rewrite(later));
    for _ in 0..2 {
        let told = ask(&proxy, "GET /info").await;
        assert!(told.ends_with("{\"SystemTime\":\"later\"}"), "{told}");
    }
    proxy.heal();
    assert!(ask(&proxy, "GET /info").await.ends_with("\"now\"}"));
}

/// An attached stream behind its head.
async fn attach(proxy: &FaultProxy) -> UnixStream {
    let socket = socket_of(&proxy.host()).unwrap().to_owned();
    let mut connection = UnixStream::connect(socket).await.unwrap();
    let call = b"POST /containers/x/attach HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
    connection.write_all(call).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    connection
}

#[tokio::test]
async fn streams_pass_and_are_cut_and_stalled_where_they_are_told() {
    let engine = Engine::start();
    let proxy = FaultProxy::before(&engine.socket).unwrap();

    let mut whole = attach(&proxy).await;
    whole.write_all(b"0123456789").await.unwrap();
    whole.shutdown().await.unwrap();
    let mut echo = Vec::new();
    whole.read_to_end(&mut echo).await.unwrap();
    assert_eq!(echo, b"0123456789");

    proxy.next(Route::Attach, Fault::CutStream(4));
    let mut cut = attach(&proxy).await;
    cut.write_all(b"0123456789").await.unwrap();
    let mut echo = Vec::new();
    // Whether what was not read any more makes an error of the end is the kernel's affair.
    let _end = tokio::time::timeout(PATIENCE, cut.read_to_end(&mut echo))
        .await
        .unwrap();
    assert_eq!(echo, b"0123");

    proxy.next(Route::Attach, Fault::StallStream(4));
    let mut stalled = attach(&proxy).await;
    stalled.write_all(b"0123456789").await.unwrap();
    let mut echo = [0; 4];
    stalled.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"0123");
    let more = tokio::time::timeout(Duration::from_millis(300), stalled.read_u8()).await;
    assert!(more.is_err(), "{more:?}");

    let mut broken = attach(&proxy).await;
    proxy.cut();
    let end = tokio::time::timeout(PATIENCE, broken.read_u8())
        .await
        .unwrap();
    assert!(end.is_err(), "{end:?}");
    attach(&proxy).await;
}

#[tokio::test]
async fn an_engine_that_left_refuses_until_it_is_back() {
    let engine = Engine::start();
    let mut proxy = FaultProxy::before(&engine.socket).unwrap();
    let mut attached = attach(&proxy).await;
    proxy.leave().await;
    assert!(attached.read_u8().await.is_err());
    assert_eq!(ask(&proxy, "GET /info").await, "refused");
    proxy.come_back().unwrap();
    assert!(ask(&proxy, "GET /info").await.ends_with("\"now\"}"));
}

#[tokio::test]
async fn who_waits_for_a_call_learns_of_it() {
    let engine = Engine::start();
    let proxy = FaultProxy::before(&engine.socket).unwrap();
    let begun = Instant::now();
    let (called, _) = tokio::join!(
        proxy.until_called(Route::Info, 1, PATIENCE),
        ask(&proxy, "GET /info"),
    );
    assert!(called && begun.elapsed() < PATIENCE);
    assert!(
        !proxy
            .until_called(Route::Info, 2, Duration::from_millis(10))
            .await
    );
}
