//! What a runner has to tell once.

/// Something that the runner tells once, if it is asked to.
#[derive(Debug)]
pub(super) enum Awaited<T> {
    /// It was not asked for, is known not to come, or was taken.
    Nothing,
    /// It is to come.
    Due,
    /// It is here, for whoever takes it.
    Here(T),
}

impl<T> Awaited<T> {
    /// To come, if it was asked for.
    pub(super) const fn of(is_asked_for: bool) -> Self {
        if is_asked_for {
            Self::Due
        } else {
            Self::Nothing
        }
    }

    /// Whether it is to come.
    pub(super) const fn is_due(&self) -> bool {
        matches!(self, Self::Due)
    }

    /// What has come, once.
    pub(super) fn take(&mut self) -> Option<T> {
        match std::mem::replace(self, Self::Nothing) {
            Self::Here(told) => Some(told),
            before => {
                *self = before;
                None
            }
        }
    }
}
