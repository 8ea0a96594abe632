//! Putting binaries into the folder, and removing them.
//!
//! A body is hashed while it is written to a hidden file in the served folder, which then is flushed
//! and renamed to its name, if nothing else has that name. Whatever ends an upload early, the hidden
//! file is removed. The index is up to date before the answer is sent.

use std::io::{self, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use larder_core::fs;
use larder_core::model::{Digest, Hasher};
use larder_core::staging::StagedFile;

use super::audit::Changed;
use super::parameters::{Segments, place, version};
use super::{Handled, JSON, document, words};
use crate::bytes::{Represented, precondition};
use crate::index::name::{self, Coordinate, Version, is_name};
use crate::index::snapshot::json;
use crate::index::{BinaryInfo, Entry, Stamp};
use crate::problem::{Problem, ProblemDocument, Result};
use crate::server::Server;

/// The beginning of the names of uploads that are not complete.
pub const STAGED: &str = ".tmp-upload-";

type Segments4 = Segments<(String, String, String, String)>;

/// Put a binary
#[utoipa::path(put, path = "/api/binaries/{name}/{version}/{platform}/{arch}",
    params(
        ("name" = inline(words::NewName), Path, description = "The name", example = "storage-server"),
        ("version" = inline(words::NewVersion), Path, description = "A semantic version", example = "1.0.0"),
        ("platform" = inline(words::Platform), Path, description = "linux, darwin (or macos), windows", example = "linux"),
        ("arch" = inline(words::Architecture), Path, description = "x86_64 (or amd64), aarch64 (or arm64), arm, x86", example = "x86_64"),
    ),
    request_body(content = Option<Vec<u8>>, content_type = "application/octet-stream"),
    responses(
    (status = 201, description = "It is there now", body = BinaryInfo),
    (status = 200, description = "The same bytes were there", body = BinaryInfo),
    (status = 409, description = "Other bytes are there", body = ProblemDocument, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn put(
    State(server): State<Arc<Server>>,
    Segments((name, version, platform, arch)): Segments4,
    headers: HeaderMap,
    body: Body,
) -> Handled {
    super::hub::refuse_change(&server)?;
    let coordinate = coordinate(&name, &version, &platform, &arch)?;
    let file = coordinate.file();
    check_headers(&server, &headers)?;
    let snapshot = server.index.snapshot();
    let there = snapshot.file(&file).map(|entry| Represented::of(entry));
    if let Some(status) = precondition(&Method::PUT, &headers, there.as_ref()) {
        return Err(Problem::new(
            status,
            format!("{file}: the request's conditions do not hold"),
        )
        .into());
    }
    let staged = receive(&server, body).await?;
    if let Some(stated) = stated_digest(&headers)?
        && stated != staged.digest
    {
        let detail = format!(
            "the body has the sha256 {}, and the request's header states {stated}",
            staged.digest
        );
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).into());
    }
    let digest = staged.digest;
    let (status, entry) = place_file(&server, &file, staged).await?;
    let mut response = document(JSON, json(&entry.info()));
    *response.status_mut() = status;
    response.extensions_mut().insert(Changed {
        file: file.clone(),
        digest,
    });
    if let Ok(location) = HeaderValue::from_str(&format!("/binaries/{file}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Remove a binary
#[utoipa::path(delete, path = "/api/binaries/{name}/{version}/{platform}/{arch}",
    params(
        ("name" = inline(words::NewName), Path, description = "The name", example = "storage-server"),
        ("version" = inline(words::NewVersion), Path, description = "With or without a leading v", example = "1.0.0"),
        ("platform" = inline(words::Platform), Path, description = "linux, darwin (or macos), windows", example = "linux"),
        ("arch" = inline(words::Architecture), Path, description = "x86_64 (or amd64), aarch64 (or arm64), arm, x86", example = "x86_64"),
    ),
    responses(
    (status = 204, description = "It is removed"),
    (status = 409, description = "A channel points at it, or a rollout moves nodes to it", body = ProblemDocument, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn delete(
    State(server): State<Arc<Server>>,
    Segments((name, version, platform, arch)): Segments4,
    headers: HeaderMap,
) -> Handled {
    super::hub::refuse_change(&server)?;
    let coordinate = coordinate(&name, &version, &platform, &arch)?;
    let file = coordinate.file();
    let snapshot = super::binaries::ready(&server)?;
    let Some(entry) = snapshot.file(&file) else {
        return Err(Problem::not_found(format!("there is no {file}")).into());
    };
    if let Some(status) = precondition(&Method::DELETE, &headers, Some(&Represented::of(entry))) {
        return Err(Problem::new(
            status,
            format!("{file}: the request's conditions do not hold"),
        )
        .into());
    }
    if let Some(why) = server
        .fleet
        .needs(&coordinate.name, coordinate.version.as_str())?
    {
        let detail = format!("{file} can't be removed: {why}");
        return Err(Problem::new(StatusCode::CONFLICT, detail).into());
    }
    let folder = server.index.folder().clone();
    let path = folder.path().join(&file);
    blocking(move || {
        fs::remove_file(&path)?;
        fs::sync_dir(folder.path())
    })
    .await
    .and_then(|removed| {
        removed
            .map_err(|error| Problem::unavailable(format!("{file} can't be removed: {error}"), 10))
    })?;
    server.index.refresh(&file).await;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.extensions_mut().insert(Changed {
        file,
        digest: entry.digest,
    });
    Ok(response)
}

/// Reads the path of a request that writes.
fn coordinate(name: &str, wanted: &str, platform: &str, arch: &str) -> Result<Coordinate> {
    let (platform, arch) = place(platform, arch)?;
    if !is_name(name) {
        let unfit = name::Unfit::Name(name.chars().take(100).collect());
        let hint = if name.contains('_') {
            "; write a dash for the underscore"
        } else {
            ""
        };
        return Err(Problem::bad_request(format!("{unfit}{hint}")));
    }
    let coordinate = Coordinate {
        name: name.into(),
        version: Version::new(version(wanted)),
        platform,
        arch,
    };
    let file = coordinate.file();
    if file.len() > name::LONGEST {
        return Err(Problem::bad_request(format!(
            "the name of the file would be longer than {} bytes",
            name::LONGEST
        )));
    }
    match name::parse(&file) {
        Ok(same) if same == coordinate => Ok(coordinate),
        Ok(other) => Err(Problem::bad_request(format!(
            "the file {file} would be read as {} in version {}: a name must not contain a version",
            other.name,
            other.version.as_str()
        ))),
        Err(unfit) => Err(Problem::bad_request(format!(
            "the file {file} would not be registered: {unfit}"
        ))),
    }
}

fn check_headers(server: &Server, headers: &HeaderMap) -> Result<()> {
    if headers.contains_key(CONTENT_RANGE) {
        return Err(Problem::bad_request(
            "a part of a file can't be put; send the whole file again",
        ));
    }
    if let Some(encoding) = headers.get(CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(Problem::bad_request(
            "the body is stored as it is; send it without Content-Encoding",
        ));
    }
    let most = server.settings.max_upload;
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    match length.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > most => Err(too_large(most)),
        _ => Ok(()),
    }
}

fn too_large(most: u64) -> Box<Problem> {
    let detail = format!("an upload has at most {most} bytes here (--max-upload)");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        .with(CONNECTION, HeaderValue::from_static("close"))
}

/// The digest that a header of the request states (RFC 9530).
fn stated_digest(headers: &HeaderMap) -> Result<Option<Digest>> {
    let Some(value) = ["repr-digest", "content-digest"]
        .iter()
        .find_map(|name| headers.get(*name))
    else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let Some(encoded) = text
        .split(',')
        .find_map(|part| part.trim().strip_prefix("sha-256=:")?.strip_suffix(':'))
    else {
        return Ok(None);
    };
    let bytes = STANDARD.decode(encoded).ok();
    match bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
        Some(bytes) => Ok(Some(Digest::from_bytes(bytes))),
        None => Err(Problem::bad_request(
            "the stated sha-256 is not 32 bytes in base64",
        )),
    }
}

/// A complete upload under a temporary name.
#[derive(Debug)]
struct Upload {
    staged: StagedFile,
    stamp: Stamp,
    digest: Digest,
}

/// Receives a body: each piece is hashed and written as it comes.
async fn receive(server: &Server, mut body: Body) -> Result<Upload> {
    let folder = server.index.folder().clone();
    let staged = blocking(move || StagedFile::without_sweep(folder.path().as_std_path(), STAGED));
    let mut staged = staged.await?.map_err(|error| {
        Problem::unavailable(format!("the upload can't be stored: {error}"), 10)
    })?;
    let mut hasher = Hasher::new();
    let limit = server.settings.timeouts.body;
    let most = server.settings.max_upload;
    let mut received = 0;
    loop {
        let data = match tokio::time::timeout(limit, body.frame()).await {
            Err(_) => {
                let detail = "the body of the request stopped arriving";
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
                    .with(CONNECTION, HeaderValue::from_static("close")));
            }
            Ok(Some(Err(error))) => {
                return Err(Problem::bad_request(format!(
                    "the body of the request can't be read: {error}"
                )));
            }
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => data,
                Err(_) => continue,
            },
            Ok(None) => break,
        };
        received += data.len() as u64;
        server.metrics.received(data.len() as u64);
        if received > most {
            return Err(too_large(most));
        }
        // The disk may make the writer wait. A thread for each upload would be worse: there can be
        // more slow uploads than threads.
        tokio::task::block_in_place(|| {
            hasher.update(&data);
            staged.file_mut().write_all(&data)
        })
        .map_err(|error| not_stored(&error))?;
    }
    let complete = move || {
        staged.file().sync_all()?;
        fs::set_mode(staged.path(), 0o644).map_err(io::Error::other)?;
        let stamp = Stamp::of(&staged.file().metadata()?);
        io::Result::Ok(Upload {
            staged,
            stamp,
            digest: hasher.finish(),
        })
    };
    blocking(complete)
        .await?
        .map_err(|error| not_stored(&error))
}

fn not_stored(error: &io::Error) -> Box<Problem> {
    let status = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StatusCode::INSUFFICIENT_STORAGE
        }
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, format!("the upload can't be stored: {error}"))
}

