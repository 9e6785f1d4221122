//! The targets under libFuzzer, which follows the coverage. Built by `cargo xtask fuzz` with a nightly toolchain, outside of
//! the workspace; `FUZZ_TARGET` names the target, and its valid inputs are written into the directory `FUZZ_SEEDS`.

#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use fuzz_targets::generate::Generator;
use fuzz_targets::target::Target;
use fuzz_targets::targets::ALL;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

/// The target and what knows the shape of its inputs.
fn chosen() -> &'static (Target, Generator) {
    static CHOSEN: OnceLock<(Target, Generator)> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var_os("FUZZ_TARGET").unwrap_or_default();
        let found = ALL.iter().find(|target| name == target.name);
        let target = *found.expect("`FUZZ_TARGET` names a target");
        (target, target.generator())
    })
}

fn write_seeds() {
    let Some(directory) = std::env::var_os("FUZZ_SEEDS") else {
        return;
    };
    for (number, seed) in chosen().1.seeds().iter().enumerate() {
        let file = Path::new(&directory).join(format!("seed-{number:03}"));
        std::fs::write(file, seed).expect("the directory of seeds can be written to");
    }
}

fuzz_target!(init: write_seeds(), |data: &[u8]| {
    if let Err(breach) = (chosen().0.run)(data) {
        panic!("{breach}");
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    // One in four is libFuzzer's own, which knows what comparisons wait for; the others keep the shape.
    if seed % 4 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let changed = chosen().1.changed(&data[..size], u64::from(seed));
    let length = changed.len().min(max_size);
    data[..length].copy_from_slice(&changed[..length]);
    length
});
