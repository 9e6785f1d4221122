//! What the chores' own web servers have in common: a request is read, an answer's head is written, and the
//! connection ends behind it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// The most of a request that is read, in bytes.
const MAX_REQUEST: u64 = 16 * 1024;

/// The path that a visitor asks for, by whatever method; empty when it asks for none. Anything the visitor is waited
/// for later has the same patience.
///
/// # Errors
///
/// When the visitor goes away or takes longer.
pub(crate) fn path_asked(visitor: &TcpStream, patience: Duration) -> std::io::Result<String> {
    visitor.set_read_timeout(Some(patience))?;
    visitor.set_write_timeout(Some(patience))?;
    let mut lines = BufReader::new(visitor.take(MAX_REQUEST)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    Ok(request.split(' ').nth(1).unwrap_or_default().to_owned())
}

/// Writes the head of an answer whose body comes next: so many bytes of it, or all until the connection ends.
///
/// # Errors
///
/// When the visitor has gone.
pub(crate) fn begin(
    mut visitor: &TcpStream,
    kind: &str,
    length: Option<u64>,
) -> std::io::Result<()> {
    let length = length.map_or_else(String::new, |length| {
        format!("Content-Length: {length}\r\n")
    });
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{length}Connection: close\r\n\r\n");
    visitor.write_all(head.as_bytes())
}

/// Answers with all of a page or file.
///
/// # Errors
///
/// When the visitor has gone.
pub(crate) fn give(mut visitor: &TcpStream, kind: &str, content: &[u8]) -> std::io::Result<()> {
    begin(visitor, kind, u64::try_from(content.len()).ok())?;
    visitor.write_all(content)
}

/// Answers that there is no such page.
///
/// # Errors
///
/// When the visitor has gone.
pub(crate) fn absent(mut visitor: &TcpStream) -> std::io::Result<()> {
    visitor.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
