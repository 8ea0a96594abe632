//! "Did you mean …?": finds the known word that an unknown word was probably meant to be.
//!
//! Every message about an unknown word uses this module, so that all of them suggest by the same
//! rule.

/// Returns the known word that was probably meant, or `None` if no word is similar enough.
///
/// Case is ignored. One typing error is allowed in a short word and up to three in a longer one. A
/// missing or additional `s` at the end is always accepted.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    // `bild` suggests `build`, while a word of one or two letters suggests nothing.
    let allowed = match word.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    known
        .into_iter()
        // Compare lengths first, which is cheap: there may be thousands of words.
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

/// The similarity of two texts from 0 to 1, where a common beginning counts most. It is for sorting
/// candidates; to find the word that was meant, use [`nearest`].
pub fn similarity(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

fn plural(word: &str, candidate: &str) -> bool {
    word.strip_suffix('s') == Some(candidate) || candidate.strip_suffix('s') == Some(word)
}

/// A hint for an unknown word: the word that was probably meant, or else the known words.
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
