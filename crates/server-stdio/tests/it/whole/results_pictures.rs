//! Pictures that are too large to be looked at as they are, through the real server on a real engine: those that a program
//! shows, and those that it saves.

use serde_json::json;

use super::client::{Client, turn};
use super::results::{blocks, with};

#[tokio::test]
async fn what_is_made_smaller_without_pillow_looks_as_if_it_had_been_there() {
    let what = "what_is_made_smaller_without_pillow_looks_as_if_it_had_been_there";
    let Some(turn) = turn(what).await else { return };
    let mut client = Client::start(&turn.engine, &[]).await;
    // Colours that change slowly and at once, and grain. Its sides can be divided by all that is likely.
    let picture = "import random, zlib
def chunk(kind, body): return len(body).to_bytes(4, 'big') + kind + body + zlib.crc32(kind + body).to_bytes(4, 'big')
chance, rows = random.Random(7), b''
for y in range(120):
    rows += b'\\0' + bytes(v // 4 + y // 4 + chance.randrange(16) & 255 for x in range(1800) for v in (x % 400, 400 - x % 400, 7 * y))
head = (1800).to_bytes(4, 'big') + (120).to_bytes(4, 'big') + bytes([8, 2, 0, 0, 0])
data = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(rows, 1)) + chunk(b'IEND', b'')
";
    let answer = client.run(&format!("{picture}data")).await;
    let seen = blocks(&answer);
    let [view, link] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert!(view.starts_with("image image/png "), "{view}");
    assert_eq!(link, r#"link "display-1/picture.png" "image/png""#);

    // Pillow's own way to scale by fractions weighs less exactly.
    let code = "import io, math
from PIL import Image, ImageChops, ImageStat
view, whole = Image.open('view.png'), Image.open(io.BytesIO(data))
both = math.gcd(view.width, whole.width)
finer = whole.resize([side * view.width // both for side in whole.size], Image.NEAREST)
apart = ImageChops.difference(view, finer.reduce(whole.width // both))
print(view.mode, view.width > 400, max(high for _, high in apart.getextrema()) <= 8, max(ImageStat.Stat(apart).mean) < 1)
print(min(ImageStat.Stat(view).stddev) > 10)";
    let looked = client
        .call(json!({
            "code": format!("{picture}{code}"),
            "modules": "pillow",
            "files": [{"name": "view.png", "base64": answer.content()[0]["data"]}],
        }))
        .await;
    assert_eq!(
        looked.stdout(),
        "RGB True True True\nTrue\n",
        "{}",
        looked.text()
    );
    client.close().await;
}

#[tokio::test]
async fn saved_pictures_that_are_too_large_are_seen_smaller() {
    let what = "saved_pictures_that_are_too_large_are_seen_smaller";
    let Some(turn) = turn(what).await else { return };
    let mut client = Client::start(&turn.engine, &[]).await;
    // Closed; still open; small; shown before.
    let code = "import matplotlib.pyplot as plt, os
plt.plot([1, 3, 2]); plt.savefig('large.png', dpi=300); plt.close()
os.mkdir('sub'); plt.plot([2, 1]); plt.savefig('sub/open.png', dpi=300)
plt.figure(); plt.plot([1, 2]); plt.savefig('small.png'); plt.close()
fig = plt.figure(); fig.add_subplot().plot([1, 2]); plt.show(); fig.savefig('shown.png', dpi=400)";
    let answer = with(&mut client, "matplotlib", code).await;
    let mut seen = blocks(&answer);
    let figure = seen.remove(0);
    assert!(figure.starts_with("image image/png "), "{figure}");
    assert_eq!(
        seen,
        [
            r#"text "large.png, 1920 × 1440 pixels""#,
            "image image/png 1568x1176",
            r#"text "sub/open.png, 1920 × 1440 pixels""#,
            "image image/png 1568x1176",
            r#"link "large.png" "image/png""#,
            r#"link "shown.png" "image/png""#,
            "image image/png 640x480",
            r#"link "small.png" "image/png""#,
            r#"link "sub/open.png" "image/png""#,
        ]
    );
    assert_eq!((answer.stdout(), answer.field("stderr")), ("", &json!("")));

    // What was given does not come back, the end of a fork is none, and there is a bound; no picture is looked for where
    // none can be.
    let files = answer.field("files").as_array().unwrap();
    let large = files.iter().find(|file| file["name"] == "large.png");
    let code = "import os
from PIL import Image
for n in range(6): Image.new('L', (2000 + n, 10)).save(f'{n}.png')
open('7.png', 'w').write('none')
os.symlink('1.png', '8.png')
os.symlink('/', 'up')
if os.fork() > 0: os.wait(); print(Image.open('given.png').size)";
    let answer = client
        .call(json!({
            "code": code,
            "modules": "pillow",
            "files": [{"name": "given.png", "uri": large.unwrap()["uri"]}],
        }))
        .await;
    assert_eq!(answer.stdout(), "(1920, 1440)\n", "{}", answer.text());
    let displays = answer.field("displays").as_array().unwrap();
    let texts: Vec<_> = displays.iter().map(|one| &one["text"]).collect();
    assert_eq!(
        texts,
        [
            "0.png, 2000 × 10 pixels",
            "1.png, 2001 × 10 pixels",
            "2.png, 2002 × 10 pixels",
            "3.png, 2003 × 10 pixels",
        ]
    );
    client.close().await;
}

#[tokio::test]
async fn screenshots_beyond_the_eighth_are_counted() {
    let what = "screenshots_beyond_the_eighth_are_counted";
    let Some(turn) = turn(what).await else { return };
    let mut client = Client::start(&turn.engine, &[]).await;
    // Those that come as files are not among them, and a program that is killed has counted all the same.
    let code = "import os
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    page = p.chromium.launch().new_page(viewport={'width': 100, 'height': 80})
    for n in range(11): page.screenshot()
    page.screenshot(path='kept.png')
    display('between')
    page.screenshot()
    os.kill(os.getpid(), 9)";
    let answer = client
        .call(json!({ "code": code, "modules": "playwright" }))
        .await;
    assert_eq!(answer.ending(), "signaled", "{}", answer.text());
    let picture = "image image/png 100x80";
    let mut expected = vec![picture; 8];
    expected.extend([
        r#"text "screenshots that are not shown: 4; the first 8 are, and all that are given to `display(…)`""#,
        r#"text "'between'""#,
        picture,
        r#"link "kept.png" "image/png""#,
    ]);
    assert_eq!(blocks(&answer)[1..], expected);
    client.close().await;
}
