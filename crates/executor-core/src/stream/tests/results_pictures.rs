//! Pictures that are too large to be looked at, without Pillow, with the real runner.

use super::local::{Finished, Local};
use crate::display::Display;
use crate::limits::{ByteSize, ResultLimits};
use crate::stream::Item;

/// What the programs begin with: Pillow is out of reach, and PNGs are made by hand, every row by the same filter.
const HEAD: &str = "import random, sys, zlib
sys.modules['PIL'] = None
def chunk(kind, body):
    return len(body).to_bytes(4, 'big') + kind + body + zlib.crc32(kind + body).to_bytes(4, 'big')
def foretold(way, left, up, corner):
    if way < 4: return (0, left, up, (left + up) // 2)[way]
    near = left + up - corner
    return min((left, up, corner), key=lambda one: abs(near - one))
def png(rows, channels, colour, way=0, before=b'', depth=8, interlaced=0):
    packed, above = b'', bytes(len(rows[0]))
    for row in rows:
        left, corner = bytes(channels) + row, bytes(channels) + above
        packed += bytes([way]) + bytes(x - foretold(way, *three) & 255 for x, *three in zip(row, left, above, corner))
        above = row
    size = (len(rows[0]) // channels).to_bytes(4, 'big') + len(rows).to_bytes(4, 'big')
    head = size + bytes([depth, colour, 0, 0, interlaced])
    chunks = chunk(b'IHDR', head) + before + chunk(b'IDAT', zlib.compress(packed)) + chunk(b'IEND', b'')
    return b'\\x89PNG\\r\\n\\x1a\\n' + chunks
";

async fn run_within(limits: ResultLimits, text: &str) -> Finished {
    let mut local = Local::boot().await;
    let text = format!("{HEAD}{text}");
    let command = local.program(&text).results(limits);
    local.send(command, text.as_bytes());
    let run = local.finish().await.unwrap();
    assert_eq!((run.out(), run.err()), ("", ""));
    run
}

fn displays(run: &Finished, limits: &ResultLimits) -> Vec<Display> {
    let items = run.items.iter().filter_map(|item| match item {
        Item::Display(bytes) => Some(Display::read(bytes.clone(), limits).unwrap()),
        Item::File(..) => None,
    });
    items.collect()
}

/// Its parts and notes, and the bytes of its view.
fn seen(display: &Display) -> (String, &[u8]) {
    let mut seen = Vec::new();
    let mut view: &[u8] = &[];
    for part in &display.parts {
        match part.view {
            Some(picture) => {
                seen.push(format!(
                    "{} {}x{}",
                    part.name, picture.width, picture.height
                ));
                view = &part.bytes;
            }
            None => seen.push(part.name.to_string()),
        }
    }
    seen.extend(display.notes.iter().cloned());
    (seen.join(", "), view)
}

#[tokio::test]
async fn a_large_picture_is_made_smaller_whatever_its_colours_and_filters() {
    // A part that is noise, one that changes slowly, and flat ones with edges, which are gone through faster.
    let text = "chance = random.Random(7)
def row(y, channels):
    noise = chance.randbytes(300 * channels)
    slow = bytes((x + y) // 3 & 255 for x in range(400 * channels))
    flat = bytes([40 if y < 6 else 90]) * (500 * channels) + bytes(range(10, 10 + channels)) * 500
    return noise + slow + flat
palette = chunk(b'PLTE', bytes(n * 7 % 256 for n in range(768)))
for colour, channels in ((0, 1), (2, 3), (3, 1), (4, 2), (6, 4)):
    rows = [row(y, channels) for y in range(12)]
    for way in range(5):
        display(png(rows, channels, colour, way, palette if colour == 3 else b''))
rows = [row(y, 1) for y in range(12)]
display(png(rows, 1, 3, 0, palette + chunk(b'tRNS', bytes(100))))";
    let limits = ResultLimits::default();
    let run = run_within(limits, text).await;
    let shown = displays(&run, &limits);
    let shown: Vec<_> = shown.iter().map(seen).collect();
    assert_eq!(shown.len(), 26);
    for (parts, _) in &shown {
        assert_eq!(parts, "picture.png, view-of-picture.png 1360x12");
    }
    // The seventeenth byte behind the size says of what kind the view is: a palette is resolved.
    let kinds: Vec<u8> = shown.iter().step_by(5).map(|(_, view)| view[25]).collect();
    assert_eq!(kinds, [0, 2, 2, 4, 6, 6]);
    for (colour, filters) in shown[..25].chunks(5).enumerate() {
        for (way, (_, view)) in filters.iter().enumerate() {
            assert!(*view == filters[0].1, "colours {colour}, filter {way}");
        }
    }
}

#[tokio::test]
async fn pixels_that_become_one_are_averaged() {
    let text = "def flat(value, height): return [bytes([value]) * 3000] * height
board = [bytes([0, 100]) * 1500, bytes([200, 100]) * 1500] * 4
for rows in (board, flat(100, 8), flat(101, 8), board + board[:1], board[:-1] + flat(0, 1) + flat(50, 1)):
    display(png(rows, 1, 0))
display(png([row + b'\\0' for row in board], 1, 0))";
    let limits = ResultLimits::default();
    let run = run_within(limits, text).await;
    let shown = displays(&run, &limits);
    let shown: Vec<_> = shown.iter().map(seen).collect();
    let [board, flat, other, taller, odd, wider] = &shown[..] else {
        panic!("{shown:?}")
    };
    assert_eq!(board.0, "picture.png, view-of-picture.png 1500x4");
    assert!(board.1 == flat.1 && flat.1 != other.1);
    // The last row, or column, stands for the one that is missing.
    assert_eq!(taller.0, "picture.png, view-of-picture.png 1500x5");
    assert_eq!(odd.0, taller.0);
    assert!(taller.1 != odd.1);
    assert_eq!(wider.0, "picture.png, view-of-picture.png 1501x4");
}

#[tokio::test]
async fn a_view_is_as_small_as_is_asked_for() {
    // Noise cannot be packed, and a line is longer than any side.
    let text = "chance = random.Random(7)
display(png([chance.randbytes(900) for _ in range(200)], 3, 2))
display(png([bytes(100_000)], 1, 0))
display(png([bytes(1)] * 100_000, 1, 0))";
    let limits = ResultLimits {
        picture_side: 400,
        picture: ByteSize::kib(16),
        ..ResultLimits::default()
    };
    let run = run_within(limits, text).await;
    let shown = displays(&run, &limits);
    let shown: Vec<_> = shown.iter().map(|one| seen(one).0).collect();
    assert_eq!(
        shown,
        [
            "picture.png, view-of-picture.png 75x50",
            "picture.png, view-of-picture.png 400x1",
            "picture.png, view-of-picture.png 1x400",
        ]
    );
}

#[tokio::test]
async fn pictures_of_other_kinds_are_linked_to_and_why_is_said() {
    let text = "rows = [bytes(4000)] * 4
whole = png(rows, 1, 0)
jpeg = b'\\xff\\xd8\\xff\\xc0\\0\\x0b\\x08' + bytes([0, 9, 16, 0]) + bytes(100)
for data in (png(rows, 2, 0, depth=16), png(rows, 1, 0, interlaced=1), png(rows, 1, 7), png(rows, 1, 0, way=9),
             whole[:40], whole[:-30], b'\\x89PNG\\r\\n\\x1a\\n', whole.replace((4000).to_bytes(4, 'big'), b'\\x7f\\xff\\xff\\xff'),
             png([bytes(200_000)], 1, 0), jpeg):
    display(data)";
    let limits = ResultLimits::default();
    let run = run_within(limits, text).await;
    let shown = displays(&run, &limits);
    let shown: Vec<_> = shown.iter().map(|one| seen(one).0).collect();
    let note = |size: &str| {
        format!(
            "picture.png, the picture of {size} pixels could not be made smaller: Pillow is not installed"
        )
    };
    let four = note("4000 x 4");
    assert_eq!(
        shown,
        [
            note("2000 x 4"),
            four.clone(),
            four.clone(),
            four.clone(),
            four.clone(),
            four,
            // It says that it has no pixels at all.
            "picture.png".to_owned(),
            note("2147483647 x 4").replace("Pillow is not installed", "these are too many"),
            note("200000 x 1"),
            note("4096 x 9").replace("picture.png", "picture.jpg"),
        ]
    );
}
