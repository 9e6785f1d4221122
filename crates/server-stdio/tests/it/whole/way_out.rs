//! The way out, from inside: what each policy lets through, and what none ever does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::client::{Client, turn};

/// A web page on the host's own loopback, which counts who comes.
pub(super) struct Origin {
    pub(super) port: u16,
    visits: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Origin {
    pub(super) async fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let visits = Arc::new(AtomicUsize::new(0));
        let mut serving = JoinSet::new();
        let counter = Arc::clone(&visits);
        serving.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let page = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\nthe origin\r\n";
                let _ = stream.write_all(page.as_bytes()).await;
            }
        });
        Self {
            port,
            visits,
            _serving: serving,
        }
    }

    pub(super) fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

/// Fetches each URL and prints what came: a status, or the error.
fn fetch(urls: &[String]) -> String {
    format!(
        "import urllib.error, urllib.request
for url in {urls:?}:
    try:
        with urllib.request.urlopen(url, timeout=15) as answer:
            print(url, answer.status, answer.read(20))
    except urllib.error.HTTPError as error:
        print(url, error.code, error.read(300))
    except OSError as error:
        print(url, 'error', error)"
    )
}

/// What the program said of one URL.
fn said<'a>(stdout: &'a str, url: &str) -> &'a str {
    stdout
        .lines()
        .find_map(|line| line.strip_prefix(url)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("nothing was said of {url}: {stdout}"))
}

/// The address by which this machine is known to others, if it has one.
fn own_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: this only asks for the route.
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[tokio::test]
async fn private_places_are_out_of_reach() {
    let Some(turn) = turn("private_places_are_out_of_reach").await else {
        return;
    };
    let origin = Origin::serve().await;
    let mut client = Client::start(&turn.engine, &[]).await;
    let mut urls: Vec<String> = [
        "http://169.254.169.254/latest/meta-data/",
        // The same address in the spellings that browsers and C libraries take.
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://metadata.google.internal/",
        "http://100.100.100.200/",
        "http://[fd00:ec2::254]/",
        "http://10.0.0.1/",
        "http://172.17.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://[fe80::1]/",
        "http://0.0.0.0/",
        "https://10.0.0.1/",
        "https://2852039166/",
    ]
    .map(str::to_owned)
    .to_vec();
    urls.extend(own_address().map(|address| format!("http://{address}/")));
    let answer = client.run(&fetch(&urls)).await;
    for url in &urls {
        let said = said(answer.stdout(), url);
        assert!(said.contains("403"), "{url}: {said}");
    }
    // `urllib` does not ask the proxy for these; there is nothing behind them in the sandbox.
    let local = [
        format!("http://127.0.0.1:{}/", origin.port),
        format!("http://localhost:{}/", origin.port),
    ];
    let answer = client.run(&fetch(&local)).await;
    for url in &local {
        assert!(
            said(answer.stdout(), url).contains("refused"),
            "{}",
            answer.stdout()
        );
    }
    // Who asks it all the same is refused as well, in each of its languages.
    let by_hand = format!(
        "import os, socket, struct
host, port = os.environ['http_proxy'].split('//')[1].split(':')
def ask(request):
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(request)
        return sock.recv(300)
print(ask(b'GET http://127.0.0.1:{port}/ HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n')[9:12])
print(ask(b'CONNECT 127.0.0.1:{port} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n')[9:12])
print(ask(b'CONNECT 169.254.169.254:80 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')[9:12])
with socket.create_connection((host, int(port)), timeout=10) as sock:
    sock.sendall(b'\\x05\\x01\\x00')
    assert sock.recv(2) == b'\\x05\\x00'
    sock.sendall(b'\\x05\\x01\\x00\\x01' + socket.inet_aton('127.0.0.1') + struct.pack('>H', {port}))
    print(sock.recv(10)[1])",
        port = origin.port
    );
    let answer = client.run(&by_hand).await;
    assert_eq!(answer.stdout(), "b'403'\nb'403'\nb'403'\n2\n", "{answer:?}");
    assert_eq!(origin.visits(), 0, "somebody came from the sandbox");
    client.close().await;
}

#[tokio::test]
async fn an_opened_name_is_reached_and_nothing_beside_it() {
    let what = "an_opened_name_is_reached_and_nothing_beside_it";
    let Some(turn) = turn(what).await else { return };
    let origin = Origin::serve().await;
    let open = format!("opened.test:80=127.0.0.1:{}", origin.port);
    let mut client = Client::start(&turn.engine, &["--open", &open]).await;
    let beside = [
        "http://opened.test:81/".to_owned(),
        "http://other.opened.test/".to_owned(),
        "https://opened.test/".to_owned(),
    ];
    let program = fetch(&[&["http://opened.test/".to_owned()], &beside[..]].concat());
    let answer = client.run(&program).await;
    let stdout = answer.stdout();
    assert_eq!(
        said(stdout, "http://opened.test/"),
        "200 b'the origin\\r\\n'",
        "{answer:?}"
    );
    assert_eq!(origin.visits(), 1);
    for url in beside {
        assert!(!said(stdout, &url).starts_with("200"), "{stdout}");
    }
    client.close().await;

    // Under the strict policy there is no way at all, and no proxy to ask.
    let mut client = Client::start(&turn.engine, &["--network", "none"]).await;
    let answer = client
        .run(&fetch(&["http://opened.test/".to_owned()]))
        .await;
    assert!(
        said(answer.stdout(), "http://opened.test/").starts_with("error"),
        "{answer:?}"
    );
    let proxies = "import os; print([n for n in os.environ if n.lower() == 'http_proxy'])";
    assert_eq!(client.run(proxies).await.stdout(), "[]\n");
    assert_eq!(origin.visits(), 1);
    client.close().await;
}

#[tokio::test]
async fn an_allow_list_lets_its_names_through_and_no_others() {
    let what = "an_allow_list_lets_its_names_through_and_no_others";
    let Some(turn) = turn(what).await else { return };
    // The index is the one host outside that every machine which runs these tests can reach.
    let mut client = Client::start(&turn.engine, &["--allow", "pypi.org:443"]).await;
    let urls = [
        "https://pypi.org/simple/six/".to_owned(),
        "http://pypi.org/simple/six/".to_owned(),
        "https://files.pythonhosted.org/".to_owned(),
        "http://169.254.169.254/".to_owned(),
    ];
    let answer = client.run(&fetch(&urls)).await;
    let stdout = answer.stdout();
    assert!(said(stdout, &urls[0]).starts_with("200"), "{answer:?}");
    for url in &urls[1..] {
        assert!(said(stdout, url).contains("403"), "{stdout}");
    }
    // `requests` and the index's own tool find their way by the same variables and certificates.
    let program = "import requests
print(requests.get('https://pypi.org/simple/six/', timeout=15).status_code)";
    let answer = client
        .call(json!({ "code": program, "modules": "requests" }))
        .await;
    assert_eq!(answer.stdout(), "200\n", "{answer:?}");
    client.close().await;
}
