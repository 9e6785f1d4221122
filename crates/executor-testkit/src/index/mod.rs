//! A package index of our own on this machine, with wheels that no honest one has.
//!
//! `honest` is a package of one module; `traversal`, `absolute`, `linked` and `special` are made to get out of where
//! packages are installed, in the way that their names say. It needs a `python3`.

use std::io;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// An index that serves until it is dropped or [stopped](Self::stop).
#[derive(Debug)]
pub struct Index {
    _directory: TempDir,
    process: Child,
    url: String,
}

impl Index {
    /// Makes the wheels and serves them, by this machine's name.
    ///
    /// # Errors
    ///
    /// When there is no `python3`, or it cannot serve.
    pub async fn start() -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut process = Command::new("python3")
            .args(["-I", "-c", include_str!("wheels.py")])
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let silent = || io::Error::other("the index did not say where it is");
        let output = process.stdout.take().ok_or_else(silent)?;
        let address = BufReader::new(output).lines().next_line().await?;
        let address = address.ok_or_else(silent)?;
        Ok(Self {
            _directory: directory,
            process,
            url: format!("http://{address}/simple"),
        })
    }

    /// Its address, as a setting names it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it: from then on connections to it are refused.
    ///
    /// # Errors
    ///
    /// When it cannot be ended.
    pub async fn stop(mut self) -> io::Result<()> {
        self.process.kill().await
    }
}
