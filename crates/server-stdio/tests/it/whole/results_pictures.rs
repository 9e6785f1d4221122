//! Pictures that are too large to be looked at as they are, through the real server on a real engine: those that a program
//! shows, and those that it saves.

use serde_json::json;

use super::client::{Client, turn};
use super::results::blocks;

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
