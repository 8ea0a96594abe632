//! The failures that can be ordered.

use std::time::Duration;

/// A failure that happens once, at the next request that it applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `Execute` breaks before its first message; the action goes on.
    LoseStreamAtStart,
    /// The stream of an operation breaks after its first message; the action goes on.
    LoseStreamInTheMiddle,
    /// The stream of an operation breaks when the result is there, before it is sent.
    LoseStreamAtTheEnd,
    /// The worker is lost: the stream breaks, and the operation is not known any more.
    LoseWorker,
    /// Before `Execute` looks for them, all blobs but those of the action itself are dropped.
    ForgetInputs,
    /// The same, and the failure names no blob.
    ForgetInputsWithoutNames,
    /// `Execute` is unavailable, and asks for a pause.
    AskForPause(Duration),
    /// `Execute` finds the queue full.
    FullQueue,
    /// The operation is cancelled by the cluster.
    CancelOperation,
    /// The action runs longer than it may.
    TimeOut,
    /// The action fails inside of the cluster.
    FailInternally,
    /// A blob that is read has a changed byte.
    DamageRead,
    /// A stream that is read ends early, without an error.
    TruncateRead,
    /// A stream that is read breaks after some bytes.
    BreakRead,
    /// A stream that is read stops sending after some bytes.
    StallRead,
    /// A stream that is written breaks after some bytes, which are kept.
    BreakWrite,
    /// A stream that is written is answered at once, as if another client had written it.
    CommitEarly,
    /// A stream that is written is answered in the middle, with the size so far.
    CommitShort,
    /// A batch is refused: the server is overloaded.
    RefuseBatch,
    /// A connection breaks when blobs are asked for.
    BreakFindMissing,
}
