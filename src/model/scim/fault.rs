//! What a SCIM request may have wrong, in the protocol's own words.

/// What is wrong with a request, by RFC 7644 section 3.12, table 9; the last three by RFC 9865 section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The filter breaks the grammar, or compares what can't be compared.
    InvalidFilter,
    /// The question has more answers than are given.
    TooMany,
    /// Another resource has this value already.
    Uniqueness,
    /// The attribute can't be changed so.
    Mutability,
    /// The body has the wrong structure.
    InvalidSyntax,
    /// The path names nothing that there is.
    InvalidPath,
    /// The path leads to no value that could be changed.
    NoTarget,
    /// A value is missing, or not of the attribute's type.
    InvalidValue,
    /// The version of SCIM is not spoken here.
    InvalidVersion,
    /// The request holds in its address what must not stand there.
    Sensitive,
    /// The cursor is not one that was given for this list.
    InvalidCursor,
    /// The cursor was good once.
    ExpiredCursor,
    /// The number of resources asked for is none that can be given.
    InvalidCount,
}

impl FaultKind {
    /// The value of `scimType`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVersion => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

/// Something wrong with a SCIM request; the text says what would be right, for a person to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    /// What it is, for programs.
    pub kind: FaultKind,
    /// What it is, for people.
    pub detail: String,
}

impl Fault {
    /// Says what is wrong and what would be right.
    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

/// The beginning of a text that somebody sent, for use in a sentence about it.
pub(super) fn shown(text: &str) -> String {
    const LENGTH: usize = 80;
    let mut characters = text.chars();
    let beginning: String = characters.by_ref().take(LENGTH).collect();
    if characters.next().is_some() { format!("{beginning}…") } else { beginning }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_its_detail() {
        let fault = Fault::new(FaultKind::InvalidVersion, "only version 2.0 is spoken here");
        assert_eq!(fault.to_string(), "only version 2.0 is spoken here");
        assert_eq!(fault.kind.as_str(), "invalidVers");
    }

    #[test]
    fn long_texts_are_shown_by_their_beginning() {
        assert_eq!(shown("userName"), "userName");
        assert_eq!(shown(&"ü".repeat(81)), format!("{}…", "ü".repeat(80)));
    }
}
