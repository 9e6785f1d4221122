//! HTTP as programs speak it to the gateway: requests in absolute form, and `CONNECT`. Which bytes of a request are passed
//! on, and in what form, is `rewrite.rs`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1 as client;
use hyper::ext::ReasonPhrase;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::audit::Protocol;
use super::dial::BoxStream;
use super::entry::Entry;
use super::failure::Failure;
use super::link::Visit;
use super::meter::Metered;
use super::name::Destination;
use super::reach::{Purpose, reach};
use super::relay::relay;
use super::rewrite;

/// Serves one connection of a program that speaks HTTP: requests one after the other, and at most one tunnel at the end.
pub(super) async fn serve<C>(visit: &Arc<Visit>, channel: C)
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let tunnel: Arc<Mutex<Option<Tunnel>>> = Arc::default();
    let limits = &visit.link.shared.limits;
    let service = service_fn(|request: Request<Incoming>| {
        let visit = Arc::clone(visit);
        let tunnel = Arc::clone(&tunnel);
        async move { Ok::<_, Infallible>(answer(&visit, &tunnel, request).await) }
    });
    let connection = server::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(HEADERS)
        .max_buf_size(limits.header_bytes.max(HYPER_LEAST_BUFFER))
        .auto_date_header(false)
        // A program may end its request by closing its side, and still wants the answer.
        .half_close(true)
        .serve_connection(TokioIo::new(channel), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        // hyper has answered what could be answered.
        tracing::debug!(%error, "a program's connection to the proxy ended early");
    }
    let tunnel = tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(tunnel) = tunnel {
        tunnel.run().await;
    }
}

/// A tunnel whose `CONNECT` has been answered and that waits for the connection to become one.
struct Tunnel {
    upgrade: OnUpgrade,
    stream: Metered<BoxStream>,
    destination: Destination,
    entry: Entry,
}

impl Tunnel {
    async fn run(mut self) {
        let Ok(program) = self.upgrade.await else {
            return;
        };
        let name = self.destination.host.name();
        if let Err(failure) = relay(TokioIo::new(program), self.stream, name).await {
            self.entry.failed(&failure);
        }
    }
}

type AnswerBody = UnsyncBoxBody<Bytes, hyper::Error>;

async fn answer(
    visit: &Arc<Visit>,
    tunnel: &Mutex<Option<Tunnel>>,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let result = if request.method() == Method::CONNECT {
        connect(visit, tunnel, request).await
    } else {
        forward(visit, request).await
    };
    result.unwrap_or_else(|failure| refusal(&failure, &visit.link.egress.allowance()))
}

async fn connect(
    visit: &Visit,
    tunnel: &Mutex<Option<Tunnel>>,
    mut request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Failure> {
    let destination = rewrite::connect_destination(&request)
        .inspect_err(|failure| note(visit, Protocol::Connect, failure))?;
    let mut entry = Entry::new(&visit.link, Protocol::Connect, Some(destination.clone()));
    let reached = reach(visit, &destination, Purpose::Tunnel, &mut entry).await?;
    let upgrade = hyper::upgrade::on(&mut request);
    let made = Tunnel {
        upgrade,
        stream: reached.stream,
        destination,
        entry,
    };
    *tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
    Ok(Response::new(empty()))
}

async fn forward(
    visit: &Visit,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Failure> {
    let destination = rewrite::request_destination(&request)
        .inspect_err(|failure| note(visit, Protocol::Http, failure))?;
    let mut entry = Entry::new(&visit.link, Protocol::Http, Some(destination.clone()));
    let reached = reach(visit, &destination, Purpose::Request, &mut entry).await?;
    let result = exchange(visit, &destination, request, reached).await;
    let (parts, driven) = match result {
        Ok(response) => response.into_parts(),
        Err(error) => {
            let failure = exchange_failure(visit, &destination, &entry, &error);
            entry.failed(&failure);
            return Err(failure);
        }
    };
    let mut response = Response::from_parts(parts, AnswerBody::new(Empty::new().map_err(never)));
    rewrite::response(&mut response, &destination).inspect_err(|failure| entry.failed(failure))?;
    let body = Kept {
        body: driven,
        broken: None,
        _entry: entry,
    };
    Ok(response.map(|_| body.boxed_unsync()))
}

async fn exchange(
    visit: &Visit,
    destination: &Destination,
    request: Request<Incoming>,
    reached: super::reach::Reached,
) -> Result<Response<Driven>, hyper::Error> {
    let request = rewrite::request(request, destination, reached.through);
    let (mut sender, connection) = client::Builder::new()
        .max_headers(HEADERS)
        .max_header_size(visit.link.shared.limits.header_bytes)
        .max_buf_size(BODY_BUFFER)
        .handshake(TokioIo::new(reached.stream))
        .await?;
    let mut driver = Driver {
        connection: Box::pin(connection),
        ended: false,
    };
    let mut sending = Box::pin(sender.send_request(request));
    let response = std::future::poll_fn(|cx| {
        driver.poll(cx);
        sending.as_mut().poll(cx)
    });
    let response = response.await?;
    Ok(response.map(|body| Driven { driver, body }))
}

/// The connection to the server. It moves only when polled, so whoever waits for its bytes polls it: no task to own.
struct Driver {
    connection: Pin<Box<client::Connection<TokioIo<Metered<BoxStream>>, Incoming>>>,
    ended: bool,
}

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>) {
        // How the connection ended is told by the response or its body.
        if !self.ended && self.connection.as_mut().poll(cx).is_ready() {
            self.ended = true;
        }
    }
}

