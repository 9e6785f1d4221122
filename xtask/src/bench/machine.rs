//! What a measurement was made on, as far as it matters and names nobody.

use std::fmt;

use serde_json::{Value, json};

/// A machine.
#[derive(Debug)]
pub(super) struct Machine {
    cores: usize,
    processor: String,
    memory_gib: u64,
    kernel: String,
}

impl Machine {
    /// This one.
    pub(super) fn find() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let memory = value_of(&read("/proc/meminfo"), "MemTotal")
            .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
            .unwrap_or_default();
        // A build may name whoever built it; the version is enough.
        let release = read("/proc/sys/kernel/osrelease");
        let kernel = release.trim().split('-').next().unwrap_or_default();
        Self {
            cores,
            processor: value_of(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            memory_gib: memory.div_ceil(1024 * 1024),
            kernel: kernel.to_owned(),
        }
    }

    /// For programs.
    pub(super) fn record(&self) -> Value {
        json!({
            "cores": self.cores,
            "processor": self.processor,
            "memory_gib": self.memory_gib,
            "kernel": self.kernel,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cores", self.cores)?;
        if !self.processor.is_empty() {
            write!(f, " ({})", self.processor)?;
        }
        write!(
            f,
            ", {} GiB of memory, Linux {}",
            self.memory_gib, self.kernel
        )
    }
}

fn value_of(text: &str, name: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}
