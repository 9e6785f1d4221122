//! How much memory this process had at most, where the system tells (Linux).

use std::fs;

/// The most memory since the start, or since [`forget_peak`], in KiB.
#[must_use]
pub fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Counts the peak anew from what is in use now (proc(5), `clear_refs`). Does nothing where there is no such thing.
pub fn forget_peak() {
    // What cannot be forgotten is still counted, and then the number is one of the whole run.
    let _ = fs::write("/proc/self/clear_refs", "5");
}
