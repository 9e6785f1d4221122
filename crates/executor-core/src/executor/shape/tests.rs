//! Which runs fit which shape, and what becomes of one that cannot be made ready.

use std::time::Duration;

use super::kind::{LONGEST_REST, MISSED};
use super::*;
use crate::files::{FileName, InputFile};
use crate::stream::Prepared;

fn facts() -> Ready {
    Ready {
        python: "3.12.3".to_owned(),
        confined: true,
        playwright: Some("1.53.0".to_owned()),
    }
}

fn hot(text: &str) -> Shape {
    Shape::Hot(HotSet::parse(text).unwrap())
}

fn request(program: &'static str, modules: &str) -> ExecutionRequest {
    ExecutionRequest::new(program).with_modules(ModuleSet::parse(modules).unwrap())
}

#[test]
fn a_run_fits_what_it_asks_for() {
    #[track_caller]
    fn check(shape: &Shape, program: &'static str, modules: &str, fits: bool) {
        let fitting = shape.fits(&request(program, modules), &facts());
        assert_eq!(fitting, fits, "{shape:?}: `{program}` with `{modules}`");
    }
    let numbers = hot("numpy pandas");
    check(&numbers, "import numpy", "numpy", true);
    check(&numbers, "import numpy", "", false);
    check(&numbers, "import numpy", "numpy, scipy", false);
    let browser = Shape::Browser;
    check(&browser, "import playwright", "", true);
    check(&browser, "import playwright", "playwright", true);
    check(&browser, "import playwright", "playwright==1.53.0", true);
    check(&browser, "import playwright", "playwright==1.52.0", false);
    check(&browser, "import playwright", "playwright, numpy", false);
    check(&browser, "print(1)", "", false);
    check(&browser, "", "", false);
}

#[test]
fn a_run_that_brings_modules_of_its_own_gets_nothing_imported() {
    #[track_caller]
    fn check(name: &str, fits: bool) {
        let file = InputFile::new(FileName::new(name).unwrap(), "");
        let request = request("import numpy", "numpy").with_files(vec![file]);
        assert_eq!(hot("numpy").fits(&request, &facts()), fits, "{name}");
    }
    check("numbers.csv", true);
    check("numpy.py", false);
    check("numpy/__init__.py", false);
    check("numpy.cpython-312-x86_64-linux-gnu.so", false);
}

fn kind() -> Arc<Kind> {
    let settings = ShapeSettings {
        hot: vec![HotSet::parse("numpy").unwrap()],
        hot_waiting: 1,
        browsers: 0,
    };
    let shapes = Shapes::new(&PoolSettings::of(1, 1), &settings);
    assert_eq!((shapes.most(), shapes.others.len()), (2, 1));
    let kind = Arc::clone(&shapes.others[0]);
    kind.was_built(None);
    kind
}

fn lost() -> Prepared {
    Prepared {
        lost: Some("it was ended by signal 11".to_owned()),
        ..Prepared::default()
    }
}

fn ready() -> Prepared {
    Prepared {
        ready: vec!["numpy".to_owned()],
        ..Prepared::default()
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_twice_in_a_row_rests_longer_and_longer() {
    let kind = kind();
    assert!(kind.may_start());
    assert_eq!(kind.judge(&lost()), Judged::Useless);
    assert!(kind.may_start(), "once may be chance");
    for rest in [60, 120, 240, 480, 900, 900] {
        assert_eq!(kind.judge(&lost()), Judged::Useless);
        tokio::time::advance(Duration::from_secs(rest - 1)).await;
        assert!(!kind.may_start(), "before {rest} s");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(kind.may_start(), "after {rest} s");
    }
    assert_eq!(kind.judge(&ready()), Judged::Member);
    assert_eq!(kind.judge(&lost()), Judged::Useless);
    assert!(kind.may_start(), "it has worked meanwhile");
}

#[tokio::test(start_paused = true)]
async fn a_set_that_is_gone_is_built_before_anything_is_started() {
    let kind = kind();
    let gone = Prepared {
        missing: Some(crate::stream::Missing::Stale),
        ..Prepared::default()
    };
    assert_eq!(kind.judge(&gone), Judged::Useless);
    assert!(!kind.may_start());
    kind.was_built(None);
    assert!(kind.may_start());
    kind.set_is_gone();
    kind.was_built(Some("the package index is out of reach".to_owned()));
    assert!(!kind.may_start());
    tokio::time::advance(LONGEST_REST).await;
    assert!(!kind.may_start(), "not before it is built");
}

#[test]
fn what_lacks_a_part_is_of_use_and_what_has_nothing_is_not() {
    let kind = kind();
    let failed = vec![("pandas".to_owned(), "ImportError: no".to_owned())];
    let partly = Prepared {
        failed: failed.clone(),
        ..ready()
    };
    assert_eq!(kind.judge(&partly), Judged::Member);
    let nothing = Prepared {
        failed,
        ..Prepared::default()
    };
    assert_eq!(kind.judge(&nothing), Judged::Useless);
}

#[tokio::test(start_paused = true)]
async fn a_shape_that_runs_miss_is_started_though_calls_come() {
    let settings = ShapeSettings {
        hot: vec![HotSet::parse("numpy").unwrap()],
        hot_waiting: 1,
        browsers: 0,
    };
    let shapes = Shapes::new(&PoolSettings::none(), &settings);
    shapes.learn(&facts());
    let kind = Arc::clone(&shapes.others[0]);
    assert!(shapes.take(&request("import numpy", "numpy")).is_none());
    assert!(kind.is_missed(), "its set may be built");
    kind.was_built(None);
    assert!(kind.is_missed());
    assert_eq!(shapes.haste(), Haste::Some);
    assert_eq!(kind.judge(&ready()), Judged::Member);
    assert_eq!(shapes.haste(), Haste::None);
    assert!(shapes.take(&request("import numpy", "scipy")).is_none());
    assert_eq!(shapes.haste(), Haste::None, "it would not have fitted");
    assert!(shapes.take(&request("import numpy", "numpy")).is_none());
    tokio::time::advance(MISSED).await;
    assert_eq!(shapes.haste(), Haste::None, "nobody has asked for long");
}
