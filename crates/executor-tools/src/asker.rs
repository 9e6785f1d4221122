//! Whom we answer: what there is to do about a failure is the same, but not what it is done with.

/// Who ran a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A model, which has parameters and no options.
    Model,
    /// Whoever typed the command, and sets the options with it.
    Shell,
}

impl Asker {
    /// That an option is the way to more.
    pub(crate) fn more(self, verb: &str, option: &str) -> String {
        match self {
            Self::Model => format!("only the operator can {verb} more (`{option}`)"),
            Self::Shell => format!("or raise `{option}`"),
        }
    }
}
