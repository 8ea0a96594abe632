//! Whether a source has what is asked of it.

/// The answer of a source that could be asked. A source that could not is an error, whose kind says what follows
/// ([`policy`](super::policy)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability<T> {
    /// It has it.
    Have(T),
    /// It does not have it, for this reason.
    Absent(String),
}

impl<T> Availability<T> {
    /// Another view of what is there; an absence stays one.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Availability<U> {
        match self {
            Self::Have(value) => Availability::Have(change(value)),
            Self::Absent(reason) => Availability::Absent(reason),
        }
    }
}
