//! Workers: they make the input root in a folder for temporary files, run the command there, and
//! store its outputs; or they only wait, and store an output that depends on the action.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use larder_core::model::Digest;
use prost::Message as _;
use tonic::Status;

use crate::state::{State, digest_of, parse};

/// What workers call themselves.
pub(crate) const NAME: &str = "worker-1";

fn decode<T: prost::Message + Default>(state: &State, digest: Option<&re::Digest>) -> Option<T> {
    let (hash, _) = parse(digest).ok()?;
    T::decode(&state.blob(&hash)?[..]).ok()
}

/// The blobs that describe an action: itself and its command.
pub(crate) fn described(state: &State, action: Digest) -> Vec<Digest> {
    let bytes = state.blob(&action).unwrap_or_else(|| (&b""[..]).into());
    let message = re::Action::decode(&bytes[..]).unwrap_or_default();
    let command = parse(message.command_digest.as_ref()).ok();
    std::iter::once(action)
        .chain(command.map(|(hash, _)| hash))
        .collect()
}

/// The blobs of an action that are not stored.
pub(crate) fn lacking(state: &State, action: re::Digest) -> Vec<re::Digest> {
    let Some(message) = decode::<re::Action>(state, Some(&action)) else {
        return vec![action];
    };
    let mut lacking = Vec::new();
    let mut check = |digest: &Option<re::Digest>| {
        let digest = digest.clone().unwrap_or_default();
        let (hash, size) = parse(Some(&digest)).unwrap_or((Digest::of(b"?"), 0));
        let stored = state.blob(&hash).filter(|bytes| bytes.len() as u64 == size);
        if stored.is_none() {
            lacking.push(digest);
        }
        stored
    };
    check(&message.command_digest);
    let mut folders = vec![message.input_root_digest];
    while let Some(digest) = folders.pop() {
        let Some(bytes) = check(&digest) else {
            continue;
        };
        let folder = re::Directory::decode(&bytes[..]).unwrap_or_default();
        folder
            .files
            .iter()
            .for_each(|file| drop(check(&file.digest)));
        folders.extend(folder.directories.into_iter().map(|folder| folder.digest));
    }
    lacking
}

/// Runs an action.
pub(crate) async fn run(state: &State, action: Digest) -> Result<re::ActionResult, Status> {
    let lost = |what: &str| Status::internal(format!("{what} is lost"));
    let bytes = state.blob(&action).ok_or_else(|| lost("the action"))?;
    let action_message = re::Action::decode(&bytes[..]).map_err(|_| lost("the action"))?;
    let command: re::Command =
        decode(state, action_message.command_digest.as_ref()).ok_or_else(|| lost("the command"))?;
    if let Some(time) = state.options.simulated {
        tokio::time::sleep(time).await;
        let folder = tempfile::tempdir().map_err(|error| Status::internal(error.to_string()))?;
        let text = format!("#!/bin/sh\necho {action}\n");
        std::fs::write(folder.path().join("program"), text).map_err(io)?;
        set_executable(&folder.path().join("program"));
        return result(
            state,
            &command,
            folder.path(),
            "",
            Vec::new(),
            Vec::new(),
            0,
        );
    }
    let folder = tempfile::tempdir().map_err(io)?;
    materialise(
        state,
        action_message.input_root_digest.as_ref(),
        folder.path(),
    )?;
    let longest = state.options.longest;
    let timeout = action_message.timeout.map_or(longest, |stated| {
        Duration::from_secs(u64::try_from(stated.seconds).unwrap_or(0))
            + Duration::from_nanos(u64::try_from(stated.nanos).unwrap_or(0))
    });
    if timeout > longest {
        return Err(Status::invalid_argument(format!(
            "the timeout of {timeout:?} is greater than the maximum of {longest:?}"
        )));
    }
    let mut child = tokio::process::Command::new(&command.arguments[0]);
    child
        .args(&command.arguments[1..])
        .env_clear()
        .envs(state.options.path.iter().map(|path| ("PATH", path)))
        .envs(
            command
                .environment_variables
                .iter()
                .map(|it| (&it.name, &it.value)),
        )
        .current_dir(folder.path().join(&command.working_directory))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    child.process_group(0);
    let child = child.spawn().map_err(io)?;
    let group = Group(child.id());
    let output = tokio::time::timeout(timeout, child.wait_with_output())
        .await
        .map_err(|_| Status::deadline_exceeded("the action ran longer than it may"))?
        .map_err(io)?;
    drop(group);
    let output_path = command.output_paths.first().cloned().unwrap_or_default();
    result(
        state,
        &command,
        folder.path(),
        &output_path,
        output.stdout,
        output.stderr,
        output.status.code().unwrap_or(128),
    )
}

