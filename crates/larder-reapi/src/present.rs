//! Which blobs the cluster is known to have, and which are being sent. All actions of a run share
//! this, so that a blob that many of them need is asked for and sent once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::wire::BlobId;

#[derive(Debug)]
enum State {
    /// The cluster has it.
    There,
    /// Another action asks for it or sends it. The channel is closed when that ends.
    Claimed(watch::Receiver<()>),
}

/// The shared knowledge.
#[derive(Debug, Default)]
pub(crate) struct Present(Mutex<HashMap<BlobId, State>>);

impl Present {
    /// Claims those blobs that nobody knows of, and lists the claims of others to wait for.
    pub fn claim(
        &self,
        ids: impl IntoIterator<Item = BlobId>,
    ) -> (Claim<'_>, Vec<watch::Receiver<()>>) {
        let (sender, receiver) = watch::channel(());
        let mut claim = Claim {
            present: self,
            ids: Vec::new(),
            _sender: sender,
        };
        let mut others: Vec<watch::Receiver<()>> = Vec::new();
        let mut states = self.lock();
        for id in ids {
            match states.get(&id) {
                // Every server has the empty blob.
                _ if id.size == 0 => {}
                Some(State::There) => {}
                Some(State::Claimed(other)) if other.same_channel(&receiver) => {}
                Some(State::Claimed(other)) => {
                    if !others.iter().any(|known| known.same_channel(other)) {
                        others.push(other.clone());
                    }
                }
                None => {
                    states.insert(id, State::Claimed(receiver.clone()));
                    claim.ids.push(id);
                }
            }
        }
        (claim, others)
    }

    /// Drops what is known about blobs that the cluster has lost.
    pub fn forget(&self, ids: impl IntoIterator<Item = BlobId>) {
        let mut states = self.lock();
        for id in ids {
            if matches!(states.get(&id), Some(State::There)) {
                states.remove(&id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BlobId, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Blobs that one action asks for and sends. When it is dropped, those that are not known to be
/// there can be claimed by others, who wake up.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    present: &'a Present,
    pub ids: Vec<BlobId>,
    _sender: watch::Sender<()>,
}

impl Claim<'_> {
    /// Notes that the cluster has a blob.
    pub fn is_there(&self, id: BlobId) {
        self.present.lock().insert(id, State::There);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut states = self.present.lock();
        for id in &self.ids {
            if matches!(states.get(id), Some(State::Claimed(_))) {
                states.remove(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_claimed_once_and_again_after_it_was_not_sent() {
        let present = Present::default();
        let (a, b) = (BlobId::of(b"a"), BlobId::of(b"b"));
        let (first, others) = present.claim([a, b, a, BlobId::of(b"")]);
        assert_eq!((first.ids.len(), others.len()), (2, 0));
        let (second, others) = present.claim([a, b]);
        assert_eq!((second.ids.len(), others.len()), (0, 1));
        first.is_there(a);
        drop(first);
        assert!(others[0].has_changed().is_err(), "those who wait wake up");
        let (third, others) = present.claim([a, b]);
        assert_eq!((&third.ids[..], others.len()), (&[b][..], 0));
        third.is_there(b);
        drop(third);
        present.forget([a]);
        assert_eq!(present.claim([a, b]).0.ids, [a]);
    }
}
