//! What programs leave to be seen, with the libraries that people use, through the real server on a real engine.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Answer, Client, turn};

/// One line a block: its kind, and what tells it from others.
pub(super) fn blocks(answer: &Answer) -> Vec<String> {
    let shown = |block: &Value| match block["type"].as_str() {
        Some("image") => {
            let [width, height] = size_of_png(block["data"].as_str().unwrap());
            format!(
                "image {} {width}x{height}",
                block["mimeType"].as_str().unwrap()
            )
        }
        Some("resource_link") => format!("link {} {}", block["name"], block["mimeType"]),
        Some("resource") => format!("embedded {}", block["resource"]["text"]),
        _ => format!("text {}", block["text"]),
    };
    answer.content().iter().map(shown).collect()
}

/// Width and height, from the first bytes of a picture's base64.
fn size_of_png(data: &str) -> [u32; 2] {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    for four in data.as_bytes()[..32].chunks(4) {
        let bits = four
            .iter()
            .fold(0_u32, |bits, c| bits << 6 | u32::from(value(*c)));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    [number(16), number(20)]
}

pub(super) async fn with(client: &mut Client, modules: &str, code: &str) -> Answer {
    let answer = client
        .call(json!({ "code": code, "modules": modules }))
        .await;
    assert!(!answer.is_error(), "{}", answer.text());
    answer
}

async fn read(client: &mut Client, uri: &Value) -> Value {
    let id = client
        .request("resources/read", json!({ "uri": uri }))
        .await;
    client.answer(id).await
}

#[tokio::test]
async fn files_go_round() {
    let Some(turn) = turn("files_go_round").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let code = "import os\nopen('made.csv', 'w').write('a,b\\n1,2\\n' * 2000)\nos.chmod('made.csv', 0o600)\nos.getuid() > 0";
    let first = client.run(code).await;
    assert_eq!(
        blocks(&first),
        [r#"text "True""#, r#"link "made.csv" "text/csv""#]
    );
    let file = first.field("files")[0].clone();
    assert_eq!(
        (&file["size"], &file["media_type"]),
        (&json!(16_000), &json!("text/csv"))
    );
    let read_back = read(&mut client, &file["uri"]).await;
    let text = read_back["result"]["contents"][0]["text"].as_str().unwrap();
    assert!(text.len() == 16_000 && text.starts_with("a,b\n1,2\n"));
    let second = client
        .call(json!({
            "code": "import sys\nprint(len(open('in/made.csv').read()), open('small').read(), sys.stdin.read())",
            "files": [{"name": "in/made.csv", "uri": file["uri"]}, {"name": "small", "text": "é"}],
            "stdin": "input",
        }))
        .await;
    assert_eq!(second.text(), "16000 é input\n");
    assert!(
        second.field("files").is_null(),
        "what was given does not come back"
    );
    let missing = read(&mut client, &json!("python-executor://runs/0/x")).await;
    assert_eq!(missing["error"]["code"], -32002);
    client.close().await;
}

#[tokio::test]
async fn figures_are_pictures() {
    let Some(turn) = turn("figures_are_pictures").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let code = "import matplotlib.pyplot as plt
plt.plot([1, 3, 2]); plt.title('one'); plt.show()
plt.figure(figsize=(100, 50)); plt.plot([1, 2]); plt.show()
plt.plot([3, 1]); plt.savefig('saved.png'); plt.show()
fig, axes = plt.subplots()
axes.bar(['a', 'b'], [1, 2])
plt.xlabel('x')";
    let answer = with(&mut client, "matplotlib", code).await;
    let seen = blocks(&answer);
    let kinds: Vec<_> = seen
        .iter()
        .map(|block| block.split(' ').next().unwrap())
        .collect();
    // Shown; too large to be drawn in full; shown at the end; saved.
    assert_eq!(
        kinds,
        ["image", "text", "image", "image", "image", "link"],
        "{seen:?}"
    );
    assert!(
        seen[1].contains("the figure has 10000 x 5000 pixels"),
        "{seen:?}"
    );
    let sides = seen
        .iter()
        .filter_map(|block| block.strip_prefix("image image/png "));
    for side in sides.flat_map(|size| size.split('x')) {
        assert!(side.parse::<u32>().unwrap() <= 1568, "{seen:?}");
    }
    assert_eq!(seen[5], r#"link "saved.png" "image/png""#);
    assert_eq!(answer.field("stderr"), "");
    let kinds: Vec<_> = answer
        .field("displays")
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["kind"])
        .collect();
    assert_eq!(kinds, ["figure", "figure", "figure"], "{answer:?}");

    // A backend that the program chooses is its own, and a figure that is the last value is shown once.
    let code = "import matplotlib
matplotlib.use('svg')
import matplotlib.pyplot as plt
print(plt.get_backend())
fig = plt.figure(); fig.add_subplot().plot([1, 2])
fig";
    let answer = with(&mut client, "matplotlib", code).await;
    let seen = blocks(&answer);
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(answer.stdout(), "svg\n");
    client.close().await;
}

#[tokio::test]
async fn tables_pictures_and_plots_of_libraries() {
    let Some(turn) = turn("tables_pictures_and_plots_of_libraries").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let code = "import pandas as pd, polars as pl, numpy as np
display(pd.DataFrame({'n': np.arange(1_000_000), 'half': np.arange(1_000_000) / 2}))
display(pd.Series([1.5, None], name='s', index=['a', 'b|c']))
pl.DataFrame({'k': ['x', None], 'v': [1, 2]})";
    let answer = with(&mut client, "pandas, polars", code).await;
    let text = answer.text();
    for part in [
        "1000000 rows × 2 columns",
        "| 999999 | 999999 | 499999.5 |",
        "the whole table of 2000000 cells was not returned",
        "| b\\|c | NaN |",
        "| k (String) | v (Int64) |\n| --- | --- |\n| x | 1 |\n|  | 2 |",
    ] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
    let table = &answer.field("displays")[0]["table"];
    assert_eq!(
        (&table["row_count"], &table["rows"][3]),
        (&json!(1_000_000), &json!(["3", 3, 1.5]))
    );

    // Numbers keep the digits that matter.
    let code = "import pandas as pd, polars as pl
inf = float('inf')
values = [1234567.89, 1 / 3, 0.1 + 0.2, 1.23456789012e-7, 2.0, 1e300, 123456789.123456789, 7 / 3 * 1e15, inf, -inf, None]
display(pd.DataFrame({'x': values}))
pl.DataFrame({'x': values})";
    let answer = with(&mut client, "pandas, polars", code).await;
    let columns: Vec<Vec<&str>> = ["display", "value"]
        .iter()
        .zip(answer.field("displays").as_array().unwrap())
        .map(|(kind, display)| {
            assert_eq!(display["kind"], *kind);
            let lines = display["text"].as_str().unwrap().lines().skip(3);
            lines
                .map(|line| line.rsplit('|').nth(1).unwrap().trim())
                .collect()
        })
        .collect();
    let mut expected = vec![
        "1234567.89",
        "0.3333333",
        "0.3000000",
        "1.234568e-07",
        "2.0",
        "1e+300",
        "123456789.123457",
        "2.333333e+15",
        "inf",
        "-inf",
        "NaN",
    ];
    assert_eq!(columns[0], expected);
    // Polars tells what is missing from what is no number.
    expected[10] = "";
    assert_eq!(columns[1], expected);
    let rows = answer.field("displays")[0]["table"]["rows"]
        .as_array()
        .unwrap();
    let last: Vec<_> = rows[8..].iter().map(|row| &row[1]).collect();
    assert_eq!(last, [&json!("inf"), &json!("-inf"), &Value::Null]);
    assert_eq!(rows[1][1], 1.0 / 3.0);

    let code = "from PIL import Image
import plotly.graph_objects as go
display(Image.new('RGB', (3000, 1000), 'red'))
display(Image.new('CMYK', (20, 10)))
Image.new('L', (9000, 6000)).save('huge.png')
go.Figure(go.Scatter(x=[1, 2], y=[3, 4]))";
    let answer = with(&mut client, "pillow, plotly", code).await;
    let seen = blocks(&answer);
    assert_eq!(
        seen[..3],
        [
            "image image/png 1568x523",
            r#"link "display-1/picture.png" "image/png""#,
            "image image/png 20x10"
        ],
        "{seen:?}"
    );
    assert!(
        seen[3].contains("plotly figure: scatter of 2 points"),
        "{seen:?}"
    );
    assert_eq!(seen[4], r#"link "display-3/figure.html" "text/html""#);
    assert_eq!(seen[5], r#"link "huge.png" "image/png""#);
    client.close().await;
}

#[tokio::test]
async fn screenshots_are_pictures() {
    let Some(turn) = turn("screenshots_are_pictures").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &["--network", "none"]).await;
    let code = "from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    browser = p.chromium.launch()
    page = browser.new_page(viewport={'width': 400, 'height': 300})
    page.set_content('<h1>hello</h1>')
    picture = page.screenshot()
    page.screenshot(path='kept.png')
    browser.close()
print(len(picture) > 100)";
    let answer = with(&mut client, "playwright", code).await;
    assert_eq!(
        blocks(&answer),
        [
            r#"text "True\n""#,
            "image image/png 400x300",
            "image image/png 400x300",
            r#"link "kept.png" "image/png""#
        ]
    );
    client.close().await;
}

#[tokio::test]
async fn what_is_too_much_is_answered_and_told() {
    let Some(turn) = turn("what_is_too_much_is_answered_and_told").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let code = "for n in range(10_000): open(f'{n:05}.txt', 'w').write('x')
import os
os.symlink('/proc/1/environ', 'a-link')
os.truncate(os.open('0-sparse', os.O_CREAT | os.O_WRONLY), 1 << 40)
print('y' * 5_000_000)
x = []
x.append(x)
display(x, 'z' * 10_000_000, range(10 ** 9), list(range(10 ** 6)))
class A:
    def __repr__(self): raise SystemExit(3)
A()";
    let answer = client.run(code).await;
    let text = answer.text();
    assert!(!answer.is_error(), "{text}");
    for part in [
        " bytes omitted …",
        "`a-link` was not returned: a symbolic link",
        "`0-sparse` was not returned: too large",
        "more files or displays were not returned",
        "[[...]]",
        "(10000000 in all)",
        "range(0, 1000000000)",
        "… (999000 more)]",
        "whose __repr__ raised SystemExit: 3",
    ] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
    assert_eq!(answer.field("files").as_array().map(Vec::len), Some(100));
    let size = serde_json::to_string(answer.content()).unwrap().len();
    assert!(size < 150_000, "{size}");

    // One that never ends looking at itself costs its time and no more; what came before it is there.
    let code =
        "class A:\n    def __repr__(self):\n        while True: pass\ndisplay('before')\nA()";
    let answer = client
        .call(json!({ "code": code, "timeout_seconds": 1 }))
        .await;
    assert_eq!(answer.ending(), "timed_out");
    assert!(answer.text().contains("'before'"), "{}", answer.text());
    client.close().await;
}

#[tokio::test]
async fn links_end_with_their_time() {
    let Some(turn) = turn("links_end_with_their_time").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &["--results-time", "1s"]).await;
    let answer = client.run("open('a.bin', 'wb').write(bytes(4))").await;
    let uri = answer.field("files")[0]["uri"].clone();
    let gone = async {
        while read(&mut client, &uri).await.get("error").is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .unwrap();
    client.close().await;

    let mut client = Client::start(&turn.engine, &["--results-kept", "0"]).await;
    let answer = client.run("open('a.bin', 'wb').write(bytes(4))").await;
    assert!(
        answer.text().contains("is too large to be kept"),
        "{}",
        answer.text()
    );
    client.close().await;
}