/// The processes of an action. They end when it does, or when it is cancelled.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.0.and_then(|id| i32::try_from(id).ok())
            && let Some(leader) = rustix::process::Pid::from_raw(leader)
        {
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

fn io(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}

/// Makes the files of an input root.
fn materialise(state: &State, digest: Option<&re::Digest>, path: &Path) -> Result<(), Status> {
    let folder: re::Directory =
        decode(state, digest).ok_or_else(|| Status::internal("a folder is lost"))?;
    let names = |names: Vec<&String>| names.is_sorted();
    if !names(folder.files.iter().map(|it| &it.name).collect())
        || !names(folder.directories.iter().map(|it| &it.name).collect())
        || !names(folder.symlinks.iter().map(|it| &it.name).collect())
    {
        return Err(Status::invalid_argument("a folder is not sorted"));
    }
    std::fs::create_dir_all(path).map_err(io)?;
    for file in &folder.files {
        let (hash, _) = parse(file.digest.as_ref())?;
        let bytes = state
            .blob(&hash)
            .ok_or_else(|| Status::internal("a file is lost"))?;
        let path = path.join(&file.name);
        std::fs::write(&path, &bytes[..]).map_err(io)?;
        if file.is_executable {
            set_executable(&path);
        }
    }
    #[cfg(unix)]
    for link in &folder.symlinks {
        std::os::unix::fs::symlink(&link.target, path.join(&link.name)).map_err(io)?;
    }
    for inner in &folder.directories {
        materialise(state, inner.digest.as_ref(), &path.join(&inner.name))?;
    }
    Ok(())
}

fn set_executable(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755));
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Stores the outputs of a command, and describes them.
fn result(
    state: &State,
    command: &re::Command,
    folder: &Path,
    output: &str,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    exit_code: i32,
) -> Result<re::ActionResult, Status> {
    let mut result = re::ActionResult {
        exit_code,
        stderr_raw: stderr,
        execution_metadata: Some(re::ExecutedActionMetadata {
            worker: NAME.to_owned(),
            ..re::ExecutedActionMetadata::default()
        }),
        ..re::ActionResult::default()
    };
    // Short texts are sent along, long ones are blobs.
    if stdout.len() > 1000 {
        state.store(Some(&digest_of(&stdout)), &stdout)?;
        result.stdout_digest = Some(digest_of(&stdout));
    } else {
        result.stdout_raw = stdout;
    }
    let path = folder.join(output);
    if exit_code == 0 && path.is_dir() {
        let mut children = HashMap::new();
        let root = store_folder(state, &path, &mut children)?;
        let tree = re::Tree {
            root: Some(root),
            children: children.into_values().collect(),
        };
        let tree = tree.encode_to_vec();
        state.store(Some(&digest_of(&tree)), &tree)?;
        result.output_directories.push(re::OutputDirectory {
            path: command.output_paths.first().cloned().unwrap_or_default(),
            tree_digest: Some(digest_of(&tree)),
            ..re::OutputDirectory::default()
        });
    }
    Ok(result)
}

fn store_folder(
    state: &State,
    path: &Path,
    children: &mut HashMap<String, re::Directory>,
) -> Result<re::Directory, Status> {
    let mut message = re::Directory::default();
    let mut entries: Vec<_> = std::fs::read_dir(path)
        .map_err(io)?
        .collect::<Result<_, _>>()
        .map_err(io)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (name, path) = (
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
        );
        let metadata = path.symlink_metadata().map_err(io)?;
        if metadata.is_symlink() {
            let target = std::fs::read_link(&path).map_err(io)?;
            message.symlinks.push(re::SymlinkNode {
                name,
                target: target.to_string_lossy().into_owned(),
                node_properties: None,
            });
        } else if metadata.is_dir() {
            let inner = store_folder(state, &path, children)?;
            let digest = digest_of(&inner.encode_to_vec());
            children.insert(digest.hash.clone(), inner);
            message.directories.push(re::DirectoryNode {
                name,
                digest: Some(digest),
            });
        } else {
            let bytes = std::fs::read(&path).map_err(io)?;
            state.store(Some(&digest_of(&bytes)), &bytes)?;
            message.files.push(re::FileNode {
                name,
                digest: Some(digest_of(&bytes)),
                is_executable: is_executable(&metadata),
                node_properties: None,
            });
        }
    }
    Ok(message)
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    true
}
