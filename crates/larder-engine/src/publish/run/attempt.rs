//! Trying: the time that a channel has, and what is tried again.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::super::push::Attempt;
use crate::context::Context;
use crate::events::Level;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::human;
use larder_core::project::publish::{ChannelConfig, Retry};
use larder_remote::http::Client;

/// The signal (SIGALRM) that stands for the end of a channel's time.
const TIME_IS_UP: i32 = 14;

/// The time that is left for one channel, and how it is tried again.
pub(in crate::publish) struct Tries<'a> {
    ctx: &'a Context,
    /// The channel, in messages: `arc homebrew`.
    subject: String,
    retry: Retry,
    timeout: Duration,
    left: Duration,
}

impl<'a> Tries<'a> {
    pub(in crate::publish) fn new(
        ctx: &'a Context,
        subject: String,
        config: &ChannelConfig,
    ) -> Self {
        let run = &ctx.project.publish;
        let timeout = config.timeout.unwrap_or(run.timeout);
        Self {
            ctx,
            subject,
            retry: config.retry.unwrap_or(run.retry),
            timeout,
            left: timeout,
        }
    }

    /// Does something until it succeeds, fails for good, or was tried often enough.
    pub(in crate::publish) fn each<T: Send>(
        &mut self,
        step: impl Fn(&Attempt<'_>) -> Result<T> + Sync,
    ) -> Result<T> {
        let mut pauses = Pauses::new(self.retry);
        loop {
            let error = match self.once(&step) {
                Err(error) if error.kind() == Kind::Unavailable && !self.left.is_zero() => error,
                ended => return ended,
            };
            let Some(pause) = pauses.next() else {
                return Err(error);
            };
            let text = format!(
                "{}: {error}; it is tried again in {}",
                self.subject,
                human::seconds(pause.as_secs_f64())
            );
            self.ctx.events.note(None, Level::Info, text);
            self.pause(pause)?;
        }
    }

    /// Asks until the answer is yes, with the pauses of a retry between the questions. Returns
    /// whether it was.
    pub(super) fn until(
        &mut self,
        question: impl Fn(&Attempt<'_>) -> Result<bool> + Sync,
    ) -> Result<bool> {
        let mut pauses = Pauses::new(self.retry);
        loop {
            if self.each(&question)? {
                return Ok(true);
            }
            match pauses.next() {
                Some(pause) if !self.left.is_zero() => self.pause(pause)?,
                _ => return Ok(false),
            }
        }
    }

    fn pause(&mut self, pause: Duration) -> Result<()> {
        let pause = pause.min(self.left);
        self.left -= pause;
        self.ctx.cancel.sleep(pause)
    }

    /// One attempt within the time that is left.
    fn once<T: Send>(&mut self, step: impl Fn(&Attempt<'_>) -> Result<T> + Sync) -> Result<T> {
        let cancel = self.ctx.cancel.child();
        let start = Instant::now();
        let result = within(self.left, &cancel, || {
            cancel.check()?;
            step(&attempt(self.ctx, &cancel))
        });
        self.left = self.left.saturating_sub(start.elapsed());
        match result {
            Err(error) if cancel.signal() == Some(TIME_IS_UP) => {
                self.left = Duration::ZERO;
                let timeout = human::seconds(self.timeout.as_secs_f64());
                let late =
                    Error::unavailable(format!("{} was not done within {timeout}", self.subject));
                let late = match error.kind() {
                    Kind::Interrupted(_) => late,
                    _ => late.cause(error),
                };
                Err(late.hint("`timeout:` of the channel or of `publish:` gives it more time; what was pushed is found by the next run"))
            }
            result => result,
        }
    }
}

/// What an attempt works with.
pub(in crate::publish) fn attempt<'a>(ctx: &'a Context, cancel: &Cancel) -> Attempt<'a> {
    let remote = &ctx.settings.remote;
    Attempt {
        client: Client::new(remote.http.clone(), cancel.clone()),
        remote,
        cancel: cancel.clone(),
        dry_run: ctx.options.dry_run,
    }
}

/// Runs something, and cancels it when its time is up.
fn within<T>(time: Duration, cancel: &Cancel, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        let (done, ended) = channel::<()>();
        scope.spawn(move || {
            if ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                cancel.cancel(TIME_IS_UP);
            }
        });
        let result = work();
        drop(done);
        result
    })
}

/// The pauses between tries.
struct Pauses {
    retry: Retry,
    made: u32,
    next: Duration,
}

impl Pauses {
    fn new(retry: Retry) -> Self {
        Self {
            retry,
            made: 0,
            next: retry.base_delay,
        }
    }

    /// The next pause; `None` if it was tried often enough.
    fn next(&mut self) -> Option<Duration> {
        if self.made == self.retry.max {
            return None;
        }
        self.made += 1;
        let pause = self.next.min(self.retry.max_delay);
        let next = self.next.as_secs_f64() * self.retry.multiplier;
        self.next = Duration::try_from_secs_f64(next).unwrap_or(Duration::MAX);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pauses;
    use larder_core::project::publish::Retry;

    #[test]
    fn pauses_grow_up_to_the_longest_and_end() {
        let seconds = |retry: Retry| {
            let mut pauses = Pauses::new(retry);
            std::iter::from_fn(|| pauses.next())
                .map(|pause| pause.as_secs_f64())
                .collect::<Vec<_>>()
        };
        let of = |max, base, longest, multiplier| Retry {
            max,
            base_delay: Duration::from_secs(base),
            max_delay: Duration::from_secs(longest),
            multiplier,
        };
        assert_eq!(seconds(of(0, 1, 30, 2.0)), Vec::<f64>::new());
        assert_eq!(seconds(of(4, 1, 5, 2.0)), [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(seconds(of(3, 9, 5, 2.0)), [5.0, 5.0, 5.0]);
        assert_eq!(seconds(of(3, 2, 30, 1.0)), [2.0, 2.0, 2.0]);
        // However large the multiplier is, the pause is a time.
        assert_eq!(seconds(of(3, 2, 30, 1e308)), [2.0, 30.0, 30.0]);
    }
}
