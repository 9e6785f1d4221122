//! Whole tables as files, in the format that the program asks for: made by the libraries that people use, and read back by
//! them.

use serde_json::json;

use super::client::{Answer, Client, turn};
use super::environments::Volume;

/// The links of an answer: name, media type and URI.
fn links(answer: &Answer) -> Vec<(String, String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    answer
        .content()
        .iter()
        .filter(|block| block["type"] == "resource_link")
        .map(|block| {
            (
                text(&block["name"]),
                text(&block["mimeType"]),
                text(&block["uri"]),
            )
        })
        .collect()
}

async fn with(client: &mut Client, modules: &str, code: &str) -> Answer {
    let answer = client
        .call(json!({ "code": code, "modules": modules }))
        .await;
    assert!(!answer.is_error(), "{}", answer.text());
    answer
}

const PARQUET: &str = "application/vnd.apache.parquet";

/// A table of many types, `df`.
const MIXED: &str = "import pandas as pd
df = pd.DataFrame({
    'number': range(1000), 'half': [n / 2 for n in range(1000)], 'text': [f'é{n}' for n in range(1000)],
    'when': pd.date_range('2024-01-01', periods=1000, freq='h'), 'maybe': [None, True] * 500})
";

#[tokio::test]
async fn a_table_is_a_parquet_file_where_that_was_asked_for() {
    let what = "a_table_is_a_parquet_file_where_that_was_asked_for";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let (code, _, err) = volume.env(&["build", "pandas", "pyarrow"]).await;
    assert_eq!(code, 0, "{err}");
    let mut client = volume.server(&[]).await;
    let both = "pandas, pyarrow";

    let made = with(
        &mut client,
        both,
        &format!("{MIXED}display(df, format='parquet')"),
    )
    .await;
    let found = links(&made);
    let [(name, media_type, uri)] = found.as_slice() else {
        panic!("{found:?}: {}", made.text())
    };
    assert_eq!(
        (name.as_str(), media_type.as_str()),
        ("display-1/table.parquet", PARQUET)
    );
    assert!(
        made.text().starts_with("1000 rows × 5 columns"),
        "{}",
        made.text()
    );
    // What the link leads to is the table, to its last type.
    let code = format!(
        "{MIXED}import pandas.testing\npandas.testing.assert_frame_equal(pd.read_parquet('t.parquet'), df)\nprint('equal')"
    );
    let again = client
        .call(json!({
            "code": code, "modules": both, "files": [{ "name": "t.parquet", "uri": uri }],
        }))
        .await;
    assert_eq!(again.stdout(), "equal\n", "{}", again.text());

    // A million rows are too many for whoever has not asked.
    let million = "import pandas as pd, numpy as np
df = pd.DataFrame({'n': np.arange(1_000_000), 'half': np.arange(1_000_000) / 2})
display(df)
display(df, format='parquet')
display(df, format='csv')";
    let answer = with(&mut client, both, million).await;
    let names: Vec<_> = links(&answer).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["display-2/table.parquet"], "{}", answer.text());
    for part in [
        "the whole table of 2000000 cells was not returned: ask for it by `display(…, format='csv')`",
        "table.csv of ",
        " bytes is too large to be returned; at most ",
    ] {
        assert!(
            answer.text().contains(part),
            "`{part}` is missing in: {}",
            answer.text()
        );
    }

    // What Parquet cannot hold is a CSV, and why is said; so is a format that there is not.
    let odd = "import pandas as pd
display(pd.DataFrame({'mixed': [1, 'two', object()]}), format='parquet')
display(pd.DataFrame({'a': [1]}), format='xml')
display(pd.DataFrame({'a': [1]}), format=[])";
    let answer = with(&mut client, both, odd).await;
    let names: Vec<_> = links(&answer).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(
        names,
        [
            "display-1/table.csv",
            "display-2/table.csv",
            "display-3/table.csv"
        ],
        "{}",
        answer.text()
    );
    for part in [
        "the table is linked to as CSV: writing parquet failed: Arrow",
        "there is no format 'xml' of tables; there are 'csv' and 'parquet'",
        "there is no format [] of tables",
    ] {
        assert!(
            answer.text().contains(part),
            "`{part}` is missing in: {}",
            answer.text()
        );
    }
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn other_writers_of_parquet_do_and_none_is_said() {
    let Some(turn) = turn("other_writers_of_parquet_do_and_none_is_said").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let ask = "display(df, format='parquet')";

    let answer = with(&mut client, "pandas", &format!("{MIXED}{ask}")).await;
    assert_eq!(links(&answer)[0].0, "display-1/table.csv");
    let why =
        "the table is linked to as CSV: Parquet needs `pyarrow` or `fastparquet` in `modules`";
    assert!(answer.text().contains(why), "{}", answer.text());

    let code = "import pandas as pd\ndf = pd.DataFrame({'n': range(50)})\n";
    let answer = with(&mut client, "pandas, fastparquet", &format!("{code}{ask}")).await;
    assert_eq!(links(&answer)[0].1, PARQUET, "{}", answer.text());

    let code = "import polars as pl\ndf = pl.DataFrame({'n': range(3)})\n";
    let answer = with(&mut client, "polars", &format!("{code}{ask}\n{ask}\ndf")).await;
    let found = links(&answer);
    assert_eq!(
        found.len(),
        2,
        "a small table is a file only on request: {found:?}"
    );
    assert!(
        found.iter().all(|(_, kind, _)| kind == PARQUET),
        "{found:?}"
    );
    client.close().await;
}
