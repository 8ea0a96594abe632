//! Getting bytes from the hub: one download, for however many requests that ask for them.
//!
//! A package is downloaded into the store while it is hashed. Its binaries are unpacked from there
//! through the engine's intake, which compares each of them with the sidecar. A download goes on if
//! the client that caused it has left, because the next client will want the same.

use std::collections::HashMap;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use larder_core::archive::{ArchiveKind, Budget, ReadAs};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs;
use larder_core::model::{Digest, Target};
use larder_core::staging::{StagedDir, StagedFile};
use larder_engine::acquire::intake::{self, Arrival, Contents, Transfer};
use larder_engine::events::Events;
use larder_remote::http::read_error;
use larder_remote::origin::{Checks, Stated};
use tokio::sync::{Semaphore, watch};

use super::Hub;
use super::listing::Package;
use super::store::STAGED;
use crate::bytes::Opened;
use crate::problem::{self, Problem};

/// The most downloads and unpackings at the same time.
const AT_ONCE: usize = 8;
/// How long a failure is the answer to further requests.
const REMEMBERED: Duration = Duration::from_secs(2);

type Outcome = problem::Result<()>;
type Getting = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The downloads that are under way, and those that have just failed.
#[derive(Debug)]
pub struct Flights {
    flights: Mutex<HashMap<Digest, Flight>>,
    permits: Semaphore,
}

#[derive(Debug)]
enum Flight {
    UnderWay(watch::Receiver<Option<Outcome>>),
    Failed(Instant, Box<Problem>),
}

impl Default for Flights {
    fn default() -> Self {
        Self {
            flights: Mutex::default(),
            permits: Semaphore::new(AT_ONCE),
        }
    }
}

impl Hub {
    /// Opens the bytes of a digest: a package, or a binary in it. Gets them first if necessary.
    pub(super) async fn open(
        self: &Arc<Self>,
        digest: Digest,
        package: Arc<Package>,
    ) -> problem::Result<Opened> {
        if let Some(opened) = self.store.open(&digest) {
            return Ok(opened);
        }
        self.join(digest, package).await?;
        self.store.open(&digest).ok_or_else(|| {
            Problem::unavailable(
                "the file was removed from the cache; it is downloaded again",
                1,
            )
        })
    }

    /// Waits for the one download of a digest.
    async fn join(self: &Arc<Self>, digest: Digest, package: Arc<Package>) -> Outcome {
        let mut outcome = {
            let mut flights = self.flights();
            match flights.get(&digest) {
                Some(Flight::UnderWay(outcome)) => outcome.clone(),
                Some(Flight::Failed(at, problem)) if at.elapsed() < REMEMBERED => {
                    return Err(problem.clone());
                }
                _ => {
                    let (sender, outcome) = watch::channel(None);
                    flights.insert(digest, Flight::UnderWay(outcome.clone()));
                    let hub = self.clone();
                    tokio::spawn(async move {
                        let outcome = hub.clone().get(digest, package).await;
                        let mut flights = hub.flights();
                        match &outcome {
                            Ok(()) => flights.remove(&digest),
                            Err(problem) => flights
                                .insert(digest, Flight::Failed(Instant::now(), problem.clone())),
                        };
                        drop(flights);
                        sender.send_replace(Some(outcome));
                    });
                    outcome
                }
            }
        };
        let ended = outcome.wait_for(Option::is_some).await;
        let ended = ended.ok().and_then(|outcome| (*outcome).clone());
        ended.unwrap_or_else(|| {
            self.flights().remove(&digest);
            Err(Problem::unavailable(
                "the download has ended unexpectedly",
                1,
            ))
        })
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Digest, Flight>> {
        let flights = self.flights.flights.lock();
        flights.unwrap_or_else(PoisonError::into_inner)
    }

    /// A boxed future, because a binary waits for the download of its package in the same way.
    fn get(self: Arc<Self>, digest: Digest, package: Arc<Package>) -> Getting {
        Box::pin(async move {
            let archive = package.sidecar.sha256;
            let hub = self.clone();
            let verify = move || hub.store.verify(&digest);
            if self.blocking(verify, &package).await? {
                return Ok(());
            }
            let (hub, of) = (self.clone(), package.clone());
            if digest == archive {
                return self.blocking(move || hub.download(&of), &package).await;
            }
            self.open(archive, package.clone()).await?;
            self.blocking(move || hub.unpack(&of), &package).await
        })
    }

    /// Does something that blocks, and makes a problem of its error.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
        package: &Package,
    ) -> problem::Result<T> {
        let _permit = self.flights.permits.acquire().await;
        let ended = tokio::task::spawn_blocking(work).await;
        let error = match ended {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error,
            Err(error) => Error::failed("the thread has ended unexpectedly").cause(error),
        };
        let place = self.reader().place(&package.tag, &package.asset);
        let _ = self.poke.send(());
        let what = if error.kind() == Kind::Integrity {
            "is not served, because it is not what its sidecar states"
        } else {
            "can't be had now"
        };
        let detail = format!("{place} {what}: {error}");
        self.log.error(&detail, &[("place", &place)]);
        Err(if error.kind() == Kind::Integrity {
            Problem::new(StatusCode::BAD_GATEWAY, detail)
        } else {
            Problem::unavailable(detail, 5)
        })
    }

