//! "Did you mean …?": which of the known words was probably meant by an unknown one.
//!
//! Every message about an unknown word asks here, so that all of them suggest by the same rule.
//! Knows nothing of what the words name.

/// The known word that was probably meant; `None` where no word is near enough.
///
/// Case does not count. One slip is allowed in a short word and more in a longer one, and a word is
/// also near its plural.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    // One slip in a short word, more in a longer one: `bild` is `build`, `x` is nothing.
    let allowed = match word.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    known
        .into_iter()
        // Cheap first: there may be thousands.
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= allowed.max(1) * 4)
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= allowed || plural(&word, candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How alike two texts are, from 0 to 1, for putting candidates into an order: a common beginning
/// counts most.
///
/// This is not a rule for what was meant; [`nearest`] is.
pub fn similarity(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

fn plural(word: &str, candidate: &str) -> bool {
    word.strip_suffix('s') == Some(candidate) || candidate.strip_suffix('s') == Some(word)
}

/// A hint for an unknown word: the one that was probably meant, else what there is.
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let mut all: Vec<&str> = known.into_iter().collect();
    let more = all.len().saturating_sub(20);
    all.truncate(20);
    match (all.is_empty(), more) {
        (true, _) => "there are none to choose from".to_owned(),
        (false, 0) => format!("known: {}", all.join(", ")),
        (false, more) => format!("known: {} and {more} more", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_suggested() {
        let known = ["binaries", "build", "needs", "upstream"];
        assert_eq!(nearest("binares", known), Some("binaries"));
        assert_eq!(nearest("biuld", known), Some("build"));
        assert_eq!(nearest("Needs", known), Some("needs"));
        assert_eq!(nearest("need", known), Some("needs"));
        assert_eq!(nearest("verify", known), None);
        assert_eq!(nearest("x", known), None);
        assert_eq!(
            hint("verify", known),
            "known: binaries, build, needs, upstream"
        );
    }
}
