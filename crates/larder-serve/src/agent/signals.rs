//! The signals that the agent gets.

#[cfg(unix)]
use larder_core::error::Error;
use larder_core::error::Result;
use larder_process::Signal;
use tokio::sync::mpsc;

/// What a signal means.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(unix), allow(dead_code, reason = "there is nothing to pass on"))]
pub enum Received {
    /// End.
    End(i32),
    /// Pass it on.
    Pass(Signal),
}

/// The signals of this process from now on.
#[cfg(unix)]
pub fn listen() -> Result<mpsc::UnboundedReceiver<Received>> {
    use tokio::signal::unix::{SignalKind, signal};
    let ignored = larder_process::ignored_signals();
    let (sender, receiver) = mpsc::unbounded_channel();
    for (kind, meaning) in [
        (SignalKind::terminate(), Received::End(15)),
        (SignalKind::interrupt(), Received::End(2)),
        (SignalKind::hangup(), Received::Pass(Signal::Hangup)),
        (SignalKind::user_defined1(), Received::Pass(Signal::User1)),
        (SignalKind::user_defined2(), Received::Pass(Signal::User2)),
    ] {
        // As with nohup.
        if ignored.contains(&kind.as_raw_value()) {
            continue;
        }
        let mut signal = signal(kind)
            .map_err(|error| Error::failed("cannot listen for signals").cause(error))?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                if sender.send(meaning).is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}

/// The signals of this process from now on.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it is fallible on Unix")]
pub fn listen() -> Result<mpsc::UnboundedReceiver<Received>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if sender.send(Received::End(2)).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
