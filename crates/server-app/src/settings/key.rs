//! What a setting's key is: one row of the table from which help, variables, file and reference
//! are made.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Its name in the file and, with `--` before it, as a flag. `danger.x` becomes `--danger-x`.
    pub(crate) name: &'static str,
    /// Under which heading it stands.
    pub(crate) group: Group,
    /// How many values it takes and how they are shown.
    pub(crate) form: Form,
    /// What stands for the value in the help.
    pub(crate) value: &'static str,
    /// The default, as it would be written; in brackets where it is not one fixed value.
    pub(crate) default: &'static str,
    /// What it means: a first sentence fit for a list.
    pub(crate) help: &'static str,
}

/// How many values a key takes, and what may be shown of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One value.
    One,
    /// Any number of values: a repeated flag, an array in the file, words in a variable.
    Many,
    /// The same, of values that have commas and blanks in them.
    Lists,
    /// One URL, whose credentials are never shown.
    Url,
    /// Several such URLs.
    Urls,
    /// `true` or `false`; as a flag it needs no value.
    Switch,
    /// A secret: only from the environment, never shown.
    Secret,
}

/// The headings of help and reference, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Engine,
    Sandbox,
    Run,
    Load,
    Network,
    Modules,
    Environments,
    Http,
    Logging,
    Danger,
    DangerHttp,
}

impl Group {
    pub(crate) const fn heading(self) -> &'static str {
        match self {
            Self::Engine => "Engine and image",
            Self::Sandbox => "What one sandbox may use",
            Self::Run => "What one run may take and print",
            Self::Load => "Runs at once",
            Self::Network => "The way out",
            Self::Modules => "Modules",
            Self::Environments => "Sets of modules that are kept",
            Self::Http => "HTTP",
            Self::Logging => "Log",
            Self::Danger => "Dangerous: what loosens security",
            Self::DangerHttp => "Dangerous, over HTTP",
        }
    }
}

/// What every variable of ours begins with.
pub(crate) const PREFIX: &str = "MCP_PYTHON_";

impl Key {
    /// The flag without its dashes, or `None` for what has no business on a command line.
    pub(crate) fn flag(&self) -> Option<String> {
        (self.form != Form::Secret).then(|| self.name.replace('.', "-"))
    }

    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        format!(
            "{PREFIX}{}",
            self.name.to_ascii_uppercase().replace(['.', '-'], "_")
        )
    }

    /// Whether it takes more than one value.
    pub(crate) const fn takes_many(&self) -> bool {
        matches!(self.form, Form::Many | Form::Lists | Form::Urls)
    }
}
