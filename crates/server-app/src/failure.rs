//! Errors of the sandbox machinery as the operator reads them: on standard error, and as an exit
//! code.

use executor_core::{ErrorKind, SandboxError};

use crate::exit_codes::Exit;

/// The exit code that says what kind of failure it was.
pub(crate) fn exit_of(error: &SandboxError) -> Exit {
    match error.kind() {
        ErrorKind::EngineUnavailable
        | ErrorKind::PermissionDenied
        | ErrorKind::ImageUnavailable => Exit::EngineUnavailable,
        ErrorKind::Unsupported => Exit::PromiseBroken,
        ErrorKind::InvalidRequest => Exit::Usage,
        _ => Exit::Failure,
    }
}

/// The error with all its causes, and the way out. For the operator: it may name host paths.
pub(crate) fn explain(error: &SandboxError) -> String {
    let mut text = format!("error: {}", error.chain());
    if let Some(hint) = error.hint() {
        text.push_str("\nhint: ");
        text.push_str(hint);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_exit_codes() {
        for (kind, code) in [
            (ErrorKind::EngineUnavailable, 3),
            (ErrorKind::PermissionDenied, 3),
            (ErrorKind::ImageUnavailable, 3),
            (ErrorKind::Unsupported, 4),
            (ErrorKind::InvalidRequest, 2),
            (ErrorKind::Internal, 1),
        ] {
            let error = SandboxError::new(kind, "do it").with_hint("do it otherwise");
            assert_eq!(exit_of(&error).code(), code, "{kind}");
            assert_eq!(
                explain(&error),
                "error: failed to do it\nhint: do it otherwise"
            );
        }
    }
}
