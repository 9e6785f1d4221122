//! The host's look at the processes of a run while it goes: who they are, where they live, and what
//! their control group has used.
//!
//! Programs name their processes with a mark of the run. A runtime with a kernel of its own shows
//! none of them, but itself: then that kernel is looked at, and what is found is kept apart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::group::{self, Group};
use super::subject::Containers;
use crate::process;

/// How often the host looks.
const EVERY: Duration = Duration::from_millis(25);
/// From when on after the program's end a process of its counts as having outlived it: what is being
/// killed may still be seen for a moment.
const OUTLIVED_AFTER: Duration = Duration::from_millis(1000);
/// The most processes of one run that are remembered for one attack.
const REMEMBERED: usize = 64;
/// The kinds of namespaces that a process lives in.
const KINDS: &[&str] = &["mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time"];

/// One process as the host knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    /// Which namespaces it lives in, by kind.
    pub(super) namespaces: BTreeMap<String, String>,
    /// Lines of its `status`.
    pub(super) status: BTreeMap<String, String>,
    /// Network devices that it sees.
    pub(super) devices: Vec<String>,
}

impl Process {
    /// A line of its `status`, the first word of it.
    pub(super) fn status(&self, name: &str) -> &str {
        let line = self.status.get(name).map(String::as_str);
        line.and_then(|line| line.split_whitespace().next())
            .unwrap_or_default()
    }
}

/// What was seen of a run.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The program's first process.
    pub(super) main: Option<Process>,
    /// The processes of the attempts, by their tag, each as often as it changed.
    pub(super) tagged: BTreeMap<String, Vec<Process>>,
    /// The most processes with the mark at one time.
    pub(super) most: usize,
    /// Tags of processes that were there long after the program's first one had gone.
    pub(super) outlived: BTreeSet<String>,
    gone_since: Option<Instant>,
    /// The processes that are the sandbox's own kernel, by their number, each as it was last.
    pub(super) kernel: BTreeMap<String, Process>,
    /// The container's id, where the control group's name tells it.
    pub(super) container: Option<String>,
    /// The highest figures of the container's control group.
    pub(super) group: Group,
}

impl Seen {
    /// Whether processes of the run can be seen at all.
    pub(super) fn is_visible(&self) -> bool {
        self.main.is_some()
    }

    /// The kinds of namespaces in which a tagged process was and the program was not.
    pub(super) fn moved(&self, tag: &str) -> Option<String> {
        let main = self.main.as_ref()?;
        let mut kinds: Vec<&str> = Vec::new();
        for process in self.tagged.get(tag).into_iter().flatten() {
            for (kind, namespace) in &process.namespaces {
                let same = main.namespaces.get(kind).is_none_or(|own| own == namespace);
                if !same && !kinds.contains(&&**kind) {
                    kinds.push(kind);
                }
            }
        }
        (!kinds.is_empty()).then(|| format!("{} namespace", kinds.join(", ")))
    }
}

/// A look that goes on until it is finished.
#[derive(Debug)]
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    looking: Option<JoinHandle<Seen>>,
}

impl Watch {
    /// Looks for processes whose name begins with `mark`, and for the kernel of the one container that
    /// comes meanwhile, if it is one of `own`.
    pub(super) fn start(mark: &str, own: Option<Containers>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (asked, prefix) = (Arc::clone(&stop), format!("{mark}."));
        let mut kernels = own.map(Kernels::besides_those_there);
        let looking = std::thread::spawn(move || {
            let mut seen = Seen::default();
            while !asked.load(Ordering::Relaxed) {
                look(&prefix, &mut seen);
                if let Some(kernels) = &mut kernels {
                    kernels.look(&mut seen);
                }
                process::pause(EVERY);
            }
            seen
        });
        Self {
            stop,
            looking: Some(looking),
        }
    }

    /// Ends the look and gives what was seen.
    pub(super) fn finish(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let looking = self.looking.take();
        looking
            .and_then(|looking| looking.join().ok())
            .unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The look for gVisor's own processes, which bear no mark.
#[derive(Debug)]
struct Kernels {
    /// The containers that it may be in.
    own: Containers,
    /// Containers that are known not to be it.
    others: BTreeSet<String>,
    is_confined: bool,
}

impl Kernels {
    fn besides_those_there(own: Containers) -> Self {
        let others = gvisors().into_iter().map(|(_, container)| container);
        Self {
            own,
            others: others.collect(),
            is_confined: false,
        }
    }

    fn look(&mut self, seen: &mut Seen) {
        let mut is_counted = false;
        for (number, container) in gvisors() {
            if self.others.contains(&container) {
                continue;
            }
            if seen.container.is_none() {
                if !self.own.ids().unwrap_or_default().contains(&container) {
                    self.others.insert(container);
                    continue;
                }
                seen.container = Some(container.clone());
            }
            if seen.container.as_ref() != Some(&container) {
                continue;
            }
            let dir = Path::new("/proc").join(&number);
            if let Some(process) = read(&dir) {
                // Before it confines itself it has not begun to run anything.
                if !self.is_confined && process.status("Seccomp") == "2" {
                    self.is_confined = true;
                    seen.kernel.clear();
                }
                if seen.kernel.len() < REMEMBERED || seen.kernel.contains_key(&number) {
                    seen.kernel.insert(number, process);
                }
            }
            // Once a look: they have one control group.
            let mut groups = group::of_process(&dir);
            groups.retain(|_, path| group::container_in(path).is_some());
            if !is_counted && !groups.is_empty() {
                seen.group = seen.group.highest(group::figures(&groups));
                is_counted = true;
            }
        }
    }
}

/// The processes of this machine that are a kernel of gVisor's, with the container of each. Those in
/// which it runs programs are among them, and the helper that opens files for it is not.
fn gvisors() -> Vec<(String, String)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let dir = entry.path();
            let name = std::fs::read_to_string(dir.join("comm")).ok()?;
            if !["exe", "runsc-sandbox"].contains(&name.trim_end()) {
                return None;
            }
            let line = std::fs::read_to_string(dir.join("cmdline")).ok()?;
            // Those in which programs run have given up the memory that it stands in.
            if !line.is_empty() && !line.split('\0').next()?.ends_with("runsc-sandbox") {
                return None;
            }
            let groups = group::of_process(&dir);
            let container = groups.values().find_map(|path| group::container_in(path))?;
            Some((entry.file_name().to_str()?.to_owned(), container))
        })
        .collect()
}

