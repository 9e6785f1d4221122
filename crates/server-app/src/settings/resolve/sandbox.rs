//! The numbers: of one sandbox, of one run, of all runs.

use std::time::Duration;

use executor_core::PoolSettings;
use executor_core::limits::{ByteSize, OutputLimits, ResultLimits, SandboxLimits, WallTime};
use executor_tools::{ExecutePython, ResultBudget, StoreLimits};

use super::Resolver;
use crate::settings::mistake::Refusal;
use crate::settings::quantity::{
    count, cpu_millis, duration, duration_within, number, size, size_within,
};
use crate::settings::resolved::{ResultSettings, Times};

pub(super) fn limits(resolver: &mut Resolver<'_>) -> SandboxLimits {
    let mut limits = SandboxLimits::default();
    size_of(resolver, &mut limits, "memory", |limits| &mut limits.memory);
    size_of(resolver, &mut limits, "tmp-size", |limits| &mut limits.tmp);
    size_of(resolver, &mut limits, "modules-size", |limits| {
        &mut limits.modules
    });
    size_of(resolver, &mut limits, "shm-size", |limits| &mut limits.shm);
    number_of(resolver, &mut limits, "cpus", cpu_millis, |limits| {
        &mut limits.cpu_millis
    });
    number_of(resolver, &mut limits, "processes", number, |limits| {
        &mut limits.processes
    });
    number_of(resolver, &mut limits, "open-files", number, |limits| {
        &mut limits.open_files
    });
    limits
}

pub(super) fn output(resolver: &mut Resolver<'_>) -> OutputLimits {
    let mut output = OutputLimits::default();
    output.kept = resolver.one("output-kept", output.kept, |text| {
        size_within(text, ByteSize::kib(1)..=ByteSize::mib(16))
    });
    output.printed = resolver.one("output-printed", output.printed, |text| {
        size_within(text, ByteSize::kib(1)..=ByteSize::gib(1024))
    });
    output
}

pub(super) fn results(resolver: &mut Resolver<'_>) -> ResultSettings {
    let mut limits = ResultLimits::default();
    let (mut budget, mut store) = (ResultBudget::default(), StoreLimits::default());
    budget.text = resolver.one("result-text", budget.text, |text| {
        size_within(text, ByteSize::kib(4)..=ByteSize::mib(1))
    });
    budget.tokens = resolver.one("result-tokens", budget.tokens, |text| {
        let tokens = count(text, 2_000..=1_000_000)?;
        u64::try_from(tokens).map_err(Refusal::because)
    });
    budget.pictures = resolver.one("result-pictures", budget.pictures, |text| {
        size_within(text, ByteSize::kib(64)..=ByteSize::mib(8))
    });
    limits.picture = resolver.one("picture-size", limits.picture, |text| {
        size_within(text, ByteSize::kib(16)..=ByteSize::mib(4))
    });
    limits.picture_side = resolver.one("picture-side", limits.picture_side, |text| {
        let side = count(text, 64..=8192)?;
        u32::try_from(side).map_err(Refusal::because)
    });
    store.bytes = resolver.one("results-kept", store.bytes, |text| {
        size_within(text, ByteSize::bytes(0)..=ByteSize::gib(4))
    });
    store.keep = resolver.one("results-time", store.keep, |text| {
        duration_within(
            text,
            Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60),
        )
    });
    ResultSettings {
        limits,
        budget,
        store,
    }
}

pub(super) fn times(resolver: &mut Resolver<'_>) -> Times {
    let ceiling = resolver.one("max-timeout", WallTime::CEILING, wall_time);
    // The default gives way to a lower ceiling; what somebody wrote down does not.
    let program = resolver.one("timeout", WallTime::PROGRAM.min(ceiling), wall_time);
    if program > ceiling {
        resolver.conflict(
            "timeout",
            Refusal::because(format!("longer than `max-timeout`, which is {ceiling}"))
                .hint("raise `max-timeout` as well"),
        );
    }
    let install = resolver.one("install-timeout", WallTime::INSTALL, wall_time);
    let task_after = resolver.one("task-after", Some(ExecutePython::TASK_AFTER), |text| {
        if text.trim() == "never" {
            return Ok(None);
        }
        duration_within(text, Duration::ZERO..=WallTime::CEILING.get())
            .map(Some)
            .map_err(|refusal| refusal.hint("write a time such as `5s`, or `never`"))
    });
    let heartbeat = resolver.one("heartbeat", ExecutePython::HEARTBEAT, |text| {
        duration_within(text, Duration::from_secs(1)..=Duration::from_secs(600))
    });
    Times {
        program,
        ceiling,
        install,
        task_after,
        heartbeat,
    }
}

pub(super) fn load(resolver: &mut Resolver<'_>) -> (usize, usize, PoolSettings) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let default = processors.saturating_mul(2).min(MAX_CONCURRENCY);
    let concurrency = resolver.one("concurrency", default, |text| {
        count(text, 1..=MAX_CONCURRENCY)
    });
    let queue = resolver.one("queue", 256, |text| count(text, 0..=4096));
    let most = resolver.one("pool", concurrency, |text| {
        count(text, 0..=PoolSettings::CEILING)
    });
    let least = resolver.one("pool-least", 1.min(most), |text| count(text, 0..=most));
    (concurrency, queue, PoolSettings::of(least, most))
}

/// More sandboxes at once than any one engine starts and ends in time.
const MAX_CONCURRENCY: usize = 256;

fn wall_time(text: &str) -> Result<WallTime, Refusal> {
    WallTime::new(duration(text)?).map_err(Refusal::because)
}

/// Each field is held against its bounds alone, so that several mistakes are told at once.
fn size_of(
    resolver: &mut Resolver<'_>,
    limits: &mut SandboxLimits,
    key: &'static str,
    field: impl Fn(&mut SandboxLimits) -> &mut ByteSize,
) {
    number_of(resolver, limits, key, size, field);
}

fn number_of<T: Copy>(
    resolver: &mut Resolver<'_>,
    limits: &mut SandboxLimits,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, Refusal>,
    field: impl Fn(&mut SandboxLimits) -> &mut T,
) {
    let default = *field(limits);
    *field(limits) = resolver.one(key, default, |text| {
        let value = parse(text)?;
        let mut alone = SandboxLimits::default();
        *field(&mut alone) = value;
        alone.check().map_err(Refusal::because)?;
        Ok(value)
    });
}
