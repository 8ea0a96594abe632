//! Decides which of several writers gets a free tag.
//!
//! A registry has no write on the condition that a tag is free; the last write stands. So a writer
//! first writes a *claim*: a small index under `<tag>_c` that names its manifest, which is complete
//! and has no tag yet.
//!
//! 1. Read the claim. If there is none, write one.
//! 2. Wait for the time that a write may take. Whoever saw no claim has written its own by then, so
//!    the claim that stands now stands for all (Fischer's algorithm).
//! 3. Read the claim: it names the manifest that gets the tag, the same for every writer.
//! 4. If the tag is still free, its owner puts that manifest there. Others do it for an owner that
//!    is gone.
//! 5. Read the tag again: what is there is the answer. Delete the claim, if the registry deletes.
//!
//! A writer that needed longer than half that time between reading and writing the claim does not
//! rely on having it: it starts anew, and then sees a claim. A window remains only for a writer
//! that is stopped for longer than that time after step 3, or a registry that shows writes later:
//! then a second manifest may replace the first. Both are whole, and which one stands is the same
//! for all later readers.
//!
//! A registry that knows `If-None-Match: *`, or has tags that can't be moved, refuses the second
//! write; then the first one stands without any window.

use std::time::{Duration, Instant};

use larder_core::error::{Error, Kind, Result};

use super::artifact;
use super::names::claim_tag;
use super::store::Store;
use crate::oci::Manifest;

/// How often the tags are tried.
const ROUNDS: usize = 12;

/// A manifest that is to get a tag which was free a moment ago.
pub(super) struct Candidate<'a> {
    /// The tag.
    pub(super) tag: String,
    /// The manifest, which the repository has already, without a tag.
    pub(super) manifest: Manifest,
    /// Called before the manifest gets the tag, if it gets it.
    pub(super) prepare: Box<dyn Fn() -> Result<()> + 'a>,
}

/// What is known of the claim to one tag.
#[derive(Default)]
struct Claim {
    /// Whether a claim of ours was written too late to be relied on.
    is_late: bool,
    /// In how many rounds another writer had the claim and the tag was free.
    waited: usize,
    /// The last write that got no answer. Each round begins with what the registry has then.
    failed: Option<Error>,
}

impl Claim {
    /// Takes note of a write that failed. Without an answer it can be tried again.
    fn has_failed(&mut self, error: Error) -> Result<()> {
        if error.kind() != Kind::Unavailable {
            return Err(error);
        }
        self.failed = Some(error);
        Ok(())
    }
}

impl Store {
    /// Puts manifests under tags. Returns what stands there, for each one.
    pub(super) fn elect(&self, candidates: &[Candidate<'_>]) -> Result<Vec<Manifest>> {
        let mut elected: Vec<Option<Manifest>> = vec![None; candidates.len()];
        let mut claims: Vec<Claim> = candidates.iter().map(|_| Claim::default()).collect();
        for _ in 0..ROUNDS {
            let mut open = Vec::new();
            for (at, candidate) in candidates.iter().enumerate() {
                if elected[at].is_none() {
                    self.claim(candidate, &mut claims[at])?;
                    open.push(at);
                }
            }
            if open.is_empty() {
                break;
            }
            self.pause(self.settle)?;
            for at in open {
                elected[at] = self.settle_one(&candidates[at], &mut claims[at])?;
            }
        }
        let mut found = Vec::new();
        for ((candidate, elected), known) in candidates.iter().zip(elected).zip(claims) {
            let Candidate { tag, .. } = candidate;
            found.push(elected.ok_or_else(|| {
                let name = self.repository.name();
                known.failed.unwrap_or_else(|| {
                    Error::unavailable(format!("too many writers publish {name}:{tag} at once"))
                        .hint("run again")
                })
            })?);
        }
        Ok(found)
    }

    /// Claims a tag unless it is claimed.
    fn claim(&self, candidate: &Candidate<'_>, known: &mut Claim) -> Result<()> {
        let tag = claim_tag(&candidate.tag);
        let asked = Instant::now();
        if self.repository.digest_of(&tag)?.is_some() {
            known.is_late = false;
            return Ok(());
        }
        let claim = artifact::claim(&candidate.tag, &candidate.manifest);
        let put = self.repository.put_new_manifest(&tag, &claim);
        known.is_late = asked.elapsed() > self.settle / 2;
        if let Err(error) = put {
            known.is_late = true;
            known.has_failed(error)?;
        }
        Ok(())
    }

    /// Ends the election for one tag, if that is possible yet.
    fn settle_one(&self, candidate: &Candidate<'_>, known: &mut Claim) -> Result<Option<Manifest>> {
        let Candidate {
            tag,
            manifest: ours,
            prepare,
        } = candidate;
        let claim = self.repository.manifest(&claim_tag(tag))?;
        if let Some(there) = self.repository.manifest(tag)? {
            self.withdraw(claim.as_ref());
            return Ok(Some(there));
        }
        let Some(claim) = claim else {
            return Ok(None);
        };
        let winner = artifact::claimant(&claim);
        if known.is_late {
            return Ok(None);
        }
        if winner != Some(ours.digest) {
            known.waited += 1;
            // Its owner may be about to put it there.
            if known.waited < 2 {
                return Ok(None);
            }
            let theirs = match winner {
                Some(winner) => self.repository.manifest(&format!("sha256:{winner}"))?,
                None => None,
            };
            let Some(theirs) = theirs else {
                // The claim leads nowhere: a registry has collected what it was for.
                let claim = artifact::claim(tag, ours);
                self.repository.put_manifest(&claim_tag(tag), &claim)?;
                known.waited = 0;
                return Ok(None);
            };
            return self.put_elected(tag, &theirs, &claim, known);
        }
        prepare()?;
        self.put_elected(tag, ours, &claim, known)
    }

    fn put_elected(
        &self,
        tag: &str,
        elected: &Manifest,
        claim: &Manifest,
        known: &mut Claim,
    ) -> Result<Option<Manifest>> {
        if let Err(error) = self.repository.put_new_manifest(tag, elected) {
            // It may have arrived, and only the answer was lost.
            let is_there = self.repository.digest_of(tag).ok().flatten() == Some(elected.digest);
            if !is_there {
                known.has_failed(error)?;
                return Ok(None);
            }
        }
        let elected = self.repository.manifest(tag)?;
        if elected.is_some() {
            self.withdraw(Some(claim));
        }
        Ok(elected)
    }

    /// Deletes a claim to a tag that is taken now. It does no harm where it stays.
    fn withdraw(&self, claim: Option<&Manifest>) {
        if let Some(claim) = claim {
            let _ = self.repository.delete_manifest(&claim.digest);
        }
    }

    fn pause(&self, time: Duration) -> Result<()> {
        self.repository.cancel().sleep(time)
    }
}
