//! What is said over gRPC, as messages.

use std::time::Duration;

use larder_core::model::Digest;

use super::Link;
use crate::agent::release::{Attempt, Offer, Phase, Release};
use crate::agent::server::poll::random;
use crate::fleet::v1::{self, Health, HeartbeatRequest, Running, Target};

impl Link {
    pub(super) fn how_it_is(&self) -> HeartbeatRequest {
        let picture = self.view.borrow().picture.clone();
        let running = picture.release.filter(|_| picture.pid.is_some());
        let healthy_for = picture
            .healthy_since
            .map(|since| self.start.elapsed().saturating_sub(since));
        HeartbeatRequest {
            node_id: self.node.node_id.clone(),
            process: self.process.clone(),
            running: running.map(|release| Running {
                name: release.name,
                version: release.version,
                checksum: release.checksum.to_string(),
            }),
            health: match picture.is_healthy {
                None => Health::Unspecified,
                Some(true) => Health::Healthy,
                Some(false) => Health::Unhealthy,
            }
            .into(),
            healthy_for_ms: healthy_for.map_or(0, milliseconds),
            pid: picture.pid.unwrap_or(0),
            attempt: picture.attempt.map(message),
        }
    }

    /// A target as an offer.
    pub(super) fn offer(&self, target: Target) -> std::result::Result<Offer, String> {
        let Target {
            name,
            version,
            checksum,
            file,
            size_bytes,
            rollout,
            soak_ms,
            within_ms,
        } = target;
        let checksum: Digest = checksum
            .parse()
            .map_err(|_| format!("the server offers version {version} without a valid sha256"))?;
        if name != self.config.name || file.is_empty() || file.contains(['/', '\\']) {
            return Err(format!(
                "the server offers {name} {version} ({file}), which is not {}",
                self.config.name
            ));
        }
        Ok(Offer {
            release: Release {
                name,
                version,
                checksum,
                file,
                size: size_bytes,
            },
            rollout,
            soak: Duration::from_millis(soak_ms),
            delay: Duration::from_millis(within_ms).mul_f64(random()),
            is_first: false,
        })
    }
}

pub(super) fn digests(texts: &[String]) -> Vec<Digest> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A step as a message.
pub(super) fn message(attempt: Attempt) -> v1::Attempt {
    let phase = match attempt.phase {
        Phase::Downloading => v1::Phase::Downloading,
        Phase::Verified => v1::Phase::Verified,
        Phase::Starting => v1::Phase::Starting,
        Phase::Running => v1::Phase::Running,
        Phase::Failed => v1::Phase::Failed,
        Phase::Hindered => v1::Phase::Hindered,
    };
    v1::Attempt {
        version: attempt.version,
        checksum: attempt.checksum.to_string(),
        phase: phase.into(),
        reason: attempt.reason,
        rollout: attempt.rollout,
    }
}
