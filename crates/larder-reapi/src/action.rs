//! The command and the action: messages that every machine writes alike, because their digest is the
//! name of the result.

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use bazel_remote_apis::google::protobuf;
use bytes::Bytes;
use larder_core::error::{Error, Result};
use larder_engine::executor::remote::RemoteAction;
use prost::Message as _;

use crate::upload::{Blobs, Content};
use crate::wire::BlobId;

/// An action and its command as blobs.
#[derive(Debug)]
pub(crate) struct Described {
    /// The action.
    pub id: BlobId,
    /// Both messages.
    pub blobs: Blobs,
}

impl Described {
    /// Describes an action with this input root.
    pub fn new(action: &RemoteAction<'_>, root: BlobId) -> Result<Self> {
        // Without `..`: all of an action decides its result.
        let RemoteAction {
            script,
            environment,
            inputs: _,
            empty_folders: _,
            output,
            properties,
            timeout,
            salt,
        } = action;
        if output.is_empty() || output.starts_with('/') || output.ends_with('/') {
            return Err(Error::usage(format!(
                "`{output}` is no output folder of a remote build"
            )));
        }
        let platform = (!properties.is_empty()).then(|| re::Platform {
            // Maps are sorted, as the protocol demands.
            properties: properties
                .iter()
                .map(|(name, value)| re::platform::Property {
                    name: name.clone(),
                    value: value.clone(),
                })
                .collect(),
        });
        #[expect(deprecated, reason = "older servers read the platform of the command")]
        let command = re::Command {
            arguments: vec!["/bin/sh".to_owned(), "-c".to_owned(), script.clone()],
            environment_variables: environment
                .iter()
                .map(|(name, value)| re::command::EnvironmentVariable {
                    name: name.clone(),
                    value: value.clone(),
                })
                .collect(),
            output_paths: vec![output.clone()],
            platform: platform.clone(),
            ..re::Command::default()
        };
        let command = Bytes::from(command.encode_to_vec());
        let message = re::Action {
            command_digest: Some(BlobId::of(&command).to_wire()),
            input_root_digest: Some(root.to_wire()),
            timeout: timeout.map(|timeout| protobuf::Duration {
                seconds: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
                nanos: i32::try_from(timeout.subsec_nanos()).unwrap_or(0),
            }),
            do_not_cache: false,
            salt: salt.clone(),
            platform,
        };
        let message = Bytes::from(message.encode_to_vec());
        let id = BlobId::of(&message);
        Ok(Self {
            id,
            blobs: Blobs::from([
                (BlobId::of(&command), Content::Bytes(command)),
                (id, Content::Bytes(message)),
            ]),
        })
    }
}
