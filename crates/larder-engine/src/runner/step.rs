//! A step on a thread of its own, and what it sends back. It does not know the states of targets.

use std::sync::mpsc;
use std::time::Instant;

use super::Answer;
use crate::plan::TargetId;
use larder_core::error::Error;

/// What a worker sends.
pub(super) enum Message {
    /// The commands of the build have ended.
    Built,
    /// The step has ended.
    Answer(Answer),
}

/// Where workers send their answers.
pub(super) type Sender = mpsc::Sender<(TargetId, Message)>;

/// Starts a step.
pub(super) fn spawn(
    runtime: &tokio::runtime::Handle,
    sender: Sender,
    id: TargetId,
    work: impl FnOnce() -> Answer + Send + 'static,
) {
    runtime.spawn_blocking(move || {
        let start = Instant::now();
        // A panic in a step is a bug. It must fail that step and not block the run.
        let answer =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
                Answer::Failed(
                    Error::failed(format!(
                        "internal error after {:.1} s",
                        start.elapsed().as_secs_f64()
                    ))
                    .hint("this is a bug in larder: report it with the lines above"),
                )
            });
        // A failure is ignored: the receiver is dropped only after all steps ended.
        let _ = sender.send((id, Message::Answer(answer)));
    });
}