/// The process with this mark and tag, if it is there.
pub(super) fn find(mark: &str, tag: &str) -> Option<Pid> {
    let wanted = format!("{mark}.{tag}");
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = std::fs::read_to_string(entry.path().join("comm"));
            name.is_ok_and(|name| name.trim_end() == wanted)
        })
        .find_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}

fn look(prefix: &str, seen: &mut Seen) {
    let mut now = Vec::new();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return;
    };
    for entry in entries.flatten() {
        let dir = entry.path();
        let Ok(name) = std::fs::read_to_string(dir.join("comm")) else {
            continue;
        };
        let Some(tag) = name.trim_end().strip_prefix(prefix) else {
            continue;
        };
        remember(&dir, tag, seen);
        now.push(tag.to_owned());
    }
    seen.most = seen.most.max(now.len());
    if seen.main.is_none() || now.iter().any(|tag| tag == "m") {
        seen.gone_since = None;
        return;
    }
    let since = *seen.gone_since.get_or_insert_with(Instant::now);
    if since.elapsed() >= OUTLIVED_AFTER {
        seen.outlived.extend(now.into_iter().take(REMEMBERED));
    }
}

fn remember(dir: &Path, tag: &str, seen: &mut Seen) {
    let is_main = tag == "m";
    // What many processes share is read once a look, by whoever comes first.
    if is_main || seen.container.is_none() {
        let mut groups = group::of_process(dir);
        // Of a process that is just ending some groups are the root's already.
        groups.retain(|_, path| group::container_in(path).is_some());
        let container = groups.values().find_map(|path| group::container_in(path));
        if container.is_some() {
            seen.group = seen.group.highest(group::figures(&groups));
            seen.container = container;
        }
    }
    let known = seen.tagged.get(tag).map_or(0, Vec::len);
    if (is_main && seen.main.is_some()) || known >= REMEMBERED {
        return;
    }
    let Some(process) = read(dir) else {
        return;
    };
    if is_main {
        seen.main = Some(process);
    } else {
        let those = seen.tagged.entry(tag.to_owned()).or_default();
        if !those.contains(&process) {
            those.push(process);
        }
    }
}

/// What the host knows of a process; none if it is gone.
fn read(dir: &Path) -> Option<Process> {
    let mut process = Process::default();
    for kind in KINDS {
        if let Ok(link) = std::fs::read_link(dir.join("ns").join(kind)) {
            process
                .namespaces
                .insert((*kind).to_owned(), link.to_string_lossy().into_owned());
        }
    }
    // Only what stays as it is: a process is remembered once for each of its states.
    let lasting = [
        "Uid",
        "Gid",
        "Groups",
        "CapEff",
        "CapPrm",
        "CapBnd",
        "CapAmb",
        "NoNewPrivs",
        "Seccomp",
    ];
    for line in std::fs::read_to_string(dir.join("status")).ok()?.lines() {
        if let Some((name, value)) = line.split_once(':')
            && lasting.contains(&name)
        {
            process
                .status
                .insert(name.to_owned(), value.trim().to_owned());
        }
    }
    let devices = std::fs::read_to_string(dir.join("net/dev")).unwrap_or_default();
    process.devices = devices
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
        .collect();
    process.status.contains_key("Uid").then_some(process)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_process_of_ours_is_seen_with_its_namespaces() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "printf w0tch.m > /proc/self/comm; read line"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let watch = Watch::start("w0tch", None);
        let dir = PathBuf::from(format!("/proc/{}", child.id()));
        let mut seen = Seen::default();
        for _ in 0..400 {
            look("w0tch.", &mut seen);
            if seen.is_visible() {
                break;
            }
            process::pause(EVERY);
        }
        assert_eq!(seen.main.unwrap(), read(&dir).unwrap());
        drop(child.stdin.take());
        child.wait().unwrap();
        let _ = watch.finish();
    }
}
