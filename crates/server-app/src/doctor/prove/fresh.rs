//! Whether a sandbox is new: what one program left, the next must not find.

use executor_core::Executor;
use executor_core::capabilities::Capability;

use super::proof::{Held, Judge, Keeper, Proof, unknown};
use super::{run, told};

/// Leaves files wherever it can, or tells which of them there are; `.left` is looked for first.
const PROGRAM: &str = r#"
import json, os, tempfile
places = ["/tmp", "/dev/shm", "/var/tmp", "/modules", "/run/sandbox", os.path.expanduser("~"), os.getcwd()]
paths = sorted({os.path.join(place, ".left-by-a-program") for place in places})
found = [path for path in paths if os.path.exists(path)]
left = []
for path in paths:
    try:
        open(path, "w").close()
        left.append(path)
    except OSError:
        pass
print(json.dumps({"found": found, "left": left}))
"#;

/// Runs two programs one after the other.
pub(super) async fn prove(executor: &Executor) -> Vec<Proof> {
    const ID: &str = "fresh.files";
    const WHAT: &str = "a program finds nothing that an earlier one left";
    let mut seen = Vec::new();
    for _ in 0..2 {
        match told(&run(executor, PROGRAM, Vec::new()).await) {
            Ok(told) => seen.push(told),
            Err(why) => {
                return vec![unknown(ID, WHAT, Capability::Isolation, Keeper::Us, &why)];
            }
        }
    }
    let count = |at: usize, name: &str| {
        let list = seen.get(at).and_then(|told| told.get(name)?.as_array());
        list.map_or(0, Vec::len)
    };
    let (left, found) = (count(0, "left"), count(0, "found") + count(1, "found"));
    vec![Proof {
        id: ID.to_owned(),
        what: WHAT.to_owned(),
        capability: Capability::Isolation,
        keeper: Keeper::Us,
        judge: Judge::Inside,
        held: match left {
            // It could leave nothing, so there was nothing to find.
            0 => Held::Unknown,
            _ => Held::from(found == 0),
        },
        seen: format!("{left} files left, {found} found"),
    }]
}
