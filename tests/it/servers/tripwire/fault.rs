//! What the proxies do to requests that match, other than passing them on.

use super::Passed;

/// What happens to a request that matches.
#[derive(Clone, Debug)]
pub enum Act {
    /// The server does not get it; this is the answer.
    Answer(u16, String),
    /// The same with headers.
    Say(u16, Vec<(&'static str, &'static str)>, String),
    /// The server does not get it, and there is no answer until the faults are removed.
    Hang,
    /// The server gets it, and the answer is lost, the first time that the same is sent.
    Lose,
    /// The server gets it; the connection ends after so many bytes of the answer's body.
    Cut(usize),
    /// The server gets it; after so many bytes of the answer's body nothing more comes until the
    /// faults are removed.
    Stall(usize),
    /// The server gets it; one bit in the middle of the answer's body is changed.
    Flip,
    /// The server gets it without this header, whose name is in lower case.
    Strip(&'static str),
    /// The same request always gets the answer that the first one got.
    Stale,
    /// The server gets it, and its answer has a `Date` that is so many seconds later.
    Later(i64),
    /// Only so many of the requests that match, the first ones.
    First(usize, Box<Act>),
}

impl Act {
    /// For the first request that matches only.
    pub fn once(self) -> Self {
        self.first(1)
    }

    /// For so many requests that match, the first ones.
    pub fn first(self, times: usize) -> Self {
        Self::First(times, Box::new(self))
    }
}

/// A fault for every request that matches.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The name of the server.
    pub place: &'static str,
    /// `None` is every method; `Some("write")` is every request that writes.
    pub method: Option<&'static str>,
    /// What the path contains; with a `$` at its end, what the path ends with before its query.
    pub contains: &'static str,
    /// What happens.
    pub act: Act,
}

impl Fault {
    fn matches(&self, passed: &Passed) -> bool {
        let method = match self.method {
            None => true,
            Some("write") => passed.writes(),
            Some(method) => passed.method == method,
        };
        let path = match self.contains.strip_suffix('$') {
            Some(end) => passed
                .path
                .split('?')
                .next()
                .is_some_and(|path| path.ends_with(end)),
            None => passed.path.contains(self.contains),
        };
        method && path && self.place == passed.place
    }
}

/// What happens to a request; counts how often each fault matched.
pub(super) fn pick(faults: &mut [(Fault, usize)], passed: &Passed) -> Option<Act> {
    for (fault, matched) in faults.iter_mut().filter(|(one, _)| one.matches(passed)) {
        *matched += 1;
        match &fault.act {
            Act::First(times, _) if *matched > *times => {}
            Act::First(_, act) => return Some((**act).clone()),
            act => return Some(act.clone()),
        }
    }
    None
}
