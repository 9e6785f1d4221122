//! What sandboxes are to have made ready, from the four sources.

use expect_test::expect;

use super::*;

#[test]
fn hot_sets_come_from_flags_variables_and_the_file() {
    #[track_caller]
    fn check(sources: &Sources<'_>, sets: &[&str]) {
        let shapes = sources.settings().shapes;
        let shown: Vec<String> = shapes.hot.iter().map(ToString::to_string).collect();
        assert_eq!(shown, sets);
    }
    check(&Sources::default(), &[]);
    check(
        &Sources {
            flags: "--hot numpy,pandas --hot scipy",
            ..Sources::default()
        },
        &["numpy, pandas", "scipy"],
    );
    check(
        &Sources {
            variables: &[("MCP_PYTHON_HOT", "numpy, pandas; scipy;")],
            ..Sources::default()
        },
        &["numpy, pandas", "scipy"],
    );
    check(
        &Sources {
            file: "hot = [\"numpy pandas>=2\", \"matplotlib=matplotlib.pyplot\"]",
            ..Sources::default()
        },
        &["numpy, pandas>=2", "matplotlib"],
    );
}

#[test]
fn as_many_wait_as_was_said() {
    let shapes = Sources::default().settings().shapes;
    assert_eq!((shapes.hot_waiting, shapes.browsers), (1, 0));
    let flags = "--hot numpy --hot-waiting 3 --browsers 2";
    let shapes = Sources {
        flags,
        ..Sources::default()
    }
    .settings()
    .shapes;
    assert_eq!((shapes.hot_waiting, shapes.browsers), (3, 2));
}

#[test]
fn what_cannot_be_made_ready_is_refused() {
    check_mistakes(
        &Sources {
            flags: "--hot numpy=a-b --hot ./numpy --hot json --hot-waiting 65",
            ..Sources::default()
        },
        &expect![[r#"
            error: 4 settings are wrong
              hot = `numpy=a-b` (flag --hot): `a-b` is not a name to import
                hint: write modules as a call names them, such as `numpy,pandas>=2`, if need be with what to import, as in `matplotlib=matplotlib.pyplot`
              hot = `./numpy` (flag --hot): module `./numpy` was refused: paths are not accepted
                hint: a module is a name from the package index with optional extras and version bounds, such as `numpy`, `requests[socks]` or `pandas>=2,<3`
              hot = `json` (flag --hot): no module is named that is not part of Python
                hint: write modules as a call names them, such as `numpy,pandas>=2`, if need be with what to import, as in `matplotlib=matplotlib.pyplot`
              hot-waiting = `65` (flag --hot-waiting): out of bounds: between 0 and 64
        "#]],
    );
    check_mistakes(
        &Sources {
            flags: "--environments off --hot numpy",
            ..Sources::default()
        },
        &expect![[r#"
            error: a setting is wrong
              hot = `numpy` (flag --hot): sets are imported from where they are kept, and `environments` is `off`
        "#]],
    );
}
