//! What bytes are: media types by name and content, and the size of a picture as its head claims it.
//!
//! Nothing is decoded. The types are a list of their own, for what a program wrote is served to others under them.

/// A picture that clients can show, as its first bytes describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Picture {
    /// Its media type.
    pub media_type: &'static str,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

impl Picture {
    /// The picture that `bytes` begin with: PNG, JPEG, GIF or WebP.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        png(bytes)
            .or_else(|| jpeg(bytes))
            .or_else(|| gif(bytes))
            .or_else(|| webp(bytes))
    }

    /// The longer one of its sides.
    #[must_use]
    pub fn long_side(self) -> u32 {
        self.width.max(self.height)
    }
}

/// The media type of a file: pictures by what they begin with, text by the name's end if it is UTF-8, the rest by the
/// name's end.
#[must_use]
pub fn media_type(name: &str, bytes: &[u8]) -> &'static str {
    if let Some(picture) = Picture::of(bytes) {
        return picture.media_type;
    }
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    let end = end.to_ascii_lowercase();
    let known = |table: &[(&'static str, &'static str)]| {
        let found = table.iter().find(|(known, _)| *known == end);
        found.map(|(_, media_type)| *media_type)
    };
    if is_text(bytes) {
        return known(TEXTS)
            .or_else(|| known(BINARIES))
            .unwrap_or("text/plain");
    }
    known(BINARIES).unwrap_or("application/octet-stream")
}

/// Whether it can be shown as text: UTF-8 without NUL.
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok()
}

const TEXTS: &[(&str, &str)] = &[
    ("csv", "text/csv"),
    ("css", "text/css"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ipynb", "application/json"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("jsonl", "application/jsonl"),
    ("md", "text/markdown"),
    ("py", "text/x-python"),
    ("svg", "image/svg+xml"),
    ("toml", "application/toml"),
    ("tsv", "text/tab-separated-values"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
];

const BINARIES: &[(&str, &str)] = &[
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("gz", "application/gzip"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("parquet", "application/vnd.apache.parquet"),
    ("pdf", "application/pdf"),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("sqlite", "application/vnd.sqlite3"),
    ("db", "application/vnd.sqlite3"),
    ("tar", "application/x-tar"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("zip", "application/zip"),
];

fn png(bytes: &[u8]) -> Option<Picture> {
    let rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    (rest.get(4..8)? == b"IHDR").then_some(())?;
    Some(Picture {
        media_type: "image/png",
        width: big(rest.get(8..12)?),
        height: big(rest.get(12..16)?),
    })
}

fn gif(bytes: &[u8]) -> Option<Picture> {
    let rest = bytes
        .strip_prefix(b"GIF89a")
        .or_else(|| bytes.strip_prefix(b"GIF87a"))?;
    Some(Picture {
        media_type: "image/gif",
        width: little(rest.get(0..2)?),
        height: little(rest.get(2..4)?),
    })
}

fn webp(bytes: &[u8]) -> Option<Picture> {
    (bytes.get(..4)? == b"RIFF" && bytes.get(8..12)? == b"WEBP").then_some(())?;
    let (width, height) = match bytes.get(12..16)? {
        b"VP8X" => (
            little(bytes.get(24..27)?) + 1,
            little(bytes.get(27..30)?) + 1,
        ),
        b"VP8 " => (
            little(bytes.get(26..28)?) & 0x3fff,
            little(bytes.get(28..30)?) & 0x3fff,
        ),
        b"VP8L" => {
            let bits = little(bytes.get(21..25)?);
            ((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1)
        }
        _ => return None,
    };
    Some(Picture {
        media_type: "image/webp",
        width,
        height,
    })
}

/// The first frame header among a JPEG's segments, of which no more than these are looked at.
fn jpeg(bytes: &[u8]) -> Option<Picture> {
    const MOST_SEGMENTS: usize = 1000;
    let mut rest = bytes.strip_prefix(b"\xff\xd8")?;
    for _ in 0..MOST_SEGMENTS {
        let (&marker, behind) = rest.strip_prefix(b"\xff")?.split_first()?;
        let length = usize::try_from(big(behind.get(0..2)?)).ok()?;
        if matches!(marker, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) {
            return Some(Picture {
                media_type: "image/jpeg",
                width: big(behind.get(5..7)?),
                height: big(behind.get(3..5)?),
            });
        }
        rest = behind.get(length..)?;
    }
    None
}

fn big(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn little(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0";
    const JPEG: &[u8] =
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\x01\xe0\x02\x80\x03";

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<(&str, u32, u32)>) {
        let seen = Picture::of(bytes).map(|p| (p.media_type, p.width, p.height));
        assert_eq!(seen, expected);
    }

    #[test]
    fn heads_of_pictures() {
        check(PNG, Some(("image/png", 640, 480)));
        check(JPEG, Some(("image/jpeg", 640, 480)));
        check(b"GIF89a\x80\x02\xe0\x01", Some(("image/gif", 640, 480)));
        let webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0";
        check(webp, Some(("image/webp", 640, 480)));
        check(&PNG[..20], None);
        check(b"\xff\xd8\xff\xc0\0\x11", None);
        check(b"<svg/>", None);
        check(b"", None);
    }

    #[test]
    fn types() {
        #[track_caller]
        fn check(name: &str, bytes: &[u8], expected: &str) {
            assert_eq!(media_type(name, bytes), expected);
        }
        check("plot.txt", PNG, "image/png");
        check("plot.png", b"<script>", "text/plain");
        check("a.csv", b"a,b\n", "text/csv");
        check("a.csv", b"a\0", "application/octet-stream");
        check("A.JSON", b"{}", "application/json");
        check("a.html", b"<p>", "text/html");
        check("noend", b"text", "text/plain");
        check("noend", b"\xff\xfe", "application/octet-stream");
        check("a.zip", b"PK\x03\x04\0", "application/zip");
        check("page.exe", b"MZ\0", "application/octet-stream");
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_type(start in 0_usize..4, bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let heads: [&[u8]; 4] = [b"", b"\xff\xd8", b"RIFF\0\0\0\0WEBPVP8L", b"\x89PNG\r\n\x1a\n"];
            let bytes = [heads[start], &bytes].concat();
            prop_assert!(!media_type("x.bin", &bytes).is_empty());
        }
    }
}