/// Gives an upload its name. If something has that name, the bytes decide.
async fn place_file(
    server: &Server,
    file: &str,
    upload: Upload,
) -> Result<(StatusCode, Arc<Entry>)> {
    let Upload {
        staged,
        stamp,
        digest,
    } = upload;
    server.index.announce(file, stamp, digest);
    let folder = server.index.folder().clone();
    let path = folder.path().join(file);
    let named = blocking(move || match staged.rename_new(path.as_std_path()) {
        Ok(()) => fs::sync_dir(folder.path()).map_err(io::Error::other),
        Err((error, _)) => Err(error),
    })
    .await?;
    match named {
        Ok(()) => match server.index.register(file, stamp, digest).await {
            Some(entry) => Ok((StatusCode::CREATED, entry)),
            None => Err(Problem::unavailable(
                format!("{file} was replaced or removed as soon as it was there"),
                1,
            )),
        },
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            same_bytes(server, file, digest).await
        }
        Err(error) => {
            server.index.refresh(file).await;
            Err(not_stored(&error))
        }
    }
}

/// Something has the name already: 200 if it has the same bytes.
async fn same_bytes(
    server: &Server,
    file: &str,
    digest: Digest,
) -> Result<(StatusCode, Arc<Entry>)> {
    let folder = server.index.folder().clone();
    let name = file.to_owned();
    let there = blocking(move || {
        let (open, stamp) = folder.open_file(&name)?;
        let (digest, _) = Digest::of_reader(open)?;
        io::Result::Ok((stamp, digest))
    })
    .await?;
    let conflict = |why: String| Problem::new(StatusCode::CONFLICT, why);
    match there {
        Ok((stamp, other)) if other == digest => {
            match server.index.register(file, stamp, digest).await {
                Some(entry) => Ok((StatusCode::OK, entry)),
                None => Err(conflict(format!("{file} is there and is being written to"))),
            }
        }
        Ok((_, other)) => {
            server.index.refresh(file).await;
            Err(conflict(format!(
                "{file} is there with other bytes (sha256 {other}); a version never changes, so choose another one"
            )))
        }
        Err(error) => {
            server.index.refresh(file).await;
            Err(conflict(format!(
                "{file} is there and can't be read: {error}"
            )))
        }
    }
}

/// Does what may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Problem::unavailable("the server is stopping", 1))
}
