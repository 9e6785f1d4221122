//! The log: to standard error only, since standard output belongs to the protocol. How lines get there is `log_queue`'s.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::environment::Environment;
use crate::log_queue::{Flushed, LogQueue};
use crate::settings::{LogFormat, LogLevel, LogSettings};

/// Starts the log. Once per process; a second call changes nothing. What it gives back is kept until the process ends.
pub(crate) fn start(settings: LogSettings, environment: &dyn Environment) -> Flushed {
    if settings.level == LogLevel::Off {
        return Flushed::nothing();
    }
    let notice = match settings.format {
        LogFormat::Json => lost_as_json,
        LogFormat::Text => lost_as_text,
    };
    let (queue, flushed) = LogQueue::new(std::io::stderr(), notice);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(move || queue.clone())
        // A log that cannot be written must not end the server, nor be told on that same stream.
        .log_internal_errors(false);
    let layer = match settings.format {
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
        LogFormat::Text => {
            // https://no-color.org: set to anything but nothing.
            let plain = environment
                .get("NO_COLOR")
                .is_some_and(|value| !value.is_empty());
            layer
                .with_ansi(!plain && std::io::stderr().is_terminal())
                .boxed()
        }
    };
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(filter(settings.level)))
        .try_init();
    flushed
}

/// What is told when lines were lost, because nobody read them.
fn lost_as_text(lines: u64) -> String {
    format!("WARN server_app::logging: {lines} lines of the log were lost: it was not read")
}

fn lost_as_json(lines: u64) -> String {
    let message = "lines of the log were lost: it was not read";
    format!(
        r#"{{"level":"WARN","message":"{message}","lines":{lines},"target":"server_app::logging"}}"#
    )
}

/// Our crates from `level` on. What libraries say of themselves is for those who debug, and then
/// one level less: at `trace` they would write every byte.
fn filter(level: LogLevel) -> Targets {
    let ours = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let theirs = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn | LogLevel::Info => LevelFilter::WARN,
        LogLevel::Debug => LevelFilter::INFO,
        LogLevel::Trace => LevelFilter::DEBUG,
    };
    OUR_TARGETS
        .iter()
        .fold(Targets::new().with_default(theirs), |targets, name| {
            targets.with_target(*name, ours)
        })
}

/// What the targets of our crates begin with.
const OUR_TARGETS: [&str; 5] = [
    "executor_",
    "mcp_",
    "server_app",
    "server_sse",
    "server_stdio",
];

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_are_quieter_than_we_are() {
        for (level, target, event, shown) in [
            (LogLevel::Info, "executor_core::executor", Level::INFO, true),
            (LogLevel::Info, "hyper::client", Level::INFO, false),
            (LogLevel::Info, "hyper::client", Level::WARN, true),
            (LogLevel::Debug, "mcp_server", Level::DEBUG, true),
            (LogLevel::Debug, "bollard", Level::DEBUG, false),
            (LogLevel::Off, "server_app", Level::ERROR, false),
        ] {
            assert_eq!(
                filter(level).would_enable(target, &event),
                shown,
                "{level:?} {target}"
            );
        }
    }
}
