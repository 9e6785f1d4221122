//! Wheels that no honest index has, and an index that goes away.

use executor_testkit::index::Index;

use super::super::client::turn;
use super::{Volume, with};

#[tokio::test]
async fn hostile_wheels_change_nothing_but_their_own_set() {
    let what = "hostile_wheels_change_nothing_but_their_own_set";
    let Some(turn) = turn(what).await else { return };
    let index = Index::start().await.unwrap();
    let volume = Volume::new(&turn.engine);
    let mut client = volume.server(&["--index-url", index.url()]).await;
    for modules in ["traversal", "absolute"] {
        let program = format!(
            "import {modules}, os; print([os.path.exists(path) for path in ('/tmp/escaped.py', '/env/escaped.py')])"
        );
        let answer = with(&mut client, modules, &program).await;
        // Installers refuse such names; whatever they do with them, nothing came out.
        let contained = answer.is_error() || answer.stdout() == "[False, False]\n";
        assert!(contained, "{modules}: {answer:?}");
    }
    let program = "import linked, os
leak = os.path.join(os.path.dirname(linked.__file__), 'leak')
print(os.path.islink(leak), 'root:' in open(leak).read())";
    let answer = with(&mut client, "linked", program).await;
    assert_eq!(answer.stdout(), "False False\n", "{answer:?}");
    let program = "import special, os; print(oct(os.stat(special.__file__).st_mode & 0o7022))";
    let answer = with(&mut client, "special", program).await;
    assert_eq!(answer.stdout(), "0o0\n", "{answer:?}");
    client.close().await;
    let shown = volume
        .meddle("import os; print(sorted(name for name in os.listdir('/env') if len(name) != 32))")
        .await;
    assert_eq!(shown, "['.store']\n");
    volume.remove().await;
}

#[tokio::test]
async fn an_old_answer_serves_when_the_index_is_gone() {
    let what = "an_old_answer_serves_when_the_index_is_gone";
    let Some(turn) = turn(what).await else { return };
    let index = Index::start().await.unwrap();
    let volume = Volume::new(&turn.engine);
    let mut client = volume.server(&["--index-url", index.url()]).await;
    let program = "import honest; print(honest.X)";
    let first = with(&mut client, "honest", program).await;
    assert_eq!(first.stdout(), "1\n", "{first:?}");
    volume
        .meddle(
            "import glob, json
for file in glob.glob('/env/.store/requests/*'):
    answer = json.load(open(file)); answer['resolved'] = 5; json.dump(answer, open(file, 'w'))",
        )
        .await;
    index.stop().await.unwrap();
    let stale = with(&mut client, "honest", program).await;
    assert_eq!(stale.stdout(), "1\n", "{stale:?}");
    let notes = stale.field("notes").to_string();
    assert!(notes.contains("of an earlier day"), "{notes}");
    client.close().await;
    volume.remove().await;
}
