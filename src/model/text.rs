//! Short texts that people write: names, reasons, tickets.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

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
    if text.chars().any(rearranges) || text.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
        return Err(Invalid::new(format!("the {what} holds characters that hide or rearrange it")));
    }
    Ok(text.to_owned())
}

/// Characters that break lines or turn the direction of writing: a text with them reads as something else.
fn rearranges(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Characters that show nothing, or change how what stands around them is shown.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2028}'..='\u{2029}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The same text as it can be looked for: PostgreSQL keeps no NUL, so nothing has one.
pub fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
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

/// The form in which names are sorted and searched: folded, and without accents.
pub fn search_key(text: &str) -> String {
    fold(text).nfd().filter(|c| !is_combining_mark(*c)).collect()
}

/// The words of some texts, as they are searched: each once, at most `limit`.
pub fn words<'t>(texts: impl IntoIterator<Item = &'t str>, limit: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for text in texts {
        let key = search_key(text);
        for word in key.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            if words.len() < limit && words.iter().all(|known| known != word) {
                words.push(word.to_owned());
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_trimmed_and_bounded() {
        assert_eq!(one_line("name", "  Ada  ", 3), Ok("Ada".to_owned()));
        for wrong in ["", "   ", "Adam", "A\nB", "\u{0}", "\u{200b}", "A\u{202e}B", "A\u{2028}B"] {
            assert!(one_line("name", wrong, 3).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn words_are_folded_and_come_once() {
        assert_eq!(
            words(["José O'Hara", "jose.ohara@acme.example"], 16),
            ["jose", "o", "hara", "ohara", "acme", "example"]
        );
        assert_eq!(words(["a b c"], 2), ["a", "b"]);
        assert!(words(["—"], 2).is_empty());
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
