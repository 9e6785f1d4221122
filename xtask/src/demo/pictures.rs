//! The pictures of a result, as files that a person can open.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Writes the pictures of `answer` into `dir`, which is there, under names that begin with `name`.
pub(super) fn save(answer: &Value, dir: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let mut saved = Vec::new();
    for (data, kind) in pictures(answer) {
        let bytes = STANDARD.decode(data).context("a picture is no base64")?;
        let ending = kind.strip_prefix("image/").unwrap_or("bin");
        let path = dir.join(format!("{name}-{}.{ending}", saved.len() + 1));
        std::fs::write(&path, bytes)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        saved.push(path);
    }
    Ok(saved)
}

/// The data and the media type of each.
fn pictures(answer: &Value) -> Vec<(&str, &str)> {
    let blocks = answer.get("content").and_then(Value::as_array);
    let picture = |block: &'_ Value| block.get("type").and_then(Value::as_str) == Some("image");
    let parts = blocks.into_iter().flatten().filter(|block| picture(block));
    parts
        .filter_map(|block| {
            let text = |key| block.get(key).and_then(Value::as_str);
            Some((text("data")?, text("mimeType")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_picture_becomes_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let answer = json!({ "content": [
            { "type": "text", "text": "before" },
            { "type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png" },
            { "type": "image", "data": "/9j/", "mimeType": "image/jpeg" },
        ] });
        let saved = save(&answer, dir.path(), "plot").unwrap();
        let names: Vec<_> = saved.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, ["plot-1.png", "plot-2.jpeg"]);
        assert_eq!(std::fs::read(&saved[0]).unwrap(), b"\x89PNG\r\n\x1a\n");
        let broken =
            json!({ "content": [{ "type": "image", "data": "!", "mimeType": "image/png" }] });
        assert!(save(&broken, dir.path(), "x").is_err());
    }
}
