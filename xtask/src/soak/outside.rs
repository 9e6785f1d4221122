//! The outside as the programs of a soak find it: a package index with a few small wheels, and a host with pages. Both
//! are one small server at this machine's own address, which ends with the chore.

use std::io::{Cursor, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zip::ZipWriter;
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;

use crate::pages;

/// The projects of the index. Each has one module, `soak_<letter>`, whose `WORD` is the letter.
pub(super) const PROJECTS: &[&str] = &["soak-a", "soak-b", "soak-c"];
/// The name by which programs reach the pages.
pub(super) const HOST: &str = "soak.test";

/// How many connections are served at once; others wait.
const SERVED_AT_ONCE: usize = 16;
/// How long anybody is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// For how long the page without an end goes on.
const ENDLESS: Duration = Duration::from_secs(5);

/// Where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outside {
    address: SocketAddr,
}

impl Outside {
    /// Serves until the process ends.
    pub(super) fn serve() -> Result<Self> {
        let own = own_address().context("this machine has no address for an index")?;
        let listener = TcpListener::bind(SocketAddr::new(own.ip(), 0));
        let listener = listener.context("cannot serve an index")?;
        let address = listener.local_addr().context("an index has no address")?;
        for _ in 0..SERVED_AT_ONCE {
            let listener = listener.try_clone().context("cannot serve an index")?;
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    // Who goes away in between misses the rest, and nobody else does.
                    let _ = answer(&stream);
                }
            });
        }
        Ok(Self { address })
    }

    /// The index, as a setting names it.
    pub(super) fn index(&self) -> String {
        format!("http://{}/simple", self.address)
    }

    /// What opens the pages to programs, and nothing beside them.
    pub(super) fn opening(&self) -> String {
        format!("{HOST}:80={}", self.address)
    }
}

/// The address by which others know this machine: installers take a loopback address for their own.
fn own_address() -> std::io::Result<SocketAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // Nothing is sent: this only asks for the route.
    socket.connect("192.0.2.1:9")?;
    socket.local_addr()
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    let path = pages::path_asked(stream, PATIENCE)?;
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["simple", name] if PROJECTS.contains(name) => {
            let file = file_name(name);
            let page = format!("<!doctype html><a href=\"/files/{file}\">{file}</a>");
            pages::give(stream, "text/html", page.as_bytes())
        }
        ["files", file] => match PROJECTS.iter().find(|name| file_name(name) == *file) {
            Some(name) => pages::give(stream, "application/octet-stream", &wheel(name)?),
            None => pages::absent(stream),
        },
        ["echo", word] => pages::give(stream, "text/plain", word.as_bytes()),
        ["endless"] => {
            pages::begin(stream, "text/plain", None)?;
            let begun = Instant::now();
            while begun.elapsed() < ENDLESS {
                stream.write_all(&[b'x'; 4096])?;
            }
            Ok(())
        }
        _ => pages::absent(stream),
    }
}

fn module(project: &str) -> String {
    project.replace('-', "_")
}

fn file_name(project: &str) -> String {
    format!("{}-1.0-py3-none-any.whl", module(project))
}

/// The wheel of a project.
fn wheel(project: &str) -> ZipResult<Vec<u8>> {
    let name = module(project);
    let info = format!("{name}-1.0.dist-info");
    let letter = project.rsplit('-').next().unwrap_or_default();
    let mut files = vec![
        (format!("{name}.py"), format!("WORD = '{letter}'\n")),
        (
            format!("{info}/METADATA"),
            format!("Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n"),
        ),
        (
            format!("{info}/WHEEL"),
            "Wheel-Version: 1.0\nGenerator: soak\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
                .to_owned(),
        ),
    ];
    let mut record = String::new();
    for (path, text) in &files {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(text));
        record.push_str(&format!("{path},sha256={digest},{}\n", text.len()));
    }
    record.push_str(&format!("{info}/RECORD,,\n"));
    files.push((format!("{info}/RECORD"), record));
    archive(&files)
}

fn archive(files: &[(String, String)]) -> ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in files {
        archive.start_file(path, SimpleFileOptions::default())?;
        archive.write_all(text.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn get(outside: &Outside, path: &str) -> String {
        let mut stream = TcpStream::connect(outside.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn the_index_leads_to_its_wheels_and_to_nothing_else() {
        let outside = Outside::serve().unwrap();
        let page = get(&outside, "/simple/soak-a/");
        assert!(
            page.contains("/files/soak_a-1.0-py3-none-any.whl"),
            "{page}"
        );
        let wheel = get(&outside, "/files/soak_a-1.0-py3-none-any.whl");
        assert!(wheel.contains("WORD = 'a'"), "{wheel}");
        assert!(get(&outside, "/simple/soak-d/").starts_with("HTTP/1.1 404"));
        assert!(get(&outside, "/echo/17").ends_with("\r\n\r\n17"));
    }
}
