//! What the cluster says it can do, and what larder needs of it.

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use bazel_remote_apis::build::bazel::semver::SemVer;
use larder_core::error::{Error, Result};

/// The largest message that servers accept by default, less than which a batch has to be.
const LARGEST_BATCH: u64 = 4 * 1024 * 1024 - 64 * 1024;

/// What the cluster can do.
#[derive(Clone, Debug)]
pub(crate) struct Capabilities {
    /// The newest version of the API that it speaks.
    pub protocol: String,
    /// The number of bytes of all blobs in one batch.
    pub batch: u64,
    /// The size of the largest blob that it stores, if it states one.
    pub largest_blob: Option<u64>,
    /// Whether results may be written to the action cache; `None` if it does not say.
    pub writes_cache: Option<bool>,
    /// Whether it runs actions with SHA-256.
    pub executes: bool,
}

impl Capabilities {
    /// Reads the answer. It is an error if larder can't use the cluster at all.
    pub fn read(answer: &re::ServerCapabilities, place: &str) -> Result<Self> {
        let sha256 = re::digest_function::Value::Sha256 as i32;
        let unusable = |why: &str| {
            Error::failed(format!("the executor {place} can't be used: {why}"))
                .hint("ask those who run it, or name another executor")
        };
        let version = |version: &SemVer| (version.major, version.minor);
        if answer
            .low_api_version
            .as_ref()
            .is_some_and(|low| version(low) > (2, i32::MAX))
            || answer
                .high_api_version
                .as_ref()
                .is_some_and(|high| version(high) < (2, 1))
        {
            return Err(unusable(&format!(
                "it speaks the versions {} to {} of the Remote Execution API, and not 2.1",
                shown(answer.low_api_version.as_ref()),
                shown(answer.high_api_version.as_ref())
            )));
        }
        let Some(cache) = &answer.cache_capabilities else {
            return Err(unusable("it has no content-addressed storage"));
        };
        if !cache.digest_functions.contains(&sha256) {
            return Err(unusable("it does not store blobs by their SHA-256"));
        }
        let batch = u64::try_from(cache.max_batch_total_size_bytes).unwrap_or(0);
        let largest_blob = u64::try_from(cache.max_cas_blob_size_bytes).ok();
        let updates = cache.action_cache_update_capabilities.as_ref();
        Ok(Self {
            protocol: shown(answer.high_api_version.as_ref()),
            batch: if batch == 0 {
                LARGEST_BATCH
            } else {
                batch.min(LARGEST_BATCH)
            },
            largest_blob: largest_blob.filter(|size| *size > 0),
            writes_cache: updates.map(|updates| updates.update_enabled),
            executes: answer
                .execution_capabilities
                .as_ref()
                .is_some_and(|execution| {
                    execution.exec_enabled
                        && (execution.digest_function == sha256
                            || execution.digest_functions.contains(&sha256))
                }),
        })
    }
}

fn shown(version: Option<&SemVer>) -> String {
    version.map_or_else(
        || "2".to_owned(),
        |version| format!("{}.{}", version.major, version.minor),
    )
}
