//! The log: to standard error only, since standard output belongs to the protocol.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::environment::Environment;
use crate::settings::{LogFormat, LogLevel, LogSettings};

/// Starts the log. Once per process; a second call changes nothing.
pub(crate) fn start(settings: LogSettings, environment: &dyn Environment) {
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
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
