//! What a program serves on its own loopback, it can reach by name, whatever the client library.

use serde_json::json;

use super::client::{Client, turn};

/// Serves a page on the sandbox's own loopback and leaves its port in `port`.
const SERVER: &str = "import http.server, threading
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'<title>own page</title><h1>hello</h1>'
        self.send_response(200)
        self.send_header('Content-Type', 'text/html')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_port
";

#[tokio::test]
async fn localhost_is_reached_from_urllib_and_from_c() {
    let Some(turn) = turn("localhost_is_reached_from_urllib_and_from_c").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    // The own name resolves as well; `urllib` would ask the proxy for it, a socket does not.
    let program = "import socket, subprocess, urllib.request
for host in ('localhost', '127.0.0.1'):
    with urllib.request.urlopen('http://%s:%d/' % (host, port)) as answer:
        print(answer.status, b'own page' in answer.read())
socket.create_connection((socket.gethostname(), port), timeout=5).close()
for name in ('localhost', socket.gethostname()):
    print(subprocess.run(['getent', 'hosts', name], capture_output=True).returncode)";
    let answer = client.run(&format!("{SERVER}{program}")).await;
    assert_eq!(answer.stdout(), "200 True\n200 True\n0\n0\n", "{answer:?}");
    client.close().await;
}

#[tokio::test]
async fn localhost_is_reached_from_requests_and_from_chromium() {
    let what = "localhost_is_reached_from_requests_and_from_chromium";
    let Some(turn) = turn(what).await else { return };
    let mut client = Client::start(&turn.engine, &[]).await;
    let program = "import requests
print(requests.get('http://localhost:%d/' % port, timeout=10).status_code)
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    browser = playwright.chromium.launch()
    page = browser.new_page()
    page.goto('http://localhost:%d/' % port)
    print(page.title(), page.screenshot()[:4])
    browser.close()";
    let arguments = json!({
        "code": format!("{SERVER}{program}"),
        "modules": "requests, playwright",
    });
    let answer = client.call(arguments).await;
    assert_eq!(answer.stdout(), "200\nown page b'\\x89PNG'\n", "{answer:?}");
    client.close().await;
}
