//! The process's environment behind a tiny trait: the one place where variables are read, so that
//! tests never touch the real ones.

#[cfg(test)]
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

/// Variables by name.
pub(crate) trait Environment: fmt::Debug {
    /// The value of `name`, if it is set.
    fn get(&self, name: &str) -> Option<OsString>;

    /// The names that are set.
    fn names(&self) -> Vec<OsString>;
}

/// The real environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn names(&self) -> Vec<OsString> {
        std::env::vars_os().map(|(name, _)| name).collect()
    }
}

/// An environment that is written down, for tests.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct FixedEnvironment(BTreeMap<OsString, OsString>);

#[cfg(test)]
impl FixedEnvironment {
    /// The variables of `pairs`.
    pub(crate) fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

#[cfg(test)]
impl Environment for FixedEnvironment {
    fn get(&self, name: &str) -> Option<OsString> {
        self.0.get(std::ffi::OsStr::new(name)).cloned()
    }

    fn names(&self) -> Vec<OsString> {
        self.0.keys().cloned().collect()
    }
}

/// Names only: values may be secrets.
#[cfg(test)]
impl fmt::Debug for FixedEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
