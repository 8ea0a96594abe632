//! Faults that are set for certain requests. A request is matched by origin, method and path only.

use std::time::Duration;

use super::Origin;

/// What happens to a matching request.
#[derive(Clone, Debug)]
pub enum Act {
    /// The connection dies before the server did anything.
    KillBefore,
    /// The server acts, then the connection dies without an answer.
    KillAfter,
    /// Answered with this status (and headers, body) without acting.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The server acts, but answers with this status.
    FalseAnswer(u16),
    /// An upload leaves an asset in the state `starter` and is answered 502.
    Starter,
    /// The answer comes later.
    Delay(Duration),
    /// The connection dies after this many bytes of the answer, headers included.
    Truncate(u64),
    /// One byte of the answer's body is changed.
    Flip,
    /// 200 with an HTML page.
    Html,
    /// The secondary rate limit, with a `retry-after` or without.
    Secondary(Option<u64>),
}

/// A fault and the requests that it applies to.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Only this origin.
    pub origin: Option<Origin>,
    /// Only this method.
    pub method: Option<&'static str>,
    /// Only where path and query contain this.
    pub contains: &'static str,
    /// This many matching requests pass first.
    pub skip: usize,
    /// This many are affected after that.
    pub times: usize,
    /// What happens to them.
    pub act: Act,
}

impl Fault {
    /// Affects the next request whose path and query contain a text.
    pub fn on(method: &'static str, contains: &'static str, act: Act) -> Self {
        Self {
            origin: None,
            method: Some(method),
            contains,
            skip: 0,
            times: 1,
            act,
        }
    }
    /// Affects this many requests.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }
    /// Lets this many requests pass first.
    pub fn skip(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }
    /// Applies only at this origin.
    pub fn at(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }
}

/// The first fault that matches this request; decrements its counters.
pub fn pick(faults: &mut Vec<Fault>, origin: Origin, method: &str, target: &str) -> Option<Act> {
    let index = faults.iter().position(|fault| {
        fault.origin.is_none_or(|o| o == origin)
            && fault.method.is_none_or(|m| m == method)
            && target.contains(fault.contains)
    })?;
    let fault = &mut faults[index];
    if fault.skip > 0 {
        fault.skip -= 1;
        return None;
    }
    fault.times -= 1;
    let act = fault.act.clone();
    if fault.times == 0 {
        faults.remove(index);
    }
    Some(act)
}
