//! The files of an archive whose names are most similar to the selected ones, for errors.

use super::CANDIDATES;
use crate::error::Error;
use crate::suggestions;

/// The files whose names are most similar to the selected names. Errors list them.
pub(in crate::archive) struct SimilarNames {
    stems: Vec<String>,
    best: Vec<(f64, String)>,
    count: usize,
}

impl SimilarNames {
    pub(in crate::archive) fn new(stems: impl Into<Vec<String>>) -> Self {
        Self {
            stems: stems.into(),
            best: Vec::new(),
            count: 0,
        }
    }

    /// Adds a hint that lists them.
    pub(in crate::archive) fn hint(&self, error: Error) -> Error {
        match self.best.as_slice() {
            [] => error.hint("the archive contains no files"),
            best => error.hint(format!(
                "{} {}: {}",
                if self.count > best.len() {
                    "the most similar of the archive's"
                } else {
                    "the archive's"
                },
                if self.count == 1 {
                    "1 file".to_owned()
                } else {
                    format!("{} files", self.count)
                },
                best.iter()
                    .map(|(_, path)| format!("`{path}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    }

    pub(in crate::archive) fn consider(&mut self, path: &str) {
        self.count += 1;
        let base = path.rsplit('/').next().unwrap_or(path);
        let score = self
            .stems
            .iter()
            .map(|stem| suggestions::similarity(stem, base))
            .fold(0.0, f64::max);
        let place = self.best.partition_point(|(s, _)| *s >= score);
        if place < CANDIDATES {
            self.best.insert(place, (score, path.to_owned()));
            self.best.truncate(CANDIDATES);
        }
    }
}
