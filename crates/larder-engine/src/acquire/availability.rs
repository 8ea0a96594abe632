//! The answer of a source: it has the artifact, or it does not.

/// The answer of a source that could be asked. If it could not be asked, the result is an error
/// instead, and the [`policy`](super::policy) decides by the error's kind how the search goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability<T> {
    /// The source has it.
    Have(T),
    /// The source does not have it, for this reason.
    Absent(String),
}

impl<T> Availability<T> {
    /// Converts the value of `Have` and leaves `Absent` as it is.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Availability<U> {
        match self {
            Self::Have(value) => Availability::Have(change(value)),
            Self::Absent(reason) => Availability::Absent(reason),
        }
    }
}
