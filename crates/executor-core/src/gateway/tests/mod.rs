//! Whole conversations: a program on one side, servers on the other, and the gateway between. The DNS and the wider network are
//! played, the servers are real ones on the loopback.

mod host_proxy;
mod http;
mod limits;
mod policy;
mod tunnel;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{
    AuditSink, BoxStream, ConnectionRecord, Dial, Egress, Gateway, GatewayBuilder, GatewayLink,
    Resolve,
};

/// A public address at which the played network has its servers.
const PUBLIC: &str = "93.184.216.34";

/// The world beyond the gateway: names, the servers behind addresses, and what was asked of either.
#[derive(Clone, Debug, Default)]
struct World {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Successive answers for a name; the last one repeats.
    names: HashMap<String, Vec<Vec<IpAddr>>>,
    servers: HashMap<SocketAddr, SocketAddr>,
    resolved: Vec<String>,
    dialled: Vec<SocketAddr>,
    records: Vec<ConnectionRecord>,
}

impl World {
    /// A world in which `example.com` is a public name and `server` answers on its ports 80 and 443.
    fn with(server: SocketAddr) -> Self {
        let world = Self::default();
        world.name("example.com", &[&[PUBLIC]]);
        world.server(&format!("{PUBLIC}:80"), server);
        world.server(&format!("{PUBLIC}:443"), server);
        world
    }

    fn name(&self, name: &str, answers: &[&[&str]]) {
        let parse = |answer: &&[&str]| answer.iter().map(|a| a.parse().unwrap()).collect();
        let answers = answers.iter().map(parse).collect();
        self.state
            .lock()
            .unwrap()
            .names
            .insert(name.to_owned(), answers);
    }

    fn server(&self, at: &str, server: SocketAddr) {
        self.state
            .lock()
            .unwrap()
            .servers
            .insert(at.parse().unwrap(), server);
    }

    fn gateway(&self) -> GatewayBuilder {
        Gateway::builder()
            .resolver(self.clone())
            .dialler(self.clone())
            .audit(self.clone())
    }

    fn link(&self, policy: &str) -> GatewayLink {
        self.gateway().build().open(egress(policy, &[]))
    }

    fn resolved(&self) -> Vec<String> {
        self.state.lock().unwrap().resolved.clone()
    }

    fn dialled(&self) -> Vec<String> {
        self.state
            .lock()
            .unwrap()
            .dialled
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// The records so far, each in one line.
    fn records(&self) -> Vec<String> {
        let line = |record: &ConnectionRecord| {
            let reason = record
                .reason
                .map(|reason| format!(" ({reason})"))
                .unwrap_or_default();
            let [protocol, decision] = [record.protocol.as_str(), record.decision.as_str()];
            format!(
                "{protocol} {}:{} {decision}{reason}",
                record.host, record.port
            )
        };
        self.state
            .lock()
            .unwrap()
            .records
            .iter()
            .map(line)
            .collect()
    }
}

#[async_trait]
impl Resolve for World {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut state = self.state.lock().unwrap();
        state.resolved.push(name.to_owned());
        let answers = state.names.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        if answers.len() > 1 {
            Ok(answers.remove(0))
        } else {
            Ok(answers[0].clone())
        }
    }
}

#[async_trait]
impl Dial for World {
    async fn dial(&self, address: SocketAddr) -> io::Result<BoxStream> {
        let server = {
            let mut state = self.state.lock().unwrap();
            state.dialled.push(address);
            state.servers.get(&address).copied()
        };
        let server = server.ok_or(io::ErrorKind::ConnectionRefused)?;
        Ok(Box::new(TcpStream::connect(server).await?))
    }
}

impl AuditSink for World {
    fn record(&self, record: &ConnectionRecord) {
        self.state.lock().unwrap().records.push(record.clone());
    }
}

fn egress(policy: &str, opened: &[&str]) -> Egress {
    Egress::new(policy.parse().unwrap()).opening(opened.iter().map(|host| host.parse().unwrap()))
}

/// A real server on the loopback. It ends with its value.
struct Server {
    address: SocketAddr,
    heard: mpsc::UnboundedReceiver<Vec<u8>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Serves each connection with `serve`, which may say what it heard.
    async fn start<F, Fut>(serve: F) -> Self
    where
        F: Fn(TcpStream, mpsc::UnboundedSender<Vec<u8>>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (say, heard) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, say.clone()));
            }
        });
        Self {
            address,
            heard,
            _tasks: tasks,
        }
    }

    /// Reads one request, head and body as far as they come in one piece, says it, and answers with `answer`.
    async fn answering(answer: &'static [u8]) -> Self {
        Self::start(move |mut stream, say| async move {
            let head = read_head(&mut stream).await;
            let _ = say.send(head);
            stream.write_all(answer).await.ok();
            stream.shutdown().await.ok();
            // Whatever else was sent is taken, so that closing does not reset.
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok();
            let _ = say.send(rest);
        })
        .await
    }

    /// Sends back what it gets, then closes its side.
    async fn echo() -> Self {
        Self::start(|mut stream, _| async move {
            let (mut from, mut to) = stream.split();
            tokio::io::copy(&mut from, &mut to).await.ok();
            to.shutdown().await.ok();
        })
        .await
    }

    async fn heard(&mut self) -> String {
        String::from_utf8_lossy(&self.heard.recv().await.unwrap()).into_owned()
    }
}

/// Reads up to the empty line.
async fn read_head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    head
}

/// Opens a program's connection; the set serves it.
fn open(link: &GatewayLink, serving: &mut JoinSet<()>) -> DuplexStream {
    let (program, channel) = tokio::io::duplex(64 * 1024);
    serving.spawn(link.serve(channel));
    program
}

/// Sends `sent` over one connection, closes the program's side, and gives back all that is answered.
async fn talk(link: &GatewayLink, sent: impl AsRef<[u8]>) -> String {
    let mut serving = JoinSet::new();
    let (mut from, mut to) = tokio::io::split(open(link, &mut serving));
    let mut answer = Vec::new();
    let (_, read) = tokio::join!(
        async {
            // The gateway may have refused before all was sent.
            to.write_all(sent.as_ref()).await.ok();
            to.shutdown().await.ok();
        },
        from.read_to_end(&mut answer)
    );
    read.unwrap();
    serving.join_next().await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The version and the status of an answer.
fn status(answer: &str) -> &str {
    answer.get(.."HTTP/1.1 200".len()).unwrap_or("nothing")
}
