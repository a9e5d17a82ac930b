//! Short texts that people write: names, reasons, tickets.

use unicode_normalization::UnicodeNormalization;

use super::Invalid;

/// The most characters that a name may have.
pub const NAME_LENGTH: usize = 200;

/// The most characters that a reason may have.
pub const REASON_LENGTH: usize = 1000;

/// Takes a text of one line: trimmed, not empty, without control characters, at most `limit` characters.
///
/// # Errors
/// Says which of these the text breaks; `what` names it there.
pub fn one_line(what: &str, text: &str, limit: usize) -> Result<String, Invalid> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Invalid::new(format!("the {what} is empty")));
    }
    if text.chars().count() > limit {
        return Err(Invalid::new(format!("the {what} is longer than {limit} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(format!("the {what} holds a control character or a line break")));
    }
    Ok(text.to_owned())
}

/// Folds case and Unicode normalisation: upper and then lower case takes 'ß' with 'SS' and 'ς' with 'Σ',
/// NFKC takes the Kelvin sign with 'k'. Repeated until nothing changes, so that folding again changes nothing.
pub fn fold(text: &str) -> String {
    let mut folded: String = text.to_owned();
    for _ in 0..4 {
        let next: String = folded.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect();
        if next == folded {
            break;
        }
        folded = next;
    }
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_trimmed_and_bounded() {
        assert_eq!(one_line("name", "  Ada  ", 3), Ok("Ada".to_owned()));
        for wrong in ["", "   ", "Adam", "A\nB", "\u{0}"] {
            assert!(one_line("name", wrong, 3).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
