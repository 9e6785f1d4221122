//! The lines of a container that no look holds, each with the reason.

/// Lines that harden nothing, or whose weakening nothing on this engine can notice; each with its reason.
pub(super) const NOT_LOOKED_AT: &[(&str, &str)] = &[
    (
        "AttachStderr",
        "what is attached is asked for again by the call that attaches",
    ),
    ("AttachStdin", "the same"),
    ("AttachStdout", "the same"),
    ("Cmd", "what is run, not how it is held"),
    ("Entrypoint", "what is run, not how it is held"),
    ("Image", "what is run, not how it is held"),
    ("Labels", "held by the sweep's tests in `leftovers.rs`"),
    ("OpenStdin", "without it nothing works: `life.rs`"),
    ("Tty", "with one, bytes change on their way: `life.rs`"),
    (
        "HostConfig.Tmpfs./tmp mode",
        "the runtime gives a place that the image has the mode that it has there",
    ),
    (
        "HostConfig.Runtime",
        "it is the engine's default by its name; another in the place of a chosen one: `runsc.rs`",
    ),
    (
        "HostConfig.PublishAllPorts",
        "there is no network on which a port could be published",
    ),
];
