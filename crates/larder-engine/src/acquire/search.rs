//! The search: asks the sources in order and decides after each answer how to go on.
//!
//! All commands use the same search. A run *takes* from each source what it has; a dry run, `why`
//! and `plan` *probe* each source for what it would give. The caller passes a closure that asks one
//! source; nothing else differs.

use larder_core::error::{Error, Result};
use larder_core::model::SourceKind;

use super::availability::Availability;
use super::policy::{self, Then};
use super::request::Request;
use crate::events::Level;

/// A source that was asked and what it answered, for `why` and for errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which source.
    pub source: SourceKind,
    /// The answer, as text for people.
    pub answer: String,
}

/// How a search ended.
#[derive(Clone, Debug)]
pub enum End<T> {
    /// A source has it.
    Found(SourceKind, T),
    /// No source has it.
    NotFound,
    /// An answer stopped the search, possibly before all sources were asked.
    Stopped(Error),
}

/// The result of a search.
#[derive(Clone, Debug)]
pub struct Searched<T> {
    /// Every source that was asked and did not have it, in order.
    pub attempts: Vec<Attempt>,
    /// The error of the first source that was unavailable. If it is set, a build must not be
    /// uploaded, because that source may have the artifact.
    pub unavailable: Option<Error>,
    /// How it ended.
    pub end: End<T>,
}

/// Asks the request's sources one by one until one has it or an answer stops the search.
pub fn search<T>(
    request: &Request<'_>,
    mut ask: impl FnMut(SourceKind) -> Result<Availability<T>>,
) -> Searched<T> {
    let mut searched = Searched {
        attempts: Vec::new(),
        unavailable: None,
        end: End::NotFound,
    };
    for &source in &request.order {
        if let Some(error) = &searched.unavailable
            && let Err(why) = policy::pinned(request, source)
        {
            searched.end = End::Stopped(error.clone().hint(why.clone()));
            let answer = format!("not asked: {why}");
            searched.attempts.push(Attempt { source, answer });
            return searched;
        }
        let (answer, then) = match ask(source) {
            Ok(Availability::Have(found)) => {
                searched.end = End::Found(source, found);
                return searched;
            }
            Ok(Availability::Absent(reason)) => (reason, policy::ABSENT),
            Err(error) => {
                let then = policy::after(error.kind());
                let answer = error.to_string();
                match then {
                    Then::Next => {}
                    Then::NextIfPinned => {
                        let text = format!("{source}: {error}");
                        request
                            .run
                            .events
                            .note(Some(request.target), Level::Warning, text);
                        searched.unavailable.get_or_insert(error);
                    }
                    Then::Stop => searched.end = End::Stopped(error),
                }
                (answer, then)
            }
        };
        searched.attempts.push(Attempt { source, answer });
        if then == Then::Stop {
            return searched;
        }
    }
    if let Some(error) = &searched.unavailable {
        searched.end = End::Stopped(error.clone());
    }
    searched
}

/// The error for a search in which no source had the artifact.
pub fn not_found(request: &Request<'_>, attempts: &[Attempt]) -> Error {
    let answers: Vec<String> = attempts
        .iter()
        .map(|Attempt { source, answer }| format!("{source}: {answer}"))
        .collect();
    let name = &request.target.name;
    Error::failed(format!(
        "no source has {name} for {}",
        request.target.platform
    ))
    .cause(answers.join("\n"))
    .hint(format!(
        "`larder why {name}` shows what is wanted and what each source has"
    ))
}
