//! What a process and its children take of the machine, as the kernel tells it under `/proc`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The kernel tells processor time in hundredths of a second, whatever its own clock (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// How many processes of a tree are counted; none of what is measured comes near it.
const MAX_PROCESSES: usize = 512;

/// Memory, in bytes, of a process and those it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Pages present; what is shared with other processes counts in full.
    pub(super) rss: u64,
    /// The same, but what is shared counts in parts.
    pub(super) pss: u64,
    /// The most that [`Self::rss`] ever was.
    pub(super) peak: u64,
}

/// The memory of a process tree.
pub(super) fn memory(pid: u32) -> Result<Memory> {
    sum(pid, &tree(pid))
}

/// The memory of what a process has started, without its own.
pub(super) fn memory_below(pid: u32) -> Result<Memory> {
    let tree = tree(pid);
    sum(pid, tree.get(1..).unwrap_or_default())
}

fn sum(pid: u32, tree: &[PathBuf]) -> Result<Memory> {
    let mut sum = Memory::default();
    for process in tree {
        let (Some(status), Some(rollup)) = (
            read(pid, process, "status")?,
            read(pid, process, "smaps_rollup")?,
        ) else {
            continue;
        };
        sum.rss += kibibytes(&status, "VmRSS:");
        sum.peak += kibibytes(&status, "VmHWM:");
        sum.pss += kibibytes(&rollup, "Pss:");
    }
    Ok(sum)
}

/// The processor time that a process tree has used, children that have ended included.
pub(super) fn processor_time(pid: u32) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for process in tree(pid) {
        let Some(stat) = read(pid, &process, "stat")? else {
            continue;
        };
        let (own, children) = ticks(&stat).context("`stat` is not what it was")?;
        // Exact, but silent about threads that have ended; the ticks know those.
        let threads = run_times(&process);
        let own = TICK.saturating_mul(own);
        let exact_enough = own.saturating_sub(threads) <= TICK.saturating_mul(2);
        sum += if exact_enough { threads } else { own };
        sum += TICK.saturating_mul(children);
    }
    Ok(sum)
}

/// The processor time that the whole machine has spent on work since it was started, the kernel's included.
pub(super) fn machine_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/stat").context("cannot read `/proc/stat`")?;
    let ticks = busy_ticks(&stat).context("`/proc/stat` is not what it was")?;
    Ok(TICK.saturating_mul(ticks))
}

/// User, nice, system, and both kinds of interrupts; not idle, nor waiting for a disk, nor taken by other machines.
fn busy_ticks(stat: &str) -> Option<u32> {
    let all = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u32> = all
        .split_whitespace()
        .map_while(|number| number.parse().ok())
        .collect();
    let at = |place: usize| ticks.get(place).copied();
    Some(at(0)? + at(1)? + at(2)? + at(5)? + at(6)?)
}

/// The process that started this one.
pub(super) fn parent(pid: u32) -> Result<u32> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))?;
    let (_, rest) = stat.rsplit_once(')').context("`stat` is not what it was")?;
    let parent = rest.split_whitespace().nth(1).context("no parent")?;
    parent.parse().context("the parent is no number")
}

/// The process and those below it, as directories.
fn tree(pid: u32) -> Vec<PathBuf> {
    let mut found = vec![pid.to_string()];
    let mut next = 0;
    while let Some(pid) = found.get(next).cloned() {
        next += 1;
        for thread in list(&Path::new("/proc").join(pid).join("task")) {
            let children = std::fs::read_to_string(thread.join("children")).unwrap_or_default();
            for child in children.split_whitespace() {
                if found.len() < MAX_PROCESSES {
                    found.push(child.to_owned());
                }
            }
        }
    }
    found
        .iter()
        .map(|pid| Path::new("/proc").join(pid))
        .collect()
}

/// The time that the living threads of a process have run, where the kernel keeps it.
fn run_times(process: &Path) -> Duration {
    list(&process.join("task"))
        .iter()
        .filter_map(|thread| std::fs::read_to_string(thread.join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse().ok())
        .map(Duration::from_nanos)
        .sum()
}

/// The ticks of a process and those of its children that have ended. The name before them may hold anything.
fn ticks(stat: &str) -> Option<(u32, u32)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut times = rest
        .split_whitespace()
        .skip(11)
        .map(str::parse::<u32>)
        .map_while(Result::ok);
    let own = times.next()?.saturating_add(times.next()?);
    let children = times.next()?.saturating_add(times.next()?);
    Some((own, children))
}

fn kibibytes(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or_default()
        .saturating_mul(1024)
}

fn list(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

/// A file of a process of `pid`'s tree; nothing if one below `pid` has ended since the tree was listed, whose time is
/// then told as its parent's.
fn read(pid: u32, process: &Path, file: &str) -> Result<Option<String>> {
    let path = process.join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(_) if !process.ends_with(pid.to_string()) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_has_run() {
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.pss > 0 && memory.pss <= memory.rss, "{memory:?}");
        assert!(memory.rss <= memory.peak, "{memory:?}");
        let before = processor_time(std::process::id()).unwrap();
        let mut sum = 0_u64;
        while processor_time(std::process::id()).unwrap() < before + Duration::from_millis(30) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }

    #[test]
    fn work_is_what_is_neither_idle_nor_waiting() {
        let stat = "cpu  100 20 30 4000 500 6 7 800 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(busy_ticks(stat), Some(163));
        assert_eq!(busy_ticks("cpu  1 2"), None);
        assert!(machine_time().unwrap() > Duration::ZERO);
    }

    #[test]
    fn a_process_knows_who_started_it() {
        let parent = parent(std::process::id()).unwrap();
        assert_eq!(parent, std::os::unix::process::parent_id());
    }

    #[test]
    fn a_name_with_blanks_and_brackets_hides_no_time() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 120 0 0 0 31 11 5 2 20 0 1 0 99 8 9";
        assert_eq!(ticks(stat), Some((42, 7)));
        assert_eq!(ticks("7 (x) S 1"), None);
    }
}
