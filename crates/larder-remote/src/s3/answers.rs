//! What the answers of a store mean, as errors, and the texts of their XML.

use larder_core::error::{Error, Kind};
use roxmltree::{Document, Node};

use crate::http::Answer;

/// What a store says about a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Failure {
    /// Such as `AccessDenied`; empty if it says nothing.
    pub(super) code: String,
    pub(super) message: String,
    /// The region to use, where the request went to a wrong one.
    pub(super) region: Option<String>,
}

/// The text of an element below a node.
pub(super) fn text<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let is_it = |child: &Node<'_, '_>| child.tag_name().name() == name;
    node.descendants().find(is_it)?.text()
}

/// The elements of a name below a node.
pub(super) fn each<'a, 'i>(
    node: Node<'a, 'i>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.descendants()
        .filter(move |child| child.tag_name().name() == name)
}

/// The XML of an answer.
pub(super) fn xml<T>(
    answer: &Answer,
    read: impl FnOnce(Node<'_, '_>) -> Option<T>,
) -> Result<T, Error> {
    let wrong = || {
        Error::unavailable(format!(
            "{} did not answer with the XML that was expected",
            answer.url
        ))
    };
    let body = std::str::from_utf8(&answer.body).map_err(|error| wrong().cause(error))?;
    let document = Document::parse(body).map_err(|error| wrong().cause(error))?;
    read(document.root_element()).ok_or_else(wrong)
}

impl Failure {
    /// Reads the body and the headers of an answer.
    pub(super) fn of(answer: &Answer) -> Self {
        let mut failure = Self::default();
        let body = String::from_utf8_lossy(&answer.body);
        if let Ok(document) = Document::parse(&body)
            && document.root_element().tag_name().name() == "Error"
        {
            let root = document.root_element();
            let of = |name| text(root, name).map(clean);
            failure.code = of("Code").unwrap_or_default();
            failure.message = of("Message").unwrap_or_default();
            failure.region = of("Region");
        }
        let header = answer.header("x-amz-bucket-region").map(clean);
        failure.region = header.or(failure.region).filter(|region| is_region(region));
        failure
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code == code
    }
}

/// Whether a store that was asked for a list of uploads, or of their parts, has none to give. Smaller
/// stores don't know such lists, and rclone has none while no upload is open.
pub(super) fn has_no_uploads(answer: &Answer) -> bool {
    matches!(answer.status, 405 | 501) || Failure::of(answer).is("NoSuchUpload")
}

/// Whether a text can be a region. It becomes part of a host name.
pub(super) fn is_region(text: &str) -> bool {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=40).contains(&text.len()) && text.chars().all(is_good)
}

/// A short text without control characters, for messages.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The error of an answer.
pub(super) fn error(answer: &Answer, bucket: &str) -> Error {
    let failure = Failure::of(answer);
    let Failure { code, message, .. } = &failure;
    let said = match (code.as_str(), message.as_str()) {
        ("", _) => None,
        (code, "") => Some(code.to_owned()),
        (code, message) => Some(format!("{code}: {message}")),
    };
    let error = match (answer.status, code.as_str()) {
        (_, "NoSuchBucket") => Error::refused(format!("there is no bucket `{bucket}`"))
            .hint("check its name, its region and the endpoint"),
        (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken") => {
            Error::refused(format!("{} does not accept the credentials", answer.url)).hint(
                "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile, with `aws sts get-caller-identity`",
            )
        }
        (_, "RequestTimeTooSkewed") => Error::refused(format!(
            "{} refuses the request, because the clock of this machine is wrong",
            answer.url
        ))
        .hint("set the clock of this machine"),
        (_, "BadDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch") => {
            Error::integrity(format!("{} received other bytes than were sent", answer.url))
                .hint("the file changed while it was uploaded; package it again")
        }
        (300..=399, _) => Error::refused(format!("{} is not in this region", answer.url))
            .hint("name the region of the bucket: `hub: {s3: …, region: eu-central-1}`"),
        (401 | 403, _) if answer.authorized => {
            Error::refused(format!("{} answered {}", answer.url, answer.status)).hint(
                "the credentials lack a right; the page about hubs in buckets lists what is needed",
            )
        }
        (403, _) => Error::unavailable(format!("{} can't be read without credentials", answer.url))
            .hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"),
        (400..=499, _) if !matches!(answer.status, 401 | 404 | 407 | 408 | 410 | 425 | 429) => {
            answer.error().with_kind(Kind::Failed)
        }
        _ => answer.error(),
    };
    match said {
        Some(said) => error.cause(said),
        None => error,
    }
}
