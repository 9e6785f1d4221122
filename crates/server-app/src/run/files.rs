//! Files of `run`: those that go with the program, and those that come back with its result.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use executor_core::Outcome;
use executor_core::files::{FileName, InputFile, MAX_INPUT_BYTES};

use super::read;

/// The files of `--in`: each under its own name, or under the one in front of an `=`.
pub(super) async fn incoming(given: &[String]) -> Result<Vec<InputFile>, String> {
    let mut files = Vec::with_capacity(given.len());
    for one in given {
        let (name, path) = match one.split_once('=') {
            Some((name, path)) => (name.to_owned(), Path::new(path)),
            None => {
                let path = Path::new(one);
                let name = path.file_name().and_then(|name| name.to_str());
                let name = name.ok_or_else(|| format!("--in: `{one}` names no file"))?;
                (name.to_owned(), path)
            }
        };
        let name = FileName::new(name).map_err(|error| format!("--in: {error}"))?;
        let file = tokio::fs::File::open(path)
            .await
            .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
        let what = format!("`{}`", path.display());
        let bytes = read(file, MAX_INPUT_BYTES, &what).await?;
        files.push(InputFile::new(name, bytes));
    }
    Ok(files)
}

/// Writes what the run left below `directory`; what could not be written is said.
pub(super) async fn keep(outcome: &Outcome, directory: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, bytes) in outgoing(outcome) {
        let path = directory.join(path);
        if let Err(error) = write(&path, bytes).await {
            problems.push(format!("`{}` cannot be written: {error}", path.display()));
        }
    }
    problems
}

/// Where each file goes and what stands in it. A name with a hidden part is left out: no honest run returns one, and
/// the directory may be somebody's home.
fn outgoing(outcome: &Outcome) -> Vec<(PathBuf, &Bytes)> {
    let files = outcome
        .files
        .iter()
        .filter(|file| {
            !file
                .name
                .as_str()
                .split('/')
                .any(|part| part.starts_with('.'))
        })
        .map(|file| (PathBuf::from(file.name.as_str()), &file.bytes));
    let displays = outcome.displays.iter().enumerate();
    let parts = displays.flat_map(|(number, display)| {
        display.parts.iter().map(move |part| {
            let name = format!("display-{}-{}", number + 1, part.name);
            (PathBuf::from(name), &part.bytes)
        })
    });
    files.chain(parts).collect()
}

async fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        tokio::fs::create_dir_all(parent).await?;
    }
    tokio::fs::write(path, bytes).await
}

#[cfg(test)]
mod tests {
    use executor_core::files::OutputFile;
    use executor_core::{Ending, Outcome};

    use super::*;

    #[tokio::test]
    async fn files_go_in_under_their_names() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data.csv");
        std::fs::write(&path, "a\n").unwrap();
        let path = path.to_str().unwrap();
        let files = incoming(&[path.to_owned(), format!("in/other.csv={path}")]).await;
        let files = files.unwrap();
        let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["data.csv", "in/other.csv"]);
        assert_eq!(files[1].bytes, "a\n");
        for wrong in ["/", "../x=/etc/hostname", "/does/not/exist"] {
            assert!(incoming(&[wrong.to_owned()]).await.is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn files_come_out_below_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let mut outcome = Outcome::of(Ending::Exited(0));
        for name in ["a.txt", "deep/b.txt", ".bashrc", "x/.ssh/keys"] {
            let name = FileName::new(name).unwrap();
            outcome.files.push(OutputFile::new(name, "x"));
        }
        let out = directory.path().join("out");
        assert_eq!(keep(&outcome, &out).await, Vec::<String>::new());
        assert_eq!(
            std::fs::read_to_string(out.join("deep/b.txt")).unwrap(),
            "x"
        );
        assert!(out.join("a.txt").exists());
        assert!(!out.join(".bashrc").exists() && !out.join("x").exists());
    }
}
