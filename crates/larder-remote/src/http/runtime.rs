//! The network threads: the async runtime behind the synchronous client.

use larder_core::error::{Error, Result};

/// The threads. They end when the last handle to them is dropped.
#[derive(Debug)]
pub(super) struct Runtime {
    handle: tokio::runtime::Handle,
    /// Taken when it ends.
    inner: Option<tokio::runtime::Runtime>,
}

impl Runtime {
    pub(super) fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("larder-net")
            .enable_all()
            .build()
            .map_err(|e| Error::failed("cannot start the network threads").cause(e))?;
        Ok(Self {
            handle: runtime.handle().clone(),
            inner: Some(runtime),
        })
    }

    pub(super) fn handle(&self) -> &tokio::runtime::Handle {
        &self.handle
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Waiting for the threads here would block, and would panic on a thread of the runtime.
        if let Some(runtime) = self.inner.take() {
            runtime.shutdown_background();
        }
    }
}
