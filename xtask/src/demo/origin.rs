//! A web server on this machine's loopback, with one page: an origin that no program reaches
//! unless the server was told to open it by name.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::pages;

/// The title of the page.
pub(super) const TITLE: &str = "A page from outside the sandbox";
/// How long a visitor may take for its request.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);

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
                if serve(&visitor).is_ok() {
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

fn serve(visitor: &TcpStream) -> std::io::Result<()> {
    if pages::path_asked(visitor, REQUEST_WITHIN)? != "/" {
        return pages::absent(visitor);
    }
    let heading = format!("<title>{TITLE}</title><h1>{TITLE}</h1>");
    let page = format!("<!doctype html>{heading}");
    pages::give(visitor, "text/html", page.as_bytes())
}
