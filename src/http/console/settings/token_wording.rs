//! What the pages say of personal access tokens and of API keys, and where they are: they differ in little else.

use crate::model::token::TokenKind;

/// The words for one kind.
pub(super) struct Wording {
    /// The page with the list; what stands before an identifier in an address.
    pub(super) path: &'static str,
    /// Their place in the navigation.
    pub(super) here: &'static str,
    /// What the page with the list is called.
    pub(super) title: &'static str,
    /// What one of them is called.
    pub(super) noun: &'static str,
    /// Whether they are API keys, which have no scopes.
    pub(super) is_key: bool,
    /// The title of the page about one.
    pub(super) one: &'static str,
    /// Of the form for a new one.
    pub(super) new: &'static str,
    /// Of the page that shows the secret.
    pub(super) secret: &'static str,
    /// Of the page that asks whether to rotate.
    pub(super) rotate: &'static str,
    /// Of the page that asks whether to delete.
    pub(super) delete: &'static str,
    /// What was done when one was deleted.
    pub(super) deleted: &'static str,
}

static TOKENS: Wording = Wording {
    path: "/settings/tokens",
    here: "tokens",
    title: "Tokens",
    noun: "token",
    is_key: false,
    one: "Token",
    new: "New token",
    secret: "Your new token",
    rotate: "Rotate token",
    delete: "Delete token",
    deleted: "token-deleted",
};

static API_KEYS: Wording = Wording {
    path: "/settings/api-keys",
    here: "api-keys",
    title: "API keys",
    noun: "API key",
    is_key: true,
    one: "API key",
    new: "New API key",
    secret: "Your new API key",
    rotate: "Rotate API key",
    delete: "Delete API key",
    deleted: "key-deleted",
};

impl Wording {
    /// The words for this kind.
    pub(super) fn of(kind: TokenKind) -> &'static Self {
        match kind {
            TokenKind::Pat => &TOKENS,
            TokenKind::ApiKey => &API_KEYS,
        }
    }
}