    /// Downloads a package into the store.
    fn download(&self, package: &Package) -> Result<()> {
        let Package {
            tag,
            asset,
            sidecar,
            ..
        } = package;
        let place = self.reader().place(tag, asset);
        let Some(body) = self.reader().fetch(tag, asset)? else {
            return Err(Error::unavailable(format!("{place} is not there any more")));
        };
        let mut staged = StagedFile::without_sweep(self.store.path().as_std_path(), STAGED)?;
        let stated = [Stated::sha256(
            sidecar.sha256,
            format!("its sidecar {}", asset.sidecar()),
        )];
        let mut checks = Checks::new(&stated);
        let limited = body.reader.take(sidecar.size.saturating_add(1));
        io::copy(&mut checks.reader(limited), staged.file_mut())
            .map_err(|e| read_error(&e, &format!("cannot download {place}")))?;
        if let Err(error) = checks.verify(&place) {
            return Err(match self.reader().sidecar(tag, asset) {
                Ok(Some(now)) if now.sha256 != sidecar.sha256 => {
                    Error::unavailable("it has just been replaced").cause(error)
                }
                _ => error,
            });
        }
        staged.flush(0o644)?;
        staged.rename_over(self.store.path().join(sidecar.sha256.to_string()))?;
        self.store.written(&sidecar.sha256);
        self.log.info(
            &format!("{place} was downloaded"),
            &[("place", &place), ("bytes", &sidecar.size)],
        );
        Ok(())
    }

    /// Unpacks all binaries of a package that is in the store.
    fn unpack(&self, package: &Package) -> Result<()> {
        let Package { asset, sidecar, .. } = package;
        let place = self.reader().place(&package.tag, asset);
        let opened = self.store.open(&sidecar.sha256);
        let archive = opened
            .ok_or_else(|| Error::unavailable(format!("{place} was removed from the cache")))?;
        let dir = StagedDir::without_sweep(self.store.path().as_std_path(), STAGED)?;
        let target = Target {
            name: sidecar.content.name.clone(),
            platform: sidecar.content.platform,
        };
        // Nobody watches the progress.
        let (events, _) = Events::channel();
        let transfer = Transfer {
            target: &target,
            events: &events,
            cancel: &Cancel::new(),
        };
        let arrival = Arrival {
            place: &place,
            read_as: ReadAs::Exactly(ArchiveKind::of_name(asset.as_str())),
            reader: Box::new(archive.file),
            size: Some(sidecar.size),
            stated: &[Stated::sha256(
                sidecar.sha256,
                format!("its sidecar {}", asset.sidecar()),
            )],
            signature: None,
            select: intake::packaged(sidecar.content.tree.is_some()),
            single: None,
            budget: Budget::default(),
        };
        let arrived = intake::receive(transfer, arrival, dir.path())?;
        let contents = Contents::Stated(&sidecar.content);
        let artifact = intake::artifact(&place, &arrived, &contents, dir.path())?;
        for file in artifact.files.iter().filter(|file| file.mode == 0o755) {
            let to = self.store.path().join(file.sha256.to_string());
            // The programs are served, and never run here.
            fs::set_mode(dir.path().join(&file.name), 0o644)?;
            fs::rename(dir.path().join(&file.name), to)?;
            self.store.written(&file.sha256);
        }
        Ok(())
    }
}
