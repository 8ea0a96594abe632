//! What the answers of a registry mean, as errors.

use larder_core::error::{Error, Kind};
use serde_json::Value;

use crate::http::Answer;

/// The code of the first error that a registry states, such as `DENIED`.
pub(super) fn code(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    Some(body["errors"][0]["code"].as_str()?.to_owned())
}

/// What the registry says about a failure.
pub(super) fn message(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let error = &body["errors"][0];
    let words: Vec<&str> = [&error["code"], &error["message"], &body["details"]]
        .into_iter()
        .filter_map(Value::as_str)
        .collect();
    let text: String = words.join(": ").chars().take(200).collect();
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    (!text.is_empty()).then_some(text)
}

/// The error of an answer that is neither what was asked for nor about rights.
pub(super) fn error(answer: &Answer) -> Error {
    let mut error = answer.error();
    // The registry does not take the request as it is, and would not take it again.
    let is_final = (400..500).contains(&answer.status)
        && !matches!(answer.status, 401 | 403 | 404 | 407 | 408 | 410 | 425 | 429);
    if is_final {
        error = error.with_kind(Kind::Failed);
    }
    match message(answer) {
        Some(message) => error.cause(message),
        None => error,
    }
}
