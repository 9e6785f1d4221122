//! A web server on this machine's loopback, with one page: an origin that no program reaches
//! unless the server was told to open it by name.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The title of the page.
pub(super) const TITLE: &str = "A page from outside the sandbox";
/// How long a visitor may take for its request.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// The longest request that is read.
const MAX_REQUEST: u64 = 16 * 1024;

/// The server; it runs until the chore ends.
#[derive(Debug)]
pub(super) struct Origin {
    address: SocketAddr,
    visits: Arc<AtomicUsize>,
}

impl Origin {
    pub(super) fn start() -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on the loopback")?;
        let address = listener.local_addr().context("cannot tell the port")?;
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visits);
        thread::spawn(move || {
            // One after another: a visitor that stalls is given up after ten seconds.
            for visitor in listener.incoming().flatten() {
                if serve(visitor).is_ok() {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Ok(Self { address, visits })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests were answered.
    pub(super) fn visits(&self) -> usize {
        self.visits.load(Ordering::Relaxed)
    }
}

fn serve(mut visitor: TcpStream) -> std::io::Result<()> {
    visitor.set_read_timeout(Some(REQUEST_WITHIN))?;
    visitor.set_write_timeout(Some(REQUEST_WITHIN))?;
    let mut request = BufReader::new(visitor.try_clone()?.take(MAX_REQUEST));
    let mut first = String::new();
    request.read_line(&mut first)?;
    let mut line = String::new();
    while request.read_line(&mut line)? > 2 {
        line.clear();
    }
    let (status, body) = if first.starts_with("GET / ") {
        let heading = format!("<title>{TITLE}</title><h1>{TITLE}</h1>");
        ("200 OK", format!("<!doctype html>{heading}"))
    } else {
        ("404 Not Found", String::new())
    };
    write!(
        visitor,
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}