/// The body of a server's answer, which carries the connection that it comes from.
struct Driven {
    driver: Driver,
    body: Incoming,
}

/// A body that keeps the audit entry open until its last byte.
struct Kept {
    body: Driven,
    broken: Option<hyper::Error>,
    _entry: Entry,
}

impl Body for Kept {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        self.body.driver.poll(cx);
        match Pin::new(&mut self.body.body).poll_frame(cx) {
            // hyper throws away what it holds when a body breaks. One round later it has passed on what did arrive.
            Poll::Ready(Some(Err(error))) => {
                self.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.body.size_hint()
    }
}

/// An answer of our own, for a person to read.
fn refusal(failure: &Failure, allowance: &str) -> Response<AnswerBody> {
    let text = failure.text(allowance);
    // Most clients show no more of a refused `CONNECT` than the reason beside its status, so that is where it stands too.
    let reason: String = text.trim_end().chars().take(REASON_CHARS).collect();
    let text = Full::new(Bytes::from(text));
    let mut response = Response::new(text.map_err(never).boxed_unsync());
    if let Ok(reason) = ReasonPhrase::try_from(reason) {
        response.extensions_mut().insert(reason);
    }
    *response.status_mut() =
        StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    let status = format!("sandbox-gateway; error={}", failure.proxy_status());
    if let Ok(status) = HeaderValue::from_str(&status) {
        headers.insert(PROXY_STATUS, status);
    }
    response
}

/// Writes down a request that did not even name a destination.
fn note(visit: &Visit, protocol: Protocol, failure: &Failure) {
    Entry::new(&visit.link, protocol, None).failed(failure);
}

fn exchange_failure(
    visit: &Visit,
    destination: &Destination,
    entry: &Entry,
    error: &hyper::Error,
) -> Failure {
    if entry.counts().was_cut()
        && let Err(limit) = visit.link.tally.check_bytes()
    {
        return Failure::Limit(limit);
    }
    let why = if error.is_incomplete_message() {
        "it ended the connection"
    } else if error.is_parse() {
        "its answer could not be understood"
    } else {
        "the connection broke"
    };
    Failure::Exchange {
        destination: destination.authority(),
        why: why.to_owned(),
    }
}

fn empty() -> AnswerBody {
    Empty::new().map_err(never).boxed_unsync()
}

fn never(never: Infallible) -> hyper::Error {
    match never {}
}

/// RFC 9209.
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
/// A status line stays short enough for every reader.
const REASON_CHARS: usize = 400;
/// What hyper itself takes by default.
const HEADERS: usize = 100;
/// hyper panics below this.
const HYPER_LEAST_BUFFER: usize = 8 * 1024;
/// How much of a body is held on its way from the server.
const BODY_BUFFER: usize = 64 * 1024;
